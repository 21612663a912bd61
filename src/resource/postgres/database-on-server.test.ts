// `server:`: databases on a server that was there before, which for these tests is one of our own with a stranger as its superuser.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { WtError } from "../../errors/wt-error.ts";
import { describeResourceDriver } from "../resource-driver.conformance.ts";
import type { ResourceConnection } from "../resource-driver.ts";
import type { ResourceHarness } from "../resource-harness.conformance.ts";
import { postgresUrl } from "./connection.ts";
import { createPostgresHarness, type PostgresHarness } from "./postgres-harness.conformance.ts";
import { asAdmin, serverPlace } from "./postmaster.ts";
import { copyStrategy } from "./server-copy.ts";

setDefaultTimeout(60_000);
const version = 18;
/** Every character that means something in a URL, in SQL or in a shell. */
const password = `p@ss:w/?#[]%&'"\\ $x=ü`;

let host: PostgresHarness;
let port = 0;
let count = 0;
const url = (user: string, database = "postgres") => postgresUrl({ user, password, host: "127.0.0.1", port, database });
const admin = (sql: string) => host.query(url("boss"), sql);

beforeAll(async () => {
  host = await createPostgresHarness();
  const spec = await host.spec("host", { version, sleep: "never" });
  await host.driver.ensure(spec, host.call());
  port = spec.port ?? 0;
  const literal = ` E'${password.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
  await asAdmin(serverPlace(spec.directory), port, (session) =>
    session.query(
      `CREATE ROLE boss SUPERUSER LOGIN PASSWORD ${literal}; CREATE ROLE helper CREATEDB CREATEROLE LOGIN PASSWORD ${literal}; CREATE ROLE owner`,
    ),
  );
  await admin("CREATE DATABASE shop_template OWNER owner");
  await host.query(
    url("boss", "shop_template"),
    `SET ROLE owner; CREATE TABLE fruit (id serial PRIMARY KEY, name text); INSERT INTO fruit (name) VALUES ('apple');
     CREATE VIEW fruits AS SELECT name FROM fruit; CREATE TYPE colour AS ENUM ('red'); CREATE DOMAIN short AS text;
     CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2'; RESET ROLE; CREATE SCHEMA "odd Näme"; CREATE EXTENSION IF NOT EXISTS plpgsql`,
  );
});
afterAll(async () => {
  await host.dispose();
});

async function ownDatabases(): Promise<unknown[]> {
  const databases = await admin("SELECT datname AS name FROM pg_database WHERE datname LIKE 'wt%'");
  return [...databases, ...(await admin("SELECT rolname AS name FROM pg_roles WHERE rolname LIKE 'wt_t%'"))].map((row) => row.name);
}

async function createHarness(): Promise<ResourceHarness> {
  const world = await createPostgresHarness();
  const driver = () => ({ ...world.driver, features: { checkpoints: true, sleep: false, port: true } });
  const value = (connection: ResourceConnection) => connection.values.url ?? "";
  const cleanups: (() => Promise<void>)[] = [];
  const spec = async (options = {}) => {
    const made = await world.spec(`s${++count}`, { server: url("boss"), ...options });
    cleanups.push(() => world.driver.remove(made));
    return made;
  };
  return {
    driver: driver(),
    reopen() {
      world.next();
      return driver();
    },
    spec,
    brokenSpec: () => spec({ migrate: "exit 3" }),
    call: (abort) =>
      world.call({
        abort,
        run: () => Promise.reject(new WtError({ kind: "machine", code: "command_failed", message: "The command failed." })),
      }),
    async write(connection, text) {
      await world.query(
        value(connection),
        `CREATE TABLE IF NOT EXISTS note (text text); TRUNCATE note; INSERT INTO note VALUES ('${text}')`,
      );
    },
    async read(connection) {
      const [there] = await world.query(value(connection), "SELECT to_regclass('note')::text AS name");
      if (!there?.name) return null;
      return ((await world.query(value(connection), "SELECT text FROM note"))[0]?.text as string) ?? null;
    },
    async holdClient(connection) {
      const client = new SQL({ url: value(connection), max: 1 });
      await client`SELECT 1`;
      return async () => {
        await client.close({ timeout: 0 }).catch(() => undefined);
      };
    },
    async makeForeign(made) {
      await admin(`CREATE DATABASE "${made.label}"`);
      return async () => {
        const there = await admin(`SELECT 1 FROM pg_database WHERE datname = '${made.label}'`);
        await admin(`DROP DATABASE "${made.label}"`);
        return there.length === 1;
      };
    },
    async makeHalf(made) {
      await world.driver.ensure(made, world.call());
      await admin(`COMMENT ON DATABASE "${made.label}" IS NULL`);
      const notes = join(made.directory, "database.json");
      writeFileSync(notes, JSON.stringify({ ...JSON.parse(readFileSync(notes, "utf8")), complete: false }));
    },
    async dispose() {
      for (const clean of cleanups) await clean();
      await world.dispose();
      expect(await ownDatabases()).toEqual([]);
    },
  };
}

describeResourceDriver("postgres on a server", createHarness, {
  features: { checkpoints: true, sleep: false, port: true },
  clients: true,
  valid: [{ server: "postgres://u:p@h/d" }, { server: "postgresql://h", from: "template", migrate: "x", seed: "y" }],
  invalid: [
    { options: { server: "http://h/d" }, key: "server" },
    { options: { server: "postgres://h/d", version: 15 }, key: "version" },
  ],
});

describe("a database on a server", () => {
  test("is a copy of the template, owned by its own role, closed to the others", async () => {
    const world = await createPostgresHarness();
    try {
      const specs = [
        await world.spec("one", { server: url("boss"), from: "shop_template" }),
        await world.spec("two", { server: url("boss"), from: "shop_template" }),
      ];
      const [one, two] = (await Promise.all(specs.map((spec) => world.driver.ensure(spec, world.call())))).map(
        (each) => each.values.url ?? "",
      );
      await world.query(
        one!,
        `ALTER TABLE fruit ADD COLUMN colour text; INSERT INTO fruit (name) VALUES ('pear'); DROP VIEW fruits; DROP FUNCTION twice(int);
         ALTER TYPE colour ADD VALUE 'blue'; ALTER DOMAIN short SET NOT NULL; CREATE TABLE "odd Näme".t (i int); CREATE TABLE public.t (i int)`,
      );
      expect(await world.query(two!, "SELECT name FROM fruits")).toEqual([{ name: "apple" }]);
      expect(await world.query(url("boss", "shop_template"), "SELECT name FROM fruits")).toEqual([{ name: "apple" }]);
      const crossed = one!.replace(/[^/]*$/, specs[1]!.label);
      expect(String(await world.query(crossed, "SELECT 1").catch((error: Error) => error))).toContain("permission denied for database");
      expect(await admin("SELECT datname FROM pg_database d JOIN pg_roles r ON r.oid = datdba WHERE rolname = 'owner'")).toEqual([
        { datname: "shop_template" },
      ]);
      await world.driver.remove(specs[0]!);
      expect(await world.query(two!, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
      await world.driver.remove(specs[1]!);
      expect(await ownDatabases()).toEqual([]);
    } finally {
      await world.dispose();
    }
  });

  test("works for a user who may only create databases and roles", async () => {
    const world = await createPostgresHarness();
    try {
      const spec = await world.spec("three", { server: url("helper") });
      const { values } = await world.driver.ensure(spec, world.call());
      await world.query(values.url ?? "", "CREATE TABLE t AS SELECT 1 AS i");
      await world.driver.reset(spec, world.call());
      expect(await world.query(values.url ?? "", "SELECT to_regclass('t')::text AS name")).toEqual([{ name: null }]);
      await world.driver.remove(spec);
      expect(await ownDatabases()).toEqual([]);
    } finally {
      await world.dispose();
    }
  });

  test("databases that the app's tests make are its own, stay at a reset, and go with it", async () => {
    const world = await createPostgresHarness();
    try {
      const spec = await world.spec("tested", { server: url("helper") });
      const { values } = await world.driver.ensure(spec, world.call());
      await world.query(values.url ?? "", "CREATE DATABASE test_shop");
      await world.query((values.url ?? "").replace(/[^/]*$/, "test_shop"), "CREATE TABLE t AS SELECT 1 AS i");
      await world.driver.reset(spec, world.call());
      expect(await admin("SELECT 1 AS there FROM pg_database WHERE datname = 'test_shop'")).toEqual([{ there: 1 }]);
      await world.driver.remove(spec);
      expect(await admin("SELECT 1 AS there FROM pg_database WHERE datname = 'test_shop'")).toEqual([]);
      expect(await ownDatabases()).toEqual([]);
    } finally {
      await world.dispose();
    }
  });

  test("keeps what it holds when the app writes a comment of its own on it, or makes it anew", async () => {
    const world = await createPostgresHarness();
    try {
      const spec = await world.spec("commented", { server: url("boss"), migrate: "true" });
      const value = (await world.driver.ensure(spec, world.call({ run: async () => undefined }))).values.url ?? "";
      await world.query(value, `COMMENT ON DATABASE "${spec.label}" IS 'the shop'; CREATE TABLE t AS SELECT 1 AS i`);
      expect((await world.driver.observe(spec)).state).toBe("ready");
      await world.driver.ensure(spec, world.call());
      expect(await world.query(value, "SELECT i FROM t")).toEqual([{ i: 1 }]);

      const beside = value.replace(/[^/]*$/, "postgres");
      await world.query(beside, `DROP DATABASE "${spec.label}"`);
      expect((await world.driver.observe(spec)).state).toBe("broken");
      await world.query(beside, `CREATE DATABASE "${spec.label}"`);
      await world.query(value, "CREATE TABLE t AS SELECT 2 AS i");
      expect((await world.driver.observe(spec)).state).toBe("ready");
      await world.driver.ensure(spec, world.call());
      expect(await world.query(value, "SELECT i FROM t")).toEqual([{ i: 2 }]);
      await world.driver.remove(spec);
      expect(await ownDatabases()).toEqual([]);
    } finally {
      await world.dispose();
    }
  });

  test("that a crash left with a comment of the app's is half-made all the same", async () => {
    const world = await createPostgresHarness();
    try {
      const spec = await world.spec("crashed", { server: url("boss"), migrate: "true" });
      const notes = join(spec.directory, "database.json");
      const during: string[] = [];
      const ensure = () => world.driver.ensure(spec, world.call({ run: async () => void during.push(readFileSync(notes, "utf8")) }));
      await ensure();
      await admin(`COMMENT ON DATABASE "${spec.label}" IS 'the shop'`);
      writeFileSync(notes, during[0] ?? "");
      expect((await world.driver.observe(spec)).state).toBe("broken");
      await ensure();
      expect(during).toHaveLength(2);
      await world.driver.remove(spec);
      expect(await ownDatabases()).toEqual([]);
    } finally {
      await world.dispose();
    }
  });

  const refusals: [string, object, RegExp][] = [
    ["a template that is missing", { from: "nowhere" }, /^resources\.db\.from: there is no database nowhere on that server\.$/],
    [
      "a template in use",
      { from: "busy" },
      /^resources\.db\.from: the database busy has 1 open session\(s\) \(.*\), so it cannot be copied\.$/,
    ],
    [
      "a wrong password",
      { server: "wrong" },
      /^resources\.db\.server: the database postgres on 127\.0\.0\.1:\d+ does not answer: .*authentication failed.*\.$/,
    ],
  ];
  for (const [name, options, message] of refusals) {
    test(`${name} is one sentence, at once, and nothing is left`, async () => {
      const world = await createPostgresHarness();
      await admin("CREATE DATABASE busy");
      const client = new SQL({ url: url("boss", "busy"), max: 1 });
      await client`SELECT 1`;
      try {
        const written = { server: url("boss"), ...options };
        const server = written.server === "wrong" ? url("boss").replace(/:[^:@]*@/, ":secret@") : written.server;
        const spec = await world.spec("four", { ...written, server });
        const startMs = performance.now();
        const error = (await world.driver.ensure(spec, world.call()).catch((thrown: unknown) => thrown)) as WtError;
        expect(error.message).toMatch(message);
        expect(error.message).not.toContain("secret");
        expect(performance.now() - startMs).toBeLessThan(4_000);
        expect(existsSync(spec.directory)).toBe(false);
        expect(await ownDatabases()).toEqual([]);
      } finally {
        await client.close({ timeout: 0 }).catch(() => undefined);
        await admin("DROP DATABASE busy WITH (FORCE)");
        await world.driver.close();
        await world.dispose();
      }
    });
  }
});

test("the way of copying follows size, number of files and file system", () => {
  const mega = 1024 * 1024;
  expect(copyStrategy({ major: 14, bytes: 1000 * mega, files: 900, shares: true }).clause).toBe("");
  expect(copyStrategy({ major: 18, bytes: 23 * mega, files: 1353, shares: true }).clause).toBe(" STRATEGY wal_log");
  expect(copyStrategy({ major: 18, bytes: 1054 * mega, files: 320, shares: true })).toEqual({ clause: " STRATEGY file_copy", clone: true });
  expect(copyStrategy({ major: 18, bytes: 1054 * mega, files: 320, shares: false })).toEqual({
    clause: " STRATEGY file_copy",
    clone: false,
  });
  expect(copyStrategy({ major: 15, bytes: 40 * mega, files: null, shares: false })).toEqual({ clause: " STRATEGY wal_log", clone: false });
});
