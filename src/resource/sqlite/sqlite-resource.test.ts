import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { resourceKinds } from "../../config/resource-kinds.ts";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { describeResourceDriver } from "../resource-driver.conformance.ts";
import type { ResourceCall, ResourceOptions, ResourceSpec } from "../resource-driver.ts";
import type { ResourceHarness } from "../resource-harness.conformance.ts";
import { cloneDatabase } from "./clone-database.ts";
import { createSqliteResource, sqliteOptions } from "./sqlite-resource.ts";

const bun = process.execPath;

interface Place {
  root: string;
  main: string;
  spec(options?: ResourceOptions, overrides?: Partial<ResourceSpec>): ResourceSpec;
  dispose(): void;
}

function createPlace(): Place {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "wt-sqlite-")));
  const main = join(root, "main");
  mkdirSync(join(main, "data"), { recursive: true });
  let count = 0;
  return {
    root,
    main,
    spec(options = { path: "data/app.db" }, overrides = {}) {
      const number = ++count;
      const worktree = join(root, `worktree${number}`);
      mkdirSync(worktree);
      return {
        environmentId: `env${number}`,
        nonce: `nonce${number}`,
        name: "db",
        label: `wt_shop_env${number}_db`,
        options,
        directory: join(root, `state/env${number}/db`),
        worktree,
        mainWorktree: main,
        main: false,
        port: null,
        ...overrides,
      };
    },
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}

function use<Result>(path: string, work: (database: Database) => Result): Result {
  const database = new Database(path, { create: true, readwrite: true });
  try {
    return work(database);
  } finally {
    database.close();
  }
}

function makeMain(place: Place, mode = "WAL"): string {
  const path = join(place.main, "data/app.db");
  use(path, (database) => {
    database.run(`PRAGMA journal_mode = ${mode}`);
    database.run("CREATE TABLE note (text TEXT)");
    database.run("INSERT INTO note VALUES ('from main')");
  });
  return path;
}

/** Runs commands for real, as the daemon does. */
function call(spec: { worktree: string }, abort: AbortSignal = new AbortController().signal, lines: string[] = []): ResourceCall {
  return {
    abort,
    report: (line) => void lines.push(line),
    async run(command, variables) {
      const env = { PATH: process.env.PATH ?? "", ...variables };
      const { code, stderr } = await exec(["/bin/sh", "-c", command], { cwd: spec.worktree, env, abort });
      if (code !== 0) throw new WtError({ kind: "machine", code: "command_failed", message: `\`${command}\` failed: ${stderr.trim()}.` });
    },
  };
}

const script = (sql: string) =>
  `'${bun}' -e 'const { Database } = require("bun:sqlite"); new Database(process.env.DB_PATH, { create: true, readwrite: true }).run("${sql}")'`;

async function createHarness(): Promise<ResourceHarness> {
  const place = createPlace();
  makeMain(place);
  const specs: ResourceSpec[] = [];
  const make = (options?: ResourceOptions) => {
    const spec = place.spec(options);
    specs.push(spec);
    return spec;
  };
  const held = new Set<Database>();
  return {
    driver: createSqliteResource(),
    reopen: createSqliteResource,
    spec: async () => make(),
    brokenSpec: async () => make({ path: "data/app.db", migrate: "exit 3" }),
    call: (abort) => call({ worktree: place.root }, abort),
    write: async (connection, text) => use(connection.values.path!, (database) => void database.run("UPDATE note SET text = ?", [text])),
    read: async (connection) =>
      existsSync(connection.values.path!)
        ? use(connection.values.path!, (database) => database.query<{ text: string }, []>("SELECT text FROM note").get()?.text ?? null)
        : null,
    async holdClient(connection) {
      const database = new Database(connection.values.path!);
      database.query("SELECT * FROM note").all();
      held.add(database);
      return async () => database.close();
    },
    async makeForeign(spec) {
      const path = join(spec.worktree, "data/app.db");
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, "mine");
      return async () => readFileSync(path, "utf8") === "mine" && readdirSync(dirname(path)).length === 1;
    },
    async makeHalf(spec) {
      // The daemon died while the migration ran.
      const driver = createSqliteResource();
      await driver.ensure(spec, call(spec));
      const record = join(spec.directory, "entry.json");
      writeFileSync(record, readFileSync(record, "utf8").replace('"made"', '"placed"'));
    },
    async dispose() {
      for (const database of held) database.close();
      const left = specs.flatMap((spec) => (existsSync(join(spec.worktree, "data")) ? readdirSync(join(spec.worktree, "data")) : []));
      place.dispose();
      expect(left.filter((name) => name.includes(".wt-"))).toEqual([]);
    },
  };
}

describeResourceDriver("the SQLite driver", createHarness, {
  features: { checkpoints: true, sleep: false, port: false },
  forks: true,
  clients: true,
  valid: [{ path: "app.db" }, { path: "data/app.db", from: "~/big.db", migrate: "m", seed: "s", url_format: "sqlalchemy", variable: "DB" }],
  invalid: [
    { options: {}, key: "path" },
    { options: { path: "/var/app.db" }, key: "path" },
    { options: { path: "app.db", url_format: "jdbc" }, key: "url_format" },
    { options: { path: "app.db", migrate: ["a"] }, key: "migrate" },
    { options: { path: "app.db", seeds: "a" }, key: "seeds" },
  ],
});

test("the documented options are those the driver reads", () => {
  expect(Object.keys(resourceKinds.sqlite.entries).sort()).toEqual(["type", ...Object.keys(sqliteOptions)].sort());
});

describe("the SQLite driver", () => {
  const driver = createSqliteResource();
  let place: Place;
  beforeEach(() => {
    place = createPlace();
  });
  afterEach(() => place.dispose());

  const failure = async (promise: Promise<unknown>): Promise<WtError> => {
    const thrown = await promise.then(
      () => null,
      (error: unknown) => error,
    );
    expect(thrown).toBeInstanceOf(WtError);
    return thrown as WtError;
  };
  const notes = (path: string) =>
    use(path, (database) => database.query<{ text: string }, []>("SELECT text FROM note").all()).map(({ text }) => text);

  test.each([
    ["file", "file:"],
    ["sqlite", "sqlite:"],
    ["sqlalchemy", "sqlite:///"],
    ["path", ""],
  ])("the URL as %s", async (url_format, before) => {
    const spec = place.spec({ path: "my app?.db", url_format, variable: "MY_URL" });
    const path = join(spec.worktree, "my app?.db");
    const { variables } = await driver.ensure(spec, call(spec));
    expect(variables).toEqual({ MY_URL: before + (url_format === "path" ? path : path.replace("?", "%3F")), DB_PATH: path });
  });

  test("without a source it is migrated and seeded from nothing, in that order and once", async () => {
    const migrate = script("CREATE TABLE note (text TEXT)");
    const seed = script("INSERT INTO note SELECT count(*) FROM note");
    const spec = place.spec({ path: "data/app.db", migrate, seed });
    const { values } = await driver.ensure(spec, call(spec));
    await driver.ensure(spec, call(spec));
    expect(notes(values.path!)).toEqual(["0"]);
    use(values.path!, (database) => void database.run("DELETE FROM note"));
    await driver.reset(spec, call(spec));
    expect(notes(values.path!)).toEqual(["0"]);
  });

  test("a failed migration of a reset brings the old database back", async () => {
    makeMain(place);
    const spec = place.spec();
    const { values } = await driver.ensure(spec, call(spec));
    use(values.path!, (database) => void database.run("UPDATE note SET text = 'mine'"));
    const broken = { ...spec, options: { ...spec.options, migrate: "echo no such table >&2; exit 1" } };
    expect((await failure(driver.reset(broken, call(spec)))).message).toContain("no such table");
    expect(notes(values.path!)).toEqual(["mine"]);
    expect((await driver.observe(spec)).state).toBe("ready");
  });

  test("what stands only in the log of a running writer is copied too, and the log of the copy is its own", async () => {
    const path = makeMain(place);
    const writer = new Database(path);
    writer.run("PRAGMA wal_autocheckpoint = 0");
    writer.run("INSERT INTO note VALUES ('in the log')");
    const spec = place.spec();
    const { values } = await driver.ensure(spec, call(spec));
    writer.run("INSERT INTO note VALUES ('later')");
    writer.close();
    expect(notes(values.path!)).toEqual(["from main", "in the log"]);
  });

  test.each([
    ["nothing", () => undefined, "does not exist"],
    ["a directory", (path: string) => mkdirSync(path), "is not a file"],
    ["text", (path: string) => writeFileSync(path, "CREATE TABLE x (y);"), "is not an SQLite database"],
    ["a link", (path: string) => symlinkSync("/etc/passwd", path), "is a link"],
  ])("%s is no source", async (_, make, sentence) => {
    make(join(place.main, "source.db"));
    const spec = place.spec({ path: "data/app.db", from: "source.db" });
    const error = await failure(driver.ensure(spec, call(spec)));
    expect(error.message).toContain(sentence);
    expect(error.message).toContain(join(place.main, "source.db"));
    expect(readdirSync(join(spec.worktree))).toEqual(["data"]);
    expect(existsSync(spec.directory)).toBe(false);
  });

  test("a damaged source is found out", async () => {
    const path = makeMain(place, "DELETE");
    use(path, (database) => {
      database.run("CREATE TABLE big (text TEXT)");
      for (let row = 0; row < 500; row++) database.run("INSERT INTO big VALUES (?)", ["x".repeat(200)]);
    });
    const bytes = readFileSync(path);
    bytes.fill(0x5a, 8192, 20480);
    writeFileSync(path, bytes);
    const spec = place.spec();
    expect((await failure(driver.ensure(spec, call(spec)))).code).toBe("database_damaged");
    expect(readdirSync(join(spec.worktree, "data"))).toEqual([]);
  });

  test("a database that may only be read is copied all the same", async () => {
    if (process.getuid?.() === 0) return; // root may write everything
    const path = makeMain(place, "DELETE");
    chmodSync(path, 0o400);
    chmodSync(dirname(path), 0o500);
    const spec = place.spec();
    const { values } = await driver.ensure(spec, call(spec));
    expect(notes(values.path!)).toEqual(["from main"]);
    chmodSync(dirname(path), 0o700);
  });

  test("the main worktree's own is made when it is missing, then never changed or removed", async () => {
    const spec = place.spec(
      { path: "data/app.db", migrate: script("CREATE TABLE note (text TEXT)") },
      { main: true, worktree: place.main },
    );
    const { values } = await driver.ensure(spec, call(spec));
    use(values.path!, (database) => void database.run("INSERT INTO note VALUES ('kept')"));
    await driver.ensure(spec, call(spec));
    expect(await driver.observe(spec)).toMatchObject({ state: "ready" });
    for (const act of [driver.reset(spec, call(spec)), driver.checkpoint(spec, "a"), driver.restore(spec, "a")]) {
      expect((await failure(act)).code).toBe("main_resource");
    }
    await driver.remove(spec);
    expect(notes(values.path!)).toEqual(["kept"]);
  });
});

describe("cloneDatabase", () => {
  let place: Place;
  const writers = new Set<Bun.Subprocess>();
  beforeEach(() => {
    place = createPlace();
  });
  afterEach(async () => {
    for (const writer of writers) writer.kill("SIGKILL");
    await Promise.all([...writers].map((writer) => writer.exited));
    writers.clear();
    place.dispose();
  });
  const never = new AbortController().signal;

  /** Moves amounts between accounts as fast as it can, now and then as a program that opens the database anew; the sum never changes. */
  async function startWriter(path: string): Promise<Bun.Subprocess<"ignore", "pipe", "inherit">> {
    const program = `
      const { Database } = require("bun:sqlite");
      const random = (below) => Math.floor(Math.random() * below);
      for (let round = 0; ; round++) {
        const database = new Database(process.argv[1], { readwrite: true });
        database.run("PRAGMA busy_timeout = 10000");
        database.run("PRAGMA synchronous = OFF");
        for (let step = 0; step < 50; step++) {
          database.transaction(() => {
            const amount = random(100);
            database.run("UPDATE account SET amount = amount - ? WHERE id = ?", [amount, random(200)]);
            database.run("UPDATE account SET amount = amount + ? WHERE id = ?", [amount, random(200)]);
            database.run("INSERT INTO entry (amount, filler) VALUES (?, ?)", [amount, "x".repeat(random(3000))]);
            database.run("DELETE FROM entry WHERE id < (SELECT max(id) FROM entry) - 300");
          }).immediate();
        }
        database.close();
        if (round === 0) console.log("busy");
      }`;
    const writer = Bun.spawn([bun, "-e", program, path], { stdout: "pipe", stderr: "inherit", stdin: "ignore" });
    writers.add(writer);
    const { value } = await writer.stdout.getReader().read();
    expect(new TextDecoder().decode(value)).toContain("busy");
    return writer;
  }

  const lastEntry = (database: Database) =>
    database.query<{ id: number }, []>("SELECT coalesce(max(id), 0) AS id FROM entry").get() ?? { id: 0 };

  /** Copies hold the writer up, so that each is of another moment is not left to chance. */
  async function untilAfter(path: string, id: number): Promise<void> {
    const database = new Database(path);
    database.run("PRAGMA busy_timeout = 10000");
    while (lastEntry(database).id <= id) await Bun.sleep(1);
    database.close();
  }

  test.each(["WAL", "DELETE", "TRUNCATE"])(
    "a database in mode %s that is being written: every copy is whole",
    async (mode) => {
      const path = join(place.main, "bank.db");
      use(path, (database) => {
        database.run(`PRAGMA journal_mode = ${mode}`);
        database.run("CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)");
        database.run("CREATE TABLE entry (id INTEGER PRIMARY KEY, amount INTEGER, filler TEXT)");
        database.run("CREATE INDEX entry_amount ON entry (amount)");
        for (let id = 0; id < 200; id++) database.run("INSERT INTO account VALUES (?, 1000)", [id]);
      });
      await startWriter(path);
      let last = 0;
      for (let round = 0; round < 12; round++) {
        await untilAfter(path, last);
        const to = join(place.root, `copy${round}.db`);
        await cloneDatabase({ from: path, to, abort: never });
        use(to, (copy) => {
          expect(copy.query("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
          expect(copy.query("SELECT sum(amount) AS sum FROM account").get()).toEqual({ sum: 200_000 });
          const { id } = lastEntry(copy);
          expect(id).toBeGreaterThan(last);
          last = id;
        });
      }
      expect([...writers].every((writer) => writer.exitCode === null)).toBe(true);
    },
    60_000,
  );

  test("several copies of one database at once", async () => {
    const path = makeMain(place);
    const copies = Array.from({ length: 10 }, (_, index) => join(place.root, `copy${index}.db`));
    await Promise.all(copies.map((to) => cloneDatabase({ from: path, to, abort: never })));
    for (const copy of copies)
      expect(use(copy, (database) => database.query("SELECT text FROM note").get())).toEqual({ text: "from main" });
  });

  test("waits for a writer, and stops waiting when aborted", async () => {
    const path = makeMain(place);
    const writer = new Database(path);
    writer.run("BEGIN IMMEDIATE");
    writer.run("INSERT INTO note VALUES ('committed')");
    const reason = new Error("no longer wanted");
    const abort = new AbortController();
    const aborted = cloneDatabase({ from: path, to: join(place.root, "aborted.db"), abort: abort.signal }).catch((error: unknown) => error);
    abort.abort(reason);
    expect(await aborted).toBe(reason);
    expect(existsSync(join(place.root, "aborted.db"))).toBe(false);
    const waiting = cloneDatabase({ from: path, to: join(place.root, "copy.db"), abort: never });
    setTimeout(() => writer.run("COMMIT"), 50);
    await waiting;
    writer.close();
    expect(use(join(place.root, "copy.db"), (copy) => copy.query("SELECT count(*) AS count FROM note").get())).toEqual({ count: 2 });
  });
});
