// Templates on real servers: PostgreSQL 15 where the distribution has put it, else the embedded 18.
import { afterAll, afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { JsonValue, WtError } from "../../errors/wt-error.ts";
import type { ResourceSpec, SealedTemplate } from "../resource-driver.ts";
import { createPostgresHarness, eventually, type PostgresHarness } from "./postgres-harness.conformance.ts";
import { findServerProcesses } from "./server-spawn.ts";

setDefaultTimeout(180_000);
const version = existsSync("/usr/lib/postgresql/15/bin/postgres") ? 15 : 18;

/** The empty template, made once. */
const keep = mkdtempSync(join(tmpdir(), "wt-pg-keep-"));
afterAll(() => rmSync(keep, { recursive: true, force: true }));

let world: PostgresHarness;
let migrate: string;
beforeEach(async () => {
  world = await createPostgresHarness();
  if (existsSync(join(keep, "postgres"))) {
    mkdirSync(world.state, { mode: 0o700 });
    Bun.spawnSync(["cp", "-a", join(keep, "postgres"), join(world.state, "postgres")]);
  } else {
    const spec = await world.spec("first", { version });
    await templates().build(spec, world.call(), { anew: false });
    Bun.spawnSync(["cp", "-a", join(world.state, "postgres"), keep]);
  }
  world.reports.length = 0;
  // As migration tools do: in order, each once, with what ran kept in the database.
  const script = join(world.directory, "migrate.ts");
  writeFileSync(
    script,
    `const sql = new Bun.SQL(process.env.DATABASE_URL, { max: 1 });
     await sql.unsafe("CREATE TABLE IF NOT EXISTS done (name text PRIMARY KEY, at int)");
     const had = new Set((await sql\`SELECT name FROM done\`).map((row) => row.name));
     for (const name of [...new Bun.Glob("m/*.sql").scanSync(".")].sort()) {
       if (had.has(name)) continue;
       await sql.file(name);
       await sql\`INSERT INTO done VALUES (\${name}, (SELECT count(*) FROM done))\`;
       require("node:fs").appendFileSync(${JSON.stringify(join(world.directory, "ran"))}, name + " ");
     }
     await sql.close();`,
  );
  migrate = `${process.execPath} ${script}`;
});
afterEach(async () => {
  await world.dispose();
  expect(world.failures).toEqual([]);
});

const templates = () => world.driver.templates;
const place = (key: string) => join(world.state, "postgres/templates", key);
const spec = (name: string, options: { [key: string]: JsonValue } = {}) => world.spec(name, { version, ...options });
const build = async (made: ResourceSpec, anew = false) => (await templates().build(made, world.call(), { anew })).template;
const stages = async () => (await templates().list()).map(({ stage }) => stage).sort();
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => {
      throw new Error("nothing was thrown");
    },
    (error: WtError) => error,
  );

/** Writes the migrations `m/<number>.sql`, which make a table each, and takes the others away; gives what ran since the last call. */
function write(files: Record<string, string>): void {
  rmSync(join(world.worktree, "m"), { recursive: true, force: true });
  mkdirSync(join(world.worktree, "m"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(world.worktree, "m", `${name}.sql`), text);
}
function ran(): string {
  const file = join(world.directory, "ran");
  const text = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
  rmSync(file, { force: true });
  return text.replaceAll("m/", "").replaceAll(".sql", "");
}
const table = (number: number) => `CREATE TABLE t${number} (i int)`;
async function contentOf(made: ResourceSpec): Promise<unknown> {
  const { values } = await world.driver.ensure(made, world.call());
  const rows = await world.query(
    values.url ?? "",
    "SELECT string_agg(relname, ' ' ORDER BY relname) AS names FROM pg_class WHERE relname ~ '^t[0-9]+$'",
  );
  return rows[0]?.names;
}

describe("the chain", () => {
  test("goes on from the longest earlier state that was only added to, and from the beginning else", async () => {
    const options = { migrate, inputs: "m/*.sql" };
    write({ 1: table(1) });
    const one = await build(await spec("one", options));
    expect([ran(), one.migrations]).toEqual(["1", { before: 0, all: 1 }]);
    write({ 1: table(1), 2: table(2), 3: table(3) });
    const three = await build(await spec("three", options));
    expect([ran(), three.parent, three.migrations]).toEqual(["2 3", one.key, { before: 1, all: 3 }]);
    expect(world.reports).toContain(`1 of 3 migrations was there already, in the template ${one.key}; the other 2 run`);

    write({ 1: table(1), 2: table(2), 3: table(3), 4: table(4) });
    const four = await spec("four", options);
    expect([await contentOf(four), ran()]).toEqual(["t1 t2 t3 t4", "4"]);
    // Another branch's: it goes on from the one state that both had.
    write({ 1: table(1), 5: table(5) });
    const five = await spec("five", options);
    expect([await contentOf(five), ran()]).toEqual(["t1 t5", "5"]);
    // In between, or changed: never down, never out of order.
    write({ 1: table(1), "2a": table(7), 3: table(3), 2: table(2) });
    expect([await contentOf(await spec("between", options)), ran()]).toEqual(["t1 t2 t3 t7", "2 2a 3"]);
    write({ 1: table(9), 2: table(2) });
    expect([await contentOf(await spec("changed", options)), ran()]).toEqual(["t2 t9", "1 2"]);
  });

  test("seeds are run on what is migrated; a seed that changed runs alone", async () => {
    writeFileSync(join(world.worktree, "seed.sql"), "INSERT INTO t1 VALUES (1)");
    write({ 1: table(1) });
    const seed = `${process.execPath} -e 'const s = new Bun.SQL(process.env.DATABASE_URL); await s.file("seed.sql"); await s.close()'`;
    const options = { migrate, seed, inputs: { migrate: ["m/*.sql"], seed: ["seed.sql"] } };
    const first = await build(await spec("one", options));
    expect([await stages(), ran(), first.madeFrom]).toEqual([
      ["empty", "migrated", "seeded"],
      "1",
      [expect.stringMatching(/^migrate: .*\(1 migration\)$/), expect.stringMatching(/^seed: .*…$/)],
    ]);
    writeFileSync(join(world.worktree, "seed.sql"), "INSERT INTO t1 VALUES (1), (2)");
    const two = await spec("two", options);
    const { values } = await world.driver.ensure(two, world.call());
    expect([await world.query(values.url ?? "", "SELECT i FROM t1"), ran()]).toEqual([[{ i: 1 }, { i: 2 }], ""]);
    // The seed comes after the new migration, on the unseeded state.
    write({ 1: table(1), 2: "INSERT INTO t1 SELECT count(*) + 100 FROM t1" });
    const three = await spec("three", options);
    const url = (await world.driver.ensure(three, world.call())).values.url ?? "";
    expect([await world.query(url, "SELECT i FROM t1 ORDER BY i"), ran()]).toEqual([[{ i: 1 }, { i: 2 }, { i: 100 }], "2"]);
  });

  test("with a mask nothing that was not masked is ever sealed", async () => {
    writeFileSync(
      join(world.worktree, "dump.sql"),
      `CREATE TABLE person (name text); CREATE INDEX ON person (name);
       INSERT INTO person SELECT 'Ada Lovelace, number ' || i FROM generate_series(1, 5000) i; ANALYZE person`,
    );
    writeFileSync(join(world.worktree, "mask.sql"), "UPDATE person SET name = 'x'");
    const options = { from: "dump.sql", mask: "mask.sql", migrate, seed: "true", inputs: "m/*.sql" };
    write({ 1: "INSERT INTO person VALUES ('Grace Hopper')" });
    const masked = await build(await spec("one", options));
    expect([await stages(), masked.madeFrom.at(-1)]).toEqual([["empty", "masked"], "mask mask.sql"]);
    write({ 1: "INSERT INTO person VALUES ('Grace Hopper')", 2: table(2) });
    const { values } = await world.driver.ensure(await spec("two", options), world.call());
    expect(await world.query(values.url ?? "", "SELECT DISTINCT name FROM person")).toEqual([{ name: "x" }]);
    expect(ran()).toBe("1 1 2");
    const found = Bun.spawnSync(["grep", "-rlE", "Lovelace|Hopper", join(world.state, "postgres/templates")]).stdout.toString();
    expect(found).toBe("");
  });

  test("a migration that fails says so and leaves what was there", async () => {
    const options = { migrate, inputs: "m/*.sql" };
    write({ 1: table(1) });
    await build(await spec("one", options));
    write({ 1: table(1), 2: "SELECT nonsense" });
    expect((await failureOf(build(await spec("two", options)))).message).toContain("failed");
    await expectNothingLeft();
    expect(await stages()).toEqual(["empty", "migrated"]);
    write({ 1: table(1), 2: table(2) });
    ran();
    expect([await contentOf(await spec("three", options)), ran()]).toEqual(["t1 t2", "2"]);
  });

  test("twenty that want it at once: it is built once, each gets its own", async () => {
    write({ 1: table(1) });
    const specs = await Promise.all(Array.from({ length: 20 }, (_, index) => spec(`n${index}`, { migrate, inputs: "m/*.sql" })));
    const made = await Promise.all(specs.map((each) => world.driver.ensure(each, world.call())));
    expect(new Set(made.map(({ values }) => values.url)).size).toBe(20);
    expect([ran(), await stages()]).toEqual(["1", ["empty", "migrated"]]);
    await world.query(made[0]?.values.url ?? "", "INSERT INTO t1 VALUES (1)");
    for (const { values } of made.slice(1, 4)) expect(await world.query(values.url ?? "", "SELECT i FROM t1")).toEqual([]);
  });
});

describe("anew", () => {
  test("builds from the beginning; the one before goes, unless something lies upon it", async () => {
    const options = { migrate, inputs: "m/*.sql" };
    write({ 1: table(1), 2: table(2) });
    const first = await build(await spec("one", options));
    ran();
    const second = await build(await spec("two", options), true);
    expect([second.key, ran(), existsSync(place(first.key))]).toEqual([`${first.key}.2`, "1 2", false]);
    // As an overlay refers to what lies below.
    const upon = join(world.state, "environments/e1/resources/db/data");
    mkdirSync(upon, { recursive: true });
    symlinkSync(join(place(second.key), "data"), join(upon, "lower"));
    const third = await build(await spec("three", options), true);
    const listed = await templates().list();
    expect(third.key).toBe(`${first.key}.3`);
    expect(listed.find(({ key }) => key === second.key)?.problem).toContain("put away");
    expect(existsSync(join(place(second.key), "data/PG_VERSION"))).toBe(true);
    expect(await templates().references()).toContainEqual({
      key: second.key,
      environmentId: "e1",
      directory: dirname(upon),
      lasting: true,
    });
    // Nobody is given the old one.
    expect((await build(await spec("four", options))).key).toBe(third.key);
  });

  test("where the branches cannot be listed the one before stays", async () => {
    const made = await spec("one");
    const [empty] = await templates().list();
    const loop = join(world.state, "environments/e1/resources");
    mkdirSync(dirname(loop), { recursive: true });
    symlinkSync(loop, loop);
    await build(made, true);
    expect(existsSync(join(place(empty!.key), "data/PG_VERSION"))).toBe(true);
    await expect(templates().references()).rejects.toThrow();
    rmSync(loop);
  });
});

describe("damage", () => {
  const relation = (template: SealedTemplate) => {
    const base = join(place(template.key), "data/base");
    const files = readdirSync(base, { recursive: true }).map((name) => join(base, String(name)));
    return (
      files.filter((path) => /\/\d+$/.test(path) && statSync(path).isFile()).sort((a, b) => statSync(b).size - statSync(a).size)[0] ?? ""
    );
  };
  const inSilence = (path: string, change: () => void) => {
    const { atime, mtime } = statSync(path);
    change();
    utimesSync(path, atime, mtime);
  };
  const flip = (path: string, at: number) => {
    const bytes = readFileSync(path);
    bytes.fill((bytes[at] ?? 0) ^ 0xff, at, at + 1);
    writeFileSync(path, bytes);
  };
  const ways: [string, (template: SealedTemplate) => void][] = [
    ["a byte of a table", (template) => flip(relation(template), 5000)],
    ["a table that is cut off", (template) => inSilence(relation(template), () => truncateSync(relation(template), 8192))],
    ["a file that is gone", (template) => rmSync(relation(template))],
    ["a file too many", (template) => writeFileSync(join(place(template.key), "data/base/extra"), "")],
    ["pg_control", (template) => flip(join(place(template.key), "data/global/pg_control"), 120)],
  ];
  for (const [name, harm] of ways) {
    test(`${name}: built again before anybody copies it`, async () => {
      write({ 1: table(1) });
      const options = { migrate, inputs: "m/*.sql" };
      const template = await build(await spec("one", options));
      ran();
      harm(template);
      const again = await build(await spec("two", options));
      expect([again.key, ran(), await templates().damage(again.key)]).toEqual([template.key, "1", null]);
    });
  }

  test("in silence, a byte of a table: found when it is read whole, and before something is built on it", async () => {
    write({ 1: table(1) });
    const options = { migrate, inputs: "m/*.sql" };
    const template = await build(await spec("one", options));
    ran();
    const path = relation(template);
    inSilence(path, () => flip(path, 5000));
    expect(join(place(template.key), "data", (await templates().damage(template.key)) ?? "")).toBe(path);
    write({ 1: table(1), 2: table(2) });
    expect([await contentOf(await spec("two", options)), ran()]).toEqual(["t1 t2", "1 2"]);
    expect(world.reports).toContain("the template it goes on from was damaged and is built again");
  });
});

describe("a dump", () => {
  const clients = "/usr/lib/postgresql/15/bin";
  const withRestore = existsSync(`${clients}/pg_restore`) ? test : test.skip;
  withRestore("of an older PostgreSQL is read into 18; one of a later format is one sentence", async () => {
    write({ 1: table(1) });
    const source = await world.driver.ensure(await world.spec("source", { version: 15, migrate }), world.call());
    const url = source.values.url ?? "";
    await world.query(url, "INSERT INTO t1 SELECT generate_series(1, 1000)");
    const dump = join(world.worktree, "shop.dump");
    expect(Bun.spawnSync([`${clients}/pg_dump`, "-Fc", "-f", dump, url]).exitCode).toBe(0);
    const later = await world.spec("later", { version: 18, from: "shop.dump" });
    const made = await world.driver.ensure(later, world.call());
    expect(
      await world.query(made.values.url ?? "", "SELECT count(*)::int, current_setting('server_version_num')::int / 10000 AS major FROM t1"),
    ).toEqual([{ count: 1000, major: 18 }]);
    const bytes = readFileSync(dump);
    bytes[6] = 99;
    writeFileSync(dump, bytes);
    const tooNew = await failureOf(build(await world.spec("new", { version: 15, from: "shop.dump" })));
    expect([tooNew.code, tooNew.message]).toEqual([
      "pg_restore_too_old",
      expect.stringMatching(/^The dump .*shop\.dump was made by a newer pg_dump \(format 1\.99\) than .*pg_restore can read\.$/),
    ]);
    await expectNothingLeft();
  });
});

describe("an interruption", () => {
  test("ends a long statement of a dump at once, and nothing is left", async () => {
    writeFileSync(join(world.worktree, "dump.sql"), "CREATE TABLE t1 (i int); SELECT pg_sleep(600);");
    const abort = new AbortController();
    const building = failureOf(
      templates().build(await spec("one", { from: "dump.sql" }), world.call({ abort: abort.signal }), { anew: false }),
    );
    const sleeping = async () => {
      const found = await Promise.all(buildings().map((each) => findServerProcesses(join(each, "data"))));
      expect(found.flat().length).toBeGreaterThan(2);
    };
    await eventually(() => expect(world.reports.some((line) => line.startsWith("reading "))).toBe(true));
    await eventually(sleeping);
    abort.abort(new Error("enough"));
    expect((await building).message).toBe("enough");
    await expectNothingLeft();
  });

  const moments = ["making an empty database", "building the template", "migrate: ", "template.json"];
  for (const moment of moments) {
    test(`kill -9 of the builder at "${moment}": nothing is left, and the next builds it`, async () => {
      if (moment === moments[0]) rmSync(join(world.state, "postgres"), { recursive: true });
      write({ 1: table(1) });
      const made = await spec("one", { migrate, inputs: "m/*.sql" });
      const script = join(world.directory, "builder.ts");
      writeFileSync(
        script,
        `import { createPostgresDriver } from ${JSON.stringify(join(import.meta.dir, "postgres-driver.ts"))};
         import { systemClock } from ${JSON.stringify(join(import.meta.dir, "../../os/clock.ts"))};
         const driver = createPostgresDriver({ stateDirectory: ${JSON.stringify(world.state)}, clock: systemClock });
         const report = (line) => { console.log(line); if (line.startsWith(${JSON.stringify(moment)})) Bun.sleepSync(600_000); };
         const call = { abort: new AbortController().signal, report, async run() {} };
         await driver.templates.build(${JSON.stringify(made)}, call, { anew: false });
         console.log("sealed");`,
      );
      const builder = Bun.spawn([process.execPath, script], { stdout: "pipe", stderr: "inherit", env: { PATH: process.env.PATH } });
      if (moment === "template.json") {
        await eventually(() => expect(buildings().some((each) => existsSync(join(each, moment)))).toBe(true), 30_000).catch(
          () => undefined,
        );
      } else await seen(builder.stdout, moment);
      builder.kill("SIGKILL");
      await builder.exited;
      const next = world.next();
      await next.templates.prepare();
      await expectNothingLeft();
      expect(await contentOf(made)).toBe("t1");
    });
  }
});

function buildings(): string[] {
  const root = join(world.state, "postgres/building");
  return existsSync(root) ? readdirSync(root).map((name) => join(root, name)) : [];
}

async function expectNothingLeft(): Promise<void> {
  for (const name of ["building", "trash"]) {
    const root = join(world.state, "postgres", name);
    expect(existsSync(root) ? readdirSync(root) : []).toEqual([]);
  }
  const all = readdirSync(join(world.state, "postgres"), { recursive: true }).map(String);
  for (const name of all.filter((each) => each.endsWith("data/PG_VERSION"))) {
    expect(await findServerProcesses(join(world.state, "postgres", dirname(name)))).toEqual([]);
  }
}

async function seen(stream: ReadableStream<Uint8Array>, text: string): Promise<void> {
  const decoder = new TextDecoder();
  let all = "";
  for await (const chunk of stream) {
    all += decoder.decode(chunk, { stream: true });
    if (all.includes(text)) return;
  }
  throw new Error(`${JSON.stringify(text)} was not said: ${all}`);
}
