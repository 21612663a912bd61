// `server:`: a database that is put aside when its environment is deleted, and comes back with it.
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { WtError } from "../../errors/wt-error.ts";
import type { ResourceCall, ResourceSpec } from "../resource-driver.ts";
import { createPostgresHarness, eventually, type PostgresHarness } from "./postgres-harness.conformance.ts";
import { findStrays } from "./server-strays.ts";
import { startTestServer, superuser, type TestServer } from "./test-server.conformance.ts";

setDefaultTimeout(60_000);
const major = existsSync("/usr/lib/postgresql/15/bin/postgres") ? 15 : 18;
let server: TestServer;
let world: PostgresHarness;
beforeAll(async () => {
  server = await startTestServer({ major });
  await server.admin("CREATE ROLE helper CREATEDB CREATEROLE LOGIN PASSWORD 'h'");
  world = await createPostgresHarness();
});
afterAll(async () => {
  await world.dispose();
  expect(await onServer()).toEqual([]);
  expect(world.failures).toEqual([]);
  await server.dispose();
});

/** Databases and roles of ours. */
async function onServer(): Promise<string[]> {
  const names = await server.admin(
    "SELECT datname AS name FROM pg_database WHERE datname ~ '^(wt|test_)' UNION ALL SELECT rolname FROM pg_roles WHERE rolname ~ '^wt'",
  );
  return names.map(({ name }) => String(name));
}

let count = 0;
let spec: ResourceSpec;
let url = "";
/** Nothing of the repository runs when a database comes back. */
const calm = (): ResourceCall => world.call({ run: (command) => Promise.reject(new Error(`${command} was run`)) });
const ensure = async (call = calm()) => (await world.driver.ensure(spec, call)).values.url ?? "";
const retire = (one = spec) => world.driver.retire?.(one);
const read = async (at = url) => (await world.query(at, "SELECT text FROM note")).map(({ text }) => text);
const refused = async (at: string) => String(await world.query(at, "SELECT 1").catch((error: unknown) => error));

beforeEach(async () => {
  spec = await world.spec(`kept${++count}`, { server: server.url("helper", "h"), migrate: "true" });
  url = await ensure(world.call());
  await world.query(url, "CREATE TABLE note AS SELECT 'precious' AS text");
});

describe(`a database on a PostgreSQL ${major} server that is kept`, () => {
  test("nobody gets in, and it comes back under the same URL with all that its role has", async () => {
    await world.query(url, "CREATE DATABASE test_shop");
    const tested = url.replace(/[^/]*$/, "test_shop");
    await world.query(tested, "CREATE TABLE note AS SELECT 'of the tests' AS text");
    await world.driver.checkpoint(spec, "before");
    const clients = [new SQL({ url, max: 1 }), new SQL({ url: tested, max: 1 })];
    for (const client of clients) await client`SELECT 1`;

    expect(await retire()).toBe(true);
    const sessions = () => server.admin(`SELECT datname FROM pg_stat_activity WHERE usename = '${spec.label}'`);
    await eventually(async () => expect(await sessions()).toEqual([]));
    for (const client of clients) await client.close({ timeout: 0 }).catch(() => undefined);
    for (const at of [url, tested]) expect(await refused(at)).toContain("is not permitted to log in");
    expect(await refused(server.url("helper", "h", spec.label))).toContain("is not currently accepting connections");
    expect(await world.driver.observe(spec)).toEqual({ state: "broken", reason: "it was put aside; `wt up` brings it back." });

    world.next();
    expect(await ensure()).toBe(url);
    expect((await world.driver.observe(spec)).state).toBe("ready");
    expect(await read()).toEqual(["precious"]);
    expect(await read(tested)).toEqual(["of the tests"]);
    await world.query(url, "DROP TABLE note");
    await world.driver.restore(spec, "before");
    expect(await read()).toEqual(["precious"]);
  });

  test("a superuser who sits in it holds nothing up and stays", async () => {
    await server.admin(`ALTER ROLE ${superuser} PASSWORD 's'`);
    const client = new SQL({ url: server.url(superuser, "s", spec.label), max: 1 });
    await client`SELECT 1`;
    try {
      expect(await retire()).toBe(true);
      expect([...(await client`SELECT text FROM note`)]).toEqual([{ text: "precious" }]);
      expect(await ensure()).toBe(url);
    } finally {
      await client.close({ timeout: 0 }).catch(() => undefined);
    }
  });

  const steps = [
    () => {
      const file = join(spec.directory, "database.json");
      writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), retired: true }));
    },
    () => server.admin(`ALTER ROLE "${spec.label}" NOLOGIN`),
    () => server.admin(`ALTER DATABASE "${spec.label}" ALLOW_CONNECTIONS false`),
  ];
  test.each([1, 2, 3])("cut off after step %i, it is kept by the next attempt, brought back, or removed", async (done) => {
    const cutOff = async () => {
      for (const step of steps.slice(0, done)) await step();
      world.next();
    };
    await cutOff();
    expect(await retire()).toBe(true);
    expect(await refused(url)).toContain("is not permitted to log in");
    await ensure();
    await cutOff();
    expect(await ensure()).toBe(url);
    expect(await read()).toEqual(["precious"]);
    await cutOff();
    await world.driver.remove(spec);
    expect(await onServer()).not.toContain(spec.label);
    expect(existsSync(spec.directory)).toBe(false);
  });

  test("a return that is cut off half-way comes to its end", async () => {
    await retire();
    await server.admin(`ALTER ROLE "${spec.label}" LOGIN`);
    expect((await world.driver.observe(spec)).state).toBe("broken");
    expect(await ensure()).toBe(url);
    expect(await read()).toEqual(["precious"]);
  });

  test("while the server is away it is neither put aside nor brought back, which is said; then it is", async () => {
    const away = { ...spec, options: { ...spec.options, url: server.url("helper", "h").replace(`:${server.port}/`, ":1/") } };
    for (const attempt of [() => retire(away), () => world.driver.ensure(away, calm()), () => world.driver.remove(away)]) {
      const error = (await attempt()?.catch((thrown: unknown) => thrown)) as WtError;
      expect(error).toBeInstanceOf(WtError);
      expect(error.message).toMatch(/^resources\.db\.server: the database postgres on 127\.0\.0\.1:1 does not answer: .*\.$/);
    }
    expect(await read()).toEqual(["precious"]);
    expect(await retire()).toBe(true);
    expect((await world.driver.ensure(away, calm()).catch((thrown: unknown) => thrown)) as WtError).toMatchObject({
      code: "database_unreachable",
    });
    expect(await ensure()).toBe(url);
    expect(await read()).toEqual(["precious"]);
  });

  test.each(["the database", "database and role"])(
    "%s dropped by others meanwhile: that is said once, not covered by an empty one",
    async (what) => {
      await retire();
      await server.admin(`DROP DATABASE "${spec.label}"`);
      if (what !== "the database") await server.admin(`DROP ROLE "${spec.label}"`);
      const error = (await ensure().catch((thrown: unknown) => thrown)) as WtError;
      expect(error).toMatchObject({ code: "resource_lost", kind: "machine" });
      expect(error.message).toBe(`The database ${spec.label} was kept on 127.0.0.1:${server.port} and is not there any more.`);
      const anew = await ensure(world.call());
      expect(await world.query(anew, "SELECT to_regclass('note')::text AS name")).toEqual([{ name: null }]);
    },
  );

  test("without our notes it is kept all the same, and gets another password", async () => {
    rmSync(spec.directory, { recursive: true });
    expect(await retire()).toBe(true);
    const other = await ensure();
    expect(other).not.toBe(url);
    expect(await read(other)).toEqual(["precious"]);
    expect(await refused(url)).toContain("password authentication failed");
  });

  test("what is half-made or absent cannot be kept, another's is refused", async () => {
    await server.admin(`COMMENT ON DATABASE "${spec.label}" IS NULL`);
    const notes = join(spec.directory, "database.json");
    writeFileSync(notes, JSON.stringify({ ...JSON.parse(readFileSync(notes, "utf8")), complete: false }));
    expect(await retire()).toBe(false);
    await world.driver.remove(spec);
    expect(await retire()).toBe(false);
    await server.admin(`CREATE DATABASE "${spec.label}"`);
    expect(await retire()?.catch((error: unknown) => error)).toMatchObject({ code: "database_foreign" });
    await server.admin(`DROP DATABASE "${spec.label}"`);
  });

  test("is found by its mark when nothing else knows of it", async () => {
    await retire();
    const look = (living: string[]) => findStrays({ specs: [spec], living: new Set(living), orphans: [spec.directory] });
    expect((await look([spec.nonce])).strays.map(({ name }) => name)).not.toContain(spec.label);
    const found = (await look([])).strays.find(({ name }) => name === spec.label);
    expect(found).toMatchObject({ proof: spec.directory, sessions: 0 });
    await found?.remove();
    expect(await onServer()).not.toContain(spec.label);
  });
});
