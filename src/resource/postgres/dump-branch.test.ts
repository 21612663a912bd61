// Dumps of real branches, out and in. With the distribution's PostgreSQL 15, because the embedded one has no pg_dump.
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WtError } from "../../errors/wt-error.ts";
import type { DumpFormat, ResourceSpec } from "../resource-driver.ts";
import { findClient } from "./dump-clients.ts";
import { createPostgresHarness, type PostgresHarness } from "./postgres-harness.conformance.ts";

setDefaultTimeout(90_000);
const clients = existsSync("/usr/lib/postgresql/15/bin/pg_dump") && existsSync("/usr/lib/postgresql/15/bin/postgres");
const never = new AbortController().signal;
const all = { rows: true, wake: true, abort: never };

let world: PostgresHarness;
let source: ResourceSpec;
let url = "";
beforeAll(async () => {
  if (!clients) return;
  world = await createPostgresHarness();
  source = await world.spec("source", { version: 15, sleep: "never" });
  url = (await world.driver.ensure(source, world.call())).values.url ?? "";
  await world.query(
    url,
    `CREATE TABLE notes (id int PRIMARY KEY, text text); INSERT INTO notes VALUES (1, 'it''s'), (2, NULL);
     ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY; CREATE POLICY nobody ON notes USING (false)`,
  );
});
afterAll(async () => {
  if (!clients) return;
  await world.dispose();
  // Those that were removed have lost their server by now.
  expect(world.failures.filter((error) => (error as WtError).code !== "database_unreachable")).toEqual([]);
});

const outputs: string[] = [];
afterEach(() => {
  for (const directory of outputs.splice(0)) rmSync(directory, { recursive: true, force: true });
});
function output(): string {
  outputs.push(mkdtempSync(join(tmpdir(), "wt-pg-dump-")));
  return join(outputs.at(-1) ?? "", "dump");
}
const inspect = (spec: ResourceSpec) => world.driver.inspect?.(spec, all);
const stateOf = async (spec: ResourceSpec) => (await world.driver.observe(spec)).state;

describe.skipIf(!clients)("a branch", () => {
  test("is inspected awake, and asleep without staying awake", async () => {
    const awake = await inspect(source);
    expect(awake?.objects.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "extension plpgsql",
      "policy nobody ON public.notes",
      "schema public",
      "table public.notes",
    ]);
    expect(awake?.rows).toEqual([{ table: "public.notes", rows: 2, exact: true }]);
    const mark = await world.driver.contentMark?.(source);
    expect(await world.driver.contentMark?.(source)).toBe(mark as string);
    await world.query(url, "CREATE TABLE more (x int); DROP TABLE more");
    expect(await world.driver.contentMark?.(source)).not.toBe(mark as string);

    const asleep = await world.spec("asleep", { version: 15 });
    await world.driver.ensure(asleep, world.call());
    expect(await world.driver.sleep(asleep)).toBe(true);
    expect(await world.driver.inspect?.(asleep, { ...all, wake: false })).toBeNull();
    expect([await world.driver.contentMark?.(asleep), await stateOf(asleep)]).toEqual([null, "asleep"]);
    expect((await inspect(asleep))?.rows).toEqual([]);
    expect(await stateOf(asleep)).toBe("asleep");
  });

  test.each<[DumpFormat]>([["plain"], ["custom"], ["directory"], ["tar"]])("comes back from a dump in the format %s", async (format) => {
    const path = output();
    expect(await world.driver.dump?.(source, { path, format, schema: true, data: true }, world.call())).toBe(format);
    expect(statSync(path).mode & 0o777).toBe(format === "directory" ? 0o700 : 0o600);
    const target = await world.spec(`target_${format}`, { version: 15, sleep: "never" });
    const { values } = await world.driver.ensure(target, world.call());
    await world.query(values.url ?? "", "CREATE TABLE old (x int)");
    await world.driver.load?.(target, path, world.call());
    expect(await inspect(target)).toEqual((await inspect(source)) ?? null);
    // The URL still works, and what was loaded is the app's own.
    await world.query(values.url ?? "", "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY");
    expect(await world.query(values.url ?? "", "SELECT * FROM notes ORDER BY id")).toEqual([
      { id: 1, text: "it's" },
      { id: 2, text: null },
    ]);
    await world.driver.remove(target);
  });

  test("keeps what it has when the dump is damaged, missing, or the load is interrupted", async () => {
    const target = await world.spec("kept", { version: 15, sleep: "never" });
    const { values } = await world.driver.ensure(target, world.call());
    await world.query(values.url ?? "", "CREATE TABLE old (x int); INSERT INTO old VALUES (7)");
    const bad = output();
    writeFileSync(bad, "CREATE TABLE a (x int);\nSELECT nonsense;\n");
    const failure = async (path: string, abort = never) =>
      (await world.driver.load?.(target, path, world.call({ abort })).catch((error) => error)) as WtError;
    const failed = await failure(bad);
    expect([failed.code, failed.message]).toEqual(["sql_failed", expect.stringMatching(/^dump line 2 failed: column/)]);
    const absent = await failure(join(bad, "../absent"));
    expect([absent.code, absent.message]).toEqual(["dump_unreadable", expect.stringMatching(/^the file .*absent does not exist\.$/i)]);
    const stop = new AbortController();
    const loading = world.driver.load?.(target, bad, world.call({ abort: stop.signal, report: () => stop.abort(new Error("stopped")) }));
    await expect(loading).rejects.toThrow();
    expect(await world.query(values.url ?? "", "SELECT x FROM old")).toEqual([{ x: 7 }]);
    expect(readdirSync(target.directory).filter((name) => /next|previous/.test(name))).toEqual([]);
    await world.driver.remove(target);
  });

  test("of the schema alone; and an interrupted or refused dump leaves nothing", async () => {
    const path = output();
    await world.driver.dump?.(source, { path, format: null, schema: true, data: false }, world.call());
    const text = await Bun.file(path).text();
    expect([text.includes("CREATE TABLE public.notes"), text.includes("COPY"), text.includes("OWNER TO")]).toEqual([true, false, false]);
    const other = output();
    const wish = { path: other, schema: true, data: true };
    await expect(world.driver.dump?.(source, { ...wish, format: "plain" }, world.call({ abort: AbortSignal.abort() }))).rejects.toThrow();
    const refused = (await world.driver.dump?.(source, { ...wish, format: "rdb" }, world.call()).catch((error) => error)) as WtError;
    expect([refused.code, existsSync(other)]).toEqual(["dump_format", false]);
  });
});

describe.skipIf(!clients)("the client programs", () => {
  test("of the server's version are preferred; without one it is said what to install", async () => {
    const search = { searchPath: process.env.PATH ?? "", programs: null };
    expect(await findClient("pg_dump", { ...search, major: 15 })).toContain("pg_dump");
    const failure = (await findClient("pg_dump", { ...search, major: 90 }).catch((error) => error)) as WtError;
    expect([failure.code, failure.message]).toEqual([
      "client_missing",
      expect.stringMatching(/^pg_dump of PostgreSQL 90 or newer is needed and was not found; there is only 1\d\.\d+ /),
    ]);
    expect(failure.hints[0]).toContain("90");
  });
});

describe.skipIf(!clients)("a database on a server that is there", () => {
  test.each<[DumpFormat]>([["plain"], ["custom"]])("is inspected, dumped as %s, loaded; a failed load changes nothing", async (format) => {
    // A branch's server plays it; its app may make databases and, for this, roles.
    await world.query(url, "SELECT 1");
    const admin = await adminUrl(source);
    const spec = await world.spec(`guest_${format}`, { server: admin });
    const { values } = await world.driver.ensure(spec, world.call());
    await world.query(values.url ?? "", "CREATE TABLE guests (name text); INSERT INTO guests VALUES ('a'), ('b')");
    const path = output();
    await world.driver.dump?.(spec, { path, format, schema: true, data: true }, world.call());
    const before = await inspect(spec);
    expect(before?.rows).toEqual([{ table: "public.guests", rows: 2, exact: true }]);
    await world.query(values.url ?? "", "DROP TABLE guests; CREATE TABLE other (x int)");
    await world.driver.load?.(spec, path, world.call());
    expect(await inspect(spec)).toEqual(before ?? null);
    const bad = output();
    writeFileSync(bad, "CREATE TABLE a (x int);\nSELECT nonsense;\n");
    const failed = (await world.driver.load?.(spec, bad, world.call()).catch((error) => error)) as WtError;
    expect([failed.code, failed.message]).toEqual(["restore_failed", expect.stringContaining('column "nonsense" does not exist')]);
    expect(await inspect(spec)).toEqual(before ?? null);
    expect(await stateOf(spec)).toBe("ready");
    const shared = await world.spec(`shared_${format}`, { branch: "shared", url: values.url ?? "" });
    expect(await inspect(shared)).toEqual(before ?? null);
    const refused = (await world.driver.load?.(shared, path, world.call()).catch((error) => error)) as WtError;
    expect(refused.code).toBe("database_shared");
    await world.driver.remove(spec);
  });
});

/** A login that may make databases and roles, on the branch's own server. */
async function adminUrl(spec: ResourceSpec): Promise<string> {
  const { asAdmin, serverPlace } = await import("./postmaster.ts");
  const password = "p@ss: /w?rd#%'\"\\";
  const name = "host_admin";
  await asAdmin(serverPlace(spec.directory), spec.port ?? 0, async (session) => {
    const [known] = await session.query(`SELECT 1 AS one FROM pg_roles WHERE rolname = '${name}'`);
    if (!known) await session.query(`CREATE ROLE ${name} SUPERUSER LOGIN PASSWORD E'p@ss: /w?rd#%\\'"\\\\'`);
  });
  return `postgres://${name}:${encodeURIComponent(password)}@127.0.0.1:${spec.port}/postgres`;
}
