// Data that was carried here from another machine, or outlived an upgrade of the libraries that sort text.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { WtError } from "../../errors/wt-error.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { checkOrigin, parseOrigin, readOrigin } from "./data-origin.ts";
import { withSession } from "./pg-session.ts";
import { createPostgresHarness, eventually, type PostgresHarness } from "./postgres-harness.conformance.ts";
import { adminTarget, findServer, serverPlace } from "./postmaster.ts";
import type { ServerPrograms } from "./server-programs.ts";

setDefaultTimeout(60_000);

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => new Error("it succeeded") as WtError,
    (error: unknown) => error as WtError,
  );

describe("a database that", () => {
  let world: PostgresHarness;
  let spec: ResourceSpec;
  let data: string;
  let url: string;
  beforeEach(async () => {
    world = await createPostgresHarness();
    spec = await world.spec("one");
    url = (await world.driver.ensure(spec, world.call())).values.url ?? "";
    data = serverPlace(spec.directory).data;
  });
  afterEach(() => world.dispose());

  const asleep = () => eventually(async () => expect(await world.driver.sleep(spec)).toBe(true));
  const admin = (sql: string) => withSession(adminTarget(serverPlace(spec.directory), spec.port ?? 0), (session) => session.query(sql));
  const setOrigin = (change: object) => writeFileSync(join(data, "wt.origin"), JSON.stringify({ ...readOrigin(data), ...change }));

  test("was made on another architecture is refused, and started by nothing", async () => {
    await asleep();
    const other = process.arch === "x64" ? "linux-arm64" : "linux-x64";
    setOrigin({ platform: other });
    const error = await failureOf(world.driver.wake(spec));
    expect(error).toMatchObject({ kind: "refused", code: "postgres_other_machine" });
    expect(error.message).toBe(
      `The database in ${data} cannot be used here: it was made on ${other}, and this is ${process.platform}-${process.arch}.`,
    );
    expect(await findServer(serverPlace(spec.directory))).toBeNull();
    await world.driver.reset(spec, world.call());
    expect(await world.query(url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("does not depend on the libraries that changed is served, and remembers the new ones", async () => {
    await world.query(url, "CREATE TABLE t (name text PRIMARY KEY)");
    await asleep();
    setOrigin({ collation: "glibc 1.0, icu 1" });
    await world.driver.wake(spec);
    expect(readOrigin(data)?.collation).not.toContain("glibc 1.0");
    expect(await world.query(url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("has an index of text sorted by a library that changed is refused with its name", async () => {
    const [icu] = await world.query(url, "SELECT count(*)::int AS count FROM pg_collation WHERE collname = 'en-x-icu'");
    const name = icu?.count ? "en-x-icu" : "C.utf8";
    await world.query(url, `CREATE TABLE t (name text COLLATE "${name}" PRIMARY KEY)`);
    await admin("SELECT 1");
    await withSession({ ...adminTarget(serverPlace(spec.directory), spec.port ?? 0), database: "app" }, (session) =>
      session.query(`SET allow_system_table_mods = on; UPDATE pg_collation SET collversion = '1.0' WHERE collname = '${name}'`),
    );
    await asleep();
    setOrigin({ collation: "glibc 1.0, icu 1" });
    const error = await failureOf(world.driver.wake(spec));
    expect(error).toMatchObject({ kind: "refused", code: "postgres_collation_changed" });
    expect(error.message).toContain(`(the collation ${name})`);
    expect(error.message).toContain("was made with glibc 1.0, icu 1");
    expect(await findServer(serverPlace(spec.directory))).toBeNull();
    expect(readOrigin(data)?.collation).toBe("glibc 1.0, icu 1");
  });
});

describe("a directory", () => {
  let data: string;
  beforeEach(() => {
    data = mkdtempSync(join(tmpdir(), "wt-origin-"));
    mkdirSync(join(data, "global"));
  });
  afterEach(() => rmSync(data, { recursive: true }));

  const here = { platform: "linux-x64", collation: "glibc 2.36, icu 72" };
  const programs = { major: 18, version: "18.4" } as ServerPrograms;

  test("with the other order of bytes is refused", () => {
    const control = Buffer.alloc(296);
    control.writeUInt32BE(1800, 8);
    writeFileSync(join(data, "global/pg_control"), control);
    expect(() => checkOrigin(data, here, programs)).toThrow("another order of bytes");
    control.writeUInt32LE(1800, 8);
    writeFileSync(join(data, "global/pg_control"), control);
    checkOrigin(data, here, programs);
  });

  test("of another major version is refused with both versions", () => {
    writeFileSync(join(data, "PG_VERSION"), "15\n");
    expect(() => checkOrigin(data, here, programs)).toThrow("it is of PostgreSQL 15, and the programs are of 18.4.");
  });
});

test("what is written about the origin is ours or nothing", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => expect(parseOrigin(JSON.stringify(value))).toBeNull()));
  fc.assert(
    fc.property(fc.record({ platform: fc.string(), collation: fc.string() }), (origin) =>
      expect(parseOrigin(JSON.stringify(origin))).toEqual(origin),
    ),
  );
});
