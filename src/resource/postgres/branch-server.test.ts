// What is special about branches, on real servers: PostgreSQL 15 where the distribution has put it, else the embedded 18.
import { afterAll, afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Socket, connect as tcpConnect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import type { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { readProcessTable } from "../../os/process-table.ts";
import { createPostgresHarness, eventually, type PostgresHarness } from "./postgres-harness.conformance.ts";
import { findServer, serverPlace } from "./postmaster.ts";
import { findServerProcesses } from "./server-spawn.ts";

setDefaultTimeout(60_000);
const clients = "/usr/lib/postgresql/15/bin";
const version = existsSync(`${clients}/postgres`) ? 15 : 18;
const withClients = existsSync(`${clients}/pg_dump`) && version === 15;

/** The empty template, made once. */
const keep = mkdtempSync(join(tmpdir(), "wt-pg-keep-"));
const kept = join(keep, "postgres");
afterAll(() => rmSync(keep, { recursive: true, force: true }));

let world: PostgresHarness;
beforeEach(async () => {
  world = await createPostgresHarness();
  if (!existsSync(kept)) return;
  mkdirSync(world.state, { mode: 0o700 });
  Bun.spawnSync(["cp", "-a", kept, join(world.state, "postgres")]);
});
afterEach(async () => {
  const templates = join(world.state, "postgres/templates");
  const plain =
    existsSync(templates) && readdirSync(templates).length === 1 && world.reports.some((line) => line.startsWith("making an empty"));
  if (!existsSync(kept) && plain) Bun.spawnSync(["cp", "-a", join(world.state, "postgres"), kept]);
  await world.dispose();
  expect(world.failures).toEqual([]);
});

const spec = (name: string, options = {}) => world.spec(name, { version, ...options });
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => {
      throw new Error("nothing was thrown");
    },
    (error: WtError) => error,
  );
async function ensured(name: string, options = {}) {
  const made = await spec(name, options);
  const connection = await world.driver.ensure(made, world.call());
  return { spec: made, url: connection.values.url ?? "", connection };
}

describe("a template", () => {
  test("is built once for two that want it at the same time, and again when its inputs change", async () => {
    mkdirSync(join(world.worktree, "migrations"));
    writeFileSync(join(world.worktree, "migrations/1.sql"), "CREATE TABLE fruit (name text); INSERT INTO fruit VALUES ('apple')");
    const log = join(world.directory, "runs");
    const migrate = `echo run >> ${log}; ${process.execPath} -e 'const s = new Bun.SQL(process.env.DATABASE_URL); await s.file("migrations/1.sql"); await s.close()'`;
    const options = { migrate, inputs: ["migrations/"] };
    const [one, other] = await Promise.all([ensured("one", options), ensured("other", options)]);
    expect(readFileSync(log, "utf8")).toBe("run\n");
    expect(world.reports).toContain("waiting for the same template, which is being built");
    for (const { url } of [one, other]) expect(await world.query(url, "SELECT name FROM fruit")).toEqual([{ name: "apple" }]);
    await world.query(one.url, "ALTER TABLE fruit ADD COLUMN colour text; INSERT INTO fruit VALUES ('plum', 'blue')");
    expect(await world.query(other.url, "SELECT * FROM fruit")).toEqual([{ name: "apple" }]);

    writeFileSync(join(world.worktree, "migrations/1.sql"), "CREATE TABLE fruit (name text); INSERT INTO fruit VALUES ('pear')");
    const third = await ensured("third", options);
    expect(await world.query(third.url, "SELECT name FROM fruit")).toEqual([{ name: "pear" }]);
    expect(readFileSync(log, "utf8")).toBe("run\nrun\n");
    // The empty one, and one for each state of the migrations.
    expect(await world.driver.templates.list()).toHaveLength(3);
    await world.driver.ensure(one.spec, world.call());
    expect(world.reports.at(-1)).toContain("the files under `inputs:` changed");
  });

  test("whose migration fails leaves no server, no directory", async () => {
    writeFileSync(join(world.worktree, "a.sql"), "");
    const made = await spec("one", { migrate: "exit 3", inputs: "a.sql" });
    expect((await failureOf(world.driver.ensure(made, world.call()))).message).toContain("exit 3 failed");
    expect(readdirSync(join(world.state, "postgres/building"))).toEqual([]);
    expect(existsSync(made.directory)).toBe(false);
    expect(await serversBelow(world.state)).toEqual([]);
  });

  test("that was interrupted leaves nothing, and who waited for it builds it", async () => {
    writeFileSync(join(world.worktree, "a.sql"), "");
    const options = { migrate: "true", inputs: "a.sql" };
    const [one, other] = [await spec("one", options), await spec("other", options)];
    const abort = new AbortController();
    const first = failureOf(
      world.driver.ensure(
        one,
        world.call({
          abort: abort.signal,
          run: () => new Promise((_, reject) => abort.signal.addEventListener("abort", () => reject(abort.signal.reason))),
        }),
      ),
    );
    await eventually(() => expect(world.reports).toContain("migrate: true"));
    const second = world.driver.ensure(other, world.call());
    await eventually(() => expect(world.reports).toContain("waiting for the same template, which is being built"));
    abort.abort(new Error("enough"));
    expect((await first).message).toBe("enough");
    await second;
    expect(existsSync(one.directory)).toBe(false);
    expect(readdirSync(join(world.state, "postgres/building"))).toEqual([]);
  });

  test("that was written to is put away and built again", async () => {
    const { spec: one } = await ensured("one");
    await world.driver.remove(one);
    const [template] = await world.driver.templates.list();
    const file = join(world.state, "postgres/templates", template!.key, "data/PG_VERSION");
    utimesSync(file, 1, 1);
    world.reports.length = 0;
    await ensured("other");
    expect(world.reports.some((line) => line.startsWith("making an empty database"))).toBe(true);
  });

  test("that was damaged in silence is found out when a copy does not start, and built again", async () => {
    const { spec: one } = await ensured("one");
    await world.driver.remove(one);
    const [template] = await world.driver.templates.list();
    const file = join(world.state, "postgres/templates", template!.key, "data/global/pg_control");
    const { atime, mtime } = statSync(file);
    const bytes = readFileSync(file);
    bytes.fill(0xa5, 100, 200);
    writeFileSync(file, bytes);
    utimesSync(file, atime, mtime);
    const { url } = await ensured("other");
    expect(world.reports).toContain("the template was damaged and is built again");
    expect(await world.query(url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("left by a builder that died is swept away with its server", async () => {
    const { spec: one } = await ensured("one", { sleep: "never" });
    const left = join(world.state, "postgres/building/feedbeef.1");
    mkdirSync(left, { recursive: true });
    // A server runs in it: the branch's own directory takes the place of one that was being built.
    renameSync(join(one.directory, "data"), join(left, "data"));
    await world.driver.close();
    const next = world.next();
    await next.ensure(await spec("other"), world.call());
    expect(existsSync(left)).toBe(false);
    expect((await serversBelow(world.state)).length).toBe(1);
  });
});

describe("from", () => {
  test("an SQL file with COPY, unknown owners and functions; everything becomes the app's", async () => {
    writeFileSync(
      join(world.worktree, "dump.sql"),
      `\\restrict abc
SET transaction_timeout_of_a_later_version = 0;
CREATE TABLE public.note (id int PRIMARY KEY, text text);
ALTER TABLE public.note OWNER TO somebody_in_production;
GRANT ALL ON TABLE public.note TO reporting;
COPY public.note (id, text) FROM stdin;
1	semi;colon 'quote' $$
2	\\N
3	grüße
\\.
CREATE FUNCTION public.twice(int) RETURNS int LANGUAGE sql AS $_$ SELECT $1 * 2; $_$;
\\unrestrict abc
`,
    );
    const { url, spec: one } = await ensured("one", { from: "dump.sql" });
    expect(await world.query(url, "SELECT id, text FROM note ORDER BY id")).toEqual([
      { id: 1, text: "semi;colon 'quote' $$" },
      { id: 2, text: null },
      { id: 3, text: "grüße" },
    ]);
    await world.query(url, "ALTER TABLE note ADD COLUMN extra int; DROP FUNCTION twice(int)");
    expect(world.reports.filter((line) => line.startsWith("note: line")).length).toBe(3);
    await world.driver.reset(one, world.call());
    expect(await world.query(url, "SELECT twice(4)")).toEqual([{ twice: 8 }]);
  });

  const cases: [string, string, string][] = [
    ["gone.sql", "", "does not exist"],
    ["bad.sql", "SELECT 1;\n\nSELEC 2;", "bad.sql line 3 failed: syntax error"],
    ["meta.sql", "\\i other.sql\n", "is a command to psql"],
    ["binary.sql", "\0\x01\x02", "is neither SQL nor a dump"],
  ];
  for (const [name, text, message] of cases) {
    test(`${name}: one sentence that names the key`, async () => {
      if (text) writeFileSync(join(world.worktree, name), text);
      const made = await spec("one", { from: name });
      const error = await failureOf(world.driver.ensure(made, world.call()));
      expect(error.message).toMatch(/^resources\.db\.from: .*\.$/);
      expect(error.message).toContain(message);
      expect(existsSync(made.directory)).toBe(false);
    });
  }

  const dumps = withClients ? test : test.skip;
  dumps("real dumps of pg_dump: plain, custom, directory, tar", async () => {
    const { url } = await ensured("source");
    await world.query(
      url,
      "CREATE TABLE big AS SELECT i, md5(i::text) AS text FROM generate_series(1, 20000) i; CREATE INDEX ON big (text)",
    );
    const [sum] = await world.query(url, "SELECT count(*)::int, md5(string_agg(text, ',' ORDER BY i)) FROM big");
    for (const format of ["p", "c", "d", "t"]) {
      const file = join(world.worktree, `dump.${format}`);
      const dumped = await exec([`${clients}/pg_dump`, `-F${format}`, "-C", "-f", file, url], { cwd: "/", env: { PATH: clients } });
      expect(dumped.stderr).toBe("");
      const branch = await ensured(`from-${format}`, { from: `dump.${format}` });
      expect(await world.query(branch.url, "SELECT count(*)::int, md5(string_agg(text, ',' ORDER BY i)) FROM big")).toEqual([sum!]);
      await world.query(branch.url, "ALTER TABLE big ADD COLUMN mine int");
    }
  });

  test("mask runs before anybody can see", async () => {
    writeFileSync(join(world.worktree, "d.sql"), "CREATE TABLE person (name text); INSERT INTO person VALUES ('Ada Lovelace');");
    writeFileSync(join(world.worktree, "mask.sql"), "UPDATE person SET name = 'x';");
    const { url } = await ensured("one", { from: "d.sql", mask: "mask.sql" });
    expect(await world.query(url, "SELECT name FROM person")).toEqual([{ name: "x" }]);
  });
});

describe("sleep", () => {
  test("not with an open transaction, an active query, a session that listens or worked a moment ago", async () => {
    const { spec: one, url } = await ensured("one", { sleep: "1s" });
    const client = new SQL({ url, max: 1 });
    const session = await client.reserve();
    await session.unsafe("BEGIN");
    await session.unsafe("SELECT 1");
    await Bun.sleep(1_300);
    expect(await world.driver.sleep(one)).toBe(false);
    await session.unsafe("COMMIT");
    expect(await world.driver.sleep(one)).toBe(false);
    await session.unsafe("LISTEN news");
    await Bun.sleep(1_300);
    expect(await world.driver.sleep(one)).toBe(false);
    expect((await world.driver.observe(one)).state).toBe("ready");
    await session.unsafe("UNLISTEN *");
    await client.close({ timeout: 0 });
    await eventually(async () => expect((await world.driver.observe(one)).state).toBe("asleep"));
  });

  test("after the idle time by itself, long-idle sessions of a pool notwithstanding; five that come at once wake it", async () => {
    const { spec: one, url } = await ensured("one", { sleep: "1s" });
    await world.query(url, "CREATE TABLE t AS SELECT 42 AS i");
    const pool = new SQL({ url, max: 1 });
    await pool`SELECT 1`;
    await eventually(async () => expect((await world.driver.observe(one)).state).toBe("asleep"));
    expect(await serversBelow(one.directory)).toEqual([]);
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => world.query(url, "SELECT i FROM t")));
    expect(answers).toEqual(Array(5).fill([{ i: 42 }]));
    expect((await world.driver.observe(one)).state).toBe("ready");
    await pool.close({ timeout: 0 }).catch(() => undefined);
  });

  test("somebody who only looks whether the port is open wakes nobody", async () => {
    const { spec: one } = await ensured("one");
    await world.driver.sleep(one);
    for (let round = 0; round < 5; round++) {
      const socket = await new Promise<Socket>((resolve) => {
        const made = tcpConnect(one.port!, "127.0.0.1", () => resolve(made));
      });
      socket.destroy();
    }
    await Bun.sleep(50);
    expect((await world.driver.observe(one)).state).toBe("asleep");
  });

  test("a server that cannot wake tells the client why, in the words of the protocol", async () => {
    const { spec: one, url } = await ensured("one");
    await world.driver.sleep(one);
    renameSync(join(one.directory, "data/global"), join(one.directory, "data/global.away"));
    const error = await world.query(url, "SELECT 1").catch((thrown: Error) => thrown);
    expect(String(error)).toContain("worldtree could not wake this database");
    expect((await world.driver.observe(one)).state).toBe("broken");
    renameSync(join(one.directory, "data/global.away"), join(one.directory, "data/global"));
    expect(await world.query(url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect(world.failures.splice(0)).toHaveLength(1);
  });
});

describe("a crash", () => {
  test("kill -9 of the server: what was committed is there at the next connection", async () => {
    const { spec: one, url } = await ensured("one");
    await world.query(url, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS i");
    const server = await findServer(serverPlace(one.directory));
    process.kill(server!.pid, "SIGKILL");
    // Between the server's end and the listener's beginning a client is refused for a moment.
    await eventually(async () => expect(await world.query(url, "SELECT count(*)::int FROM t")).toEqual([{ count: 1000 }]));
    process.kill((await findServer(serverPlace(one.directory)))!.pid, "SIGKILL");
    await world.driver.ensure(one, world.call());
    expect(await world.query(url, "SELECT count(*)::int FROM t")).toEqual([{ count: 1000 }]);
  });

  test("kill -9 of the daemon: the server runs on, and the next one takes it over, also without its notes", async () => {
    const one = await spec("one");
    const script = join(world.directory, "daemon.ts");
    writeFileSync(
      script,
      `import { createPostgresDriver } from ${JSON.stringify(join(import.meta.dir, "postgres-driver.ts"))};
       import { systemClock } from ${JSON.stringify(join(import.meta.dir, "../../os/clock.ts"))};
       const driver = createPostgresDriver({ stateDirectory: ${JSON.stringify(world.state)}, clock: systemClock });
       const call = { abort: new AbortController().signal, report() {}, async run() {} };
       console.log((await driver.ensure(${JSON.stringify(one)}, call)).values.url);
       setInterval(() => undefined, 1000);`,
    );
    const daemon = Bun.spawn([process.execPath, script], { stdout: "pipe", stderr: "inherit", env: { PATH: process.env.PATH } });
    const { value } = await daemon.stdout.getReader().read();
    const url = new TextDecoder().decode(value).trim();
    const before = await findServer(serverPlace(one.directory));
    daemon.kill("SIGKILL");
    await daemon.exited;
    await world.query(url, "CREATE TABLE t AS SELECT 1 AS i");
    rmSync(join(one.directory, "server.json"));
    await world.driver.adopt(one);
    expect((await world.driver.observe(one)).state).toBe("ready");
    expect(await findServer(serverPlace(one.directory))).toEqual(before);
    expect(await world.driver.sleep(one)).toBe(true);
    expect(await world.query(url, "SELECT i FROM t")).toEqual([{ i: 1 }]);
    await world.driver.remove(one);
    expect(await serversBelow(world.state)).toEqual([]);
  });

  for (const [moment, arrange] of [
    ["before the old content moved", (directory: string) => mkdirSync(join(directory, "next"))],
    ["between the two renames", (directory: string) => renameSync(join(directory, "data"), join(directory, "previous"))],
    [
      "before the new content was kept",
      (directory: string) => {
        renameSync(join(directory, "data"), join(directory, "previous"));
        mkdirSync(join(directory, "data"));
      },
    ],
  ] as const) {
    test(`in the middle of an exchange, ${moment}: the old content is back`, async () => {
      const { spec: one, url } = await ensured("one");
      await world.query(url, "CREATE TABLE t AS SELECT 7 AS i");
      await world.driver.sleep(one);
      await world.driver.close();
      arrange(one.directory);
      const next = world.next();
      await next.adopt(one);
      expect(await world.query(url, "SELECT i FROM t")).toEqual([{ i: 7 }]);
      expect(readdirSync(one.directory).filter((name) => /next|previous/.test(name))).toEqual([]);
    });
  }

  test("a reset whose migration fails changes nothing", async () => {
    const { spec: one, url } = await ensured("one", { migrate: "true" });
    await world.query(url, "CREATE TABLE t AS SELECT 7 AS i");
    const refuse = world.call({ run: () => Promise.reject(new Error("no")) });
    expect((await failureOf(world.driver.reset(one, refuse))).message).toBe("no");
    expect(await world.query(url, "SELECT i FROM t")).toEqual([{ i: 7 }]);
  });
});

describe("apart", () => {
  test("each has its own password; the superuser has no way in; files are closed to others", async () => {
    const [one, other] = [await ensured("one"), await ensured("other")];
    const { password } = one.connection.values;
    expect(password).not.toBe(other.connection.values.password);
    const wrong = other.url.replace(other.connection.values.password ?? "", password ?? "");
    expect(String(await world.query(wrong, "SELECT 1").catch((error: Error) => error))).toContain("password authentication failed");
    const admin = one.url.replace("app:", "worldtree:");
    expect(String(await world.query(admin, "SELECT 1").catch((error: Error) => error))).toContain("pg_hba.conf rejects");
    expect(await world.query(one.url, "SELECT rolsuper AS super, rolcreatedb AS createdb FROM pg_roles WHERE rolname = 'app'")).toEqual([
      { super: false, createdb: true },
    ]);
    expect(statSync(one.spec.directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(one.spec.directory, "data")).mode & 0o777).toBe(0o700);
    for (const name of ["branch.json", "server.log", "server.json"]) expect(statSync(join(one.spec.directory, name)).mode & 0o077).toBe(0);
    expect(readFileSync(join(one.spec.directory, "server.log"), "utf8")).not.toContain(password ?? "?");
    if (process.getuid?.() === 0) expect(statSync(join(one.spec.directory, "data")).uid).not.toBe(0);
  });

  test("a port that somebody else holds is one sentence, and nothing is left", async () => {
    const made = await spec("one");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(made.port!, "127.0.0.1", resolve));
    const error = await failureOf(world.driver.ensure(made, world.call()));
    expect(error.code).toBe("port_taken");
    expect(error.message).toMatch(new RegExp(`^The port ${made.port} of this database is held.*\\.$`));
    expect(existsSync(made.directory)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
  });

  test("an extension that is missing and a version that is missing are named", async () => {
    const missing = await failureOf(world.driver.ensure(await spec("one", { extensions: ["no_such_thing"] }), world.call()));
    expect(missing.message).toMatch(/^resources\.db\.extensions: the extension no_such_thing cannot be made: .*\.$/);
    const old = await failureOf(world.driver.ensure(await spec("two", { version: 14 }), world.call()));
    expect(old.message).toMatch(/^No programs of PostgreSQL 14 were found; found only .*\.$/);
  });

  test("settings of wt.yaml reach the server, a variable of its own carries the URL alone", async () => {
    const { connection } = await ensured("one", { settings: { work_mem: "7MB" }, variable: "OTHER_URL" });
    expect(Object.keys(connection.variables)).toEqual(["OTHER_URL"]);
    expect(await world.query(connection.values.url ?? "", "SHOW work_mem")).toEqual([{ work_mem: "7MB" }]);
  });

  test("shared: everybody gets the same, and nothing is made or removed", async () => {
    const { url } = await ensured("one");
    const shared = await world.spec("two", { branch: "shared", url });
    expect((await world.driver.ensure(shared, world.call())).variables.DATABASE_URL).toBe(url);
    expect((await world.driver.observe(shared)).state).toBe("shared");
    expect((await failureOf(world.driver.reset(shared, world.call()))).kind).toBe("refused");
    await world.driver.remove(shared);
    expect(await world.query(url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    const nowhere = await world.spec("three", { branch: "shared", url: "postgres://u:secret@127.0.0.1:1/d" });
    const error = await failureOf(world.driver.ensure(nowhere, world.call()));
    expect(error.message).toMatch(/^resources\.db\.url: the database d on 127\.0\.0\.1:1 does not answer: .*\.$/);
    expect(error.message).not.toContain("secret");
  });
});

/** Servers whose data lies anywhere below a directory. */
async function serversBelow(directory: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of existsSync(directory) ? readdirSync(directory, { recursive: true }).map(String) : []) {
    if (name.endsWith("PG_VERSION") && !name.includes("base")) {
      const [first] = await findServerProcesses(join(directory, name, ".."));
      if (first) found.push(first.pid);
    }
  }
  const alive = new Set((await readProcessTable()).map((info) => info.pid));
  return found.filter((pid) => alive.has(pid));
}
