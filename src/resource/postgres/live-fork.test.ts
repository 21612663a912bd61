// What is special about forks and live checkpoints of branch servers, on real servers.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { SQL } from "bun";
import type { WtError } from "../../errors/wt-error.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { withSession } from "./pg-session.ts";
import { createPostgresHarness, eventually, type PostgresHarness } from "./postgres-harness.conformance.ts";
import { adminTarget, serverPlace } from "./postmaster.ts";
import { findServerProcesses } from "./server-spawn.ts";

setDefaultTimeout(60_000);

const version = existsSync("/usr/lib/postgresql/15/bin/postgres") ? 15 : 18;

let world: PostgresHarness;
beforeEach(async () => {
  world = await createPostgresHarness();
});
afterEach(async () => {
  await world.dispose();
  expect(world.failures).toEqual([]);
});

async function ensured(name: string, options = {}): Promise<{ spec: ResourceSpec; url: string }> {
  const spec = await world.spec(name, { version, ...options });
  const { values } = await world.driver.ensure(spec, world.call());
  return { spec, url: values.url ?? "" };
}

async function forked(name: string, source: ResourceSpec, options = {}): Promise<{ spec: ResourceSpec; url: string }> {
  const spec = await world.spec(name, { version, ...options });
  const connection = await world.driver.fork?.(spec, source, world.call());
  return { spec, url: connection?.values.url ?? "" };
}

const asSuperuser = <T>(spec: ResourceSpec, use: Parameters<typeof withSession<T>>[1]) =>
  withSession(adminTarget(serverPlace(spec.directory), spec.port ?? 0, "app"), use);
const failureOf = (promise: Promise<unknown> | undefined) =>
  Promise.resolve(promise).then(
    () => {
      throw new Error("nothing was thrown");
    },
    (error: WtError) => error,
  );

describe("what a fork takes along", () => {
  test("what is committed, and nothing of an open transaction, which goes on in the source", async () => {
    const source = await ensured("source");
    await world.query(source.url, "CREATE TABLE t AS SELECT 1 AS i");
    const client = new SQL({ url: source.url, max: 1 });
    const session = await client.reserve();
    await session.unsafe("BEGIN");
    await session.unsafe("INSERT INTO t VALUES (2)");
    const fork = await forked("fork", source.spec);
    expect(await world.query(fork.url, "SELECT i FROM t")).toEqual([{ i: 1 }]);
    await session.unsafe("COMMIT");
    session.release();
    expect(await world.query(source.url, "SELECT count(*)::int AS n FROM t")).toEqual([{ n: 2 }]);
    await client.close();
  });

  test("prepared transactions are rolled back in the copy, and said; the source keeps them", async () => {
    const options = { settings: { max_prepared_transactions: 4 } };
    const source = await ensured("source", options);
    await world.query(source.url, "CREATE TABLE t AS SELECT 1 AS i");
    await world.query(source.url, "BEGIN; INSERT INTO t VALUES (2); PREPARE TRANSACTION 'half ''way'");
    const fork = await forked("fork", source.spec, options);
    expect(world.reports).toContain("note: the prepared transaction half 'way was rolled back in the copy");
    expect(await world.query(fork.url, "SELECT count(*)::int AS n FROM pg_prepared_xacts")).toEqual([{ n: 0 }]);
    expect(await world.query(fork.url, "SELECT i FROM t")).toEqual([{ i: 1 }]);
    await world.query(source.url, "COMMIT PREPARED 'half ''way'");
    expect(await world.query(source.url, "SELECT count(*)::int AS n FROM t")).toEqual([{ n: 2 }]);
  });

  test("subscriptions and slots are taken out of the copy alone; unlogged tables are empty, and said to be", async () => {
    const source = await ensured("source");
    await world.query(source.url, "CREATE UNLOGGED TABLE scratch AS SELECT 1 AS i");
    await asSuperuser(source.spec, async (session) => {
      const target = "CONNECTION 'host=127.0.0.1 port=1 dbname=x' PUBLICATION p WITH (connect = false, slot_name = 'theirs')";
      await session.query(`CREATE SUBSCRIPTION sub ${target}`);
      await session.query("SELECT pg_create_physical_replication_slot('kept', true)");
    });
    const fork = await forked("fork", source.spec);
    const ties = "SELECT (SELECT count(*) FROM pg_subscription) AS subs, (SELECT count(*) FROM pg_replication_slots) AS slots";
    expect(await asSuperuser(fork.spec, (session) => session.query(ties))).toEqual([{ subs: "0", slots: "0" }]);
    expect(await asSuperuser(source.spec, (session) => session.query(ties))).toEqual([{ subs: "1", slots: "1" }]);
    expect(world.reports).toContain("note: the subscription sub was taken out of the copy");
    expect(world.reports).toContain("note: unlogged tables are empty in a copy of a running server: scratch");
    expect(await world.query(fork.url, "SELECT count(*)::int AS n FROM scratch")).toEqual([{ n: 0 }]);
    await asSuperuser(source.spec, (session) => session.query("SELECT pg_drop_replication_slot('kept')"));
  });

  test("then the pending migration runs, with the fork's own variables; one that fails leaves nothing", async () => {
    const source = await ensured("source");
    await world.query(source.url, "CREATE TABLE t AS SELECT 1 AS i");
    const add = `${process.execPath} -e 'const s = new Bun.SQL(process.env.DATABASE_URL); await s.unsafe("INSERT INTO t VALUES (2)"); await s.close()'`;
    const fork = await forked("fork", source.spec, { migrate: add, seed: "exit 1" });
    expect(await world.query(fork.url, "SELECT count(*)::int AS n FROM t")).toEqual([{ n: 2 }]);
    const bad = await world.spec("bad", { version, migrate: "exit 1" });
    await failureOf(world.driver.fork?.(bad, source.spec, world.call()));
    expect(await world.driver.observe(bad)).toEqual({ state: "absent" });
    expect(existsSync(bad.directory)).toBe(false);
    // The content of one that is there comes back.
    await failureOf(world.driver.fork?.({ ...fork.spec, options: bad.options }, source.spec, world.call()));
    expect(await world.query(fork.url, "SELECT count(*)::int AS n FROM t")).toEqual([{ n: 2 }]);
  });
});

describe("the source of a fork", () => {
  test("that sleeps sleeps on", async () => {
    const source = await ensured("source");
    await world.query(source.url, "CREATE TABLE t AS SELECT 1 AS i");
    await eventually(async () => expect(await world.driver.sleep(source.spec)).toBe(true));
    const fork = await forked("fork", source.spec);
    expect((await world.driver.observe(source.spec)).state).toBe("asleep");
    expect(await world.query(fork.url, "SELECT i FROM t")).toEqual([{ i: 1 }]);
  });

  test("of another version is refused with what to write", async () => {
    const source = await ensured("source");
    const spec = await world.spec("other", { version: version === 15 ? 16 : 15 });
    const error = await failureOf(world.driver.fork?.(spec, source.spec, world.call()));
    expect([error.code, error.hints[0]]).toEqual(["fork_version", expect.stringContaining(`version: ${version}`)]);
    expect(existsSync(spec.directory)).toBe(false);
  });

  test("that is removed meanwhile: a whole fork or none", async () => {
    const source = await ensured("source");
    await world.query(source.url, "CREATE TABLE t AS SELECT 1 AS i");
    const client = new SQL({ url: source.url, max: 1 });
    await client`SELECT 1`;
    const spec = await world.spec("fork", { version });
    const [fork, removed] = await Promise.allSettled([
      world.driver.fork?.(spec, source.spec, world.call()),
      Bun.sleep(30).then(() => world.driver.remove(source.spec)),
    ]);
    expect(removed.status).toBe("fulfilled");
    expect((await world.driver.observe(spec)).state).toBe(fork.status === "fulfilled" ? "ready" : "absent");
    expect(await world.driver.observe(source.spec)).toEqual({ state: "absent" });
    await client.close({ timeout: 0 }).catch(() => undefined);
  });

  test("may be forked from its own fork at the same time", async () => {
    const [one, other] = [await ensured("one"), await ensured("other")];
    await world.query(one.url, "CREATE TABLE t AS SELECT 'one' AS of");
    await world.query(other.url, "CREATE TABLE t AS SELECT 'other' AS of");
    await Promise.all([world.driver.fork?.(one.spec, other.spec, world.call()), world.driver.fork?.(other.spec, one.spec, world.call())]);
    for (const { url } of [one, other]) expect(await world.query(url, "SELECT of FROM t")).toHaveLength(1);
  });
});

test("a checkpoint leaves clients connected, with their open transactions", async () => {
  const { spec, url } = await ensured("one");
  await world.query(url, "CREATE TABLE t AS SELECT 1 AS i");
  const client = new SQL({ url, max: 1 });
  const session = await client.reserve();
  await session.unsafe("BEGIN");
  await session.unsafe("INSERT INTO t VALUES (2)");
  await world.driver.checkpoint(spec, "one");
  await session.unsafe("COMMIT");
  session.release();
  await client.close();
  expect(await world.query(url, "SELECT count(*)::int AS n FROM t")).toEqual([{ n: 2 }]);
  await world.driver.restore(spec, "one");
  expect(await world.query(url, "SELECT i FROM t")).toEqual([{ i: 1 }]);
});

test("a daemon that was killed while it held a server still: the next one lets it go on and removes what was half copied", async () => {
  const { spec, url } = await ensured("one");
  await world.query(url, "CREATE TABLE t AS SELECT 1 AS i");
  await world.driver.close();
  for (const { pid } of await findServerProcesses(serverPlace(spec.directory).data)) process.kill(pid, "SIGSTOP");
  const staging = join(dirname(spec.directory), ".fork-db");
  mkdirSync(staging);
  writeFileSync(join(staging, "half"), "");
  await world.next().adopt(spec);
  expect(await world.query(url, "SELECT i FROM t")).toEqual([{ i: 1 }]);
  expect(existsSync(staging)).toBe(false);
});

test("a checkpoint says which tables a restore will not fill; a sleeping one has none of that", async () => {
  const { spec, url } = await ensured("scratches");
  await world.query(url, "CREATE UNLOGGED TABLE scratch AS SELECT 1 AS i");
  const told: string[] = [];
  await world.driver.checkpoint(spec, "awake", (line) => told.push(line));
  expect(told).toEqual([`Unlogged tables of ${spec.name} will be empty after a restore: scratch.`]);
  expect(await world.driver.sleep(spec)).toBe(true);
  await world.driver.checkpoint(spec, "asleep", (line) => told.push(line));
  expect(told).toHaveLength(1);
  await world.driver.restore(spec, "awake");
  expect(await world.query(url, "SELECT count(*)::int AS n FROM scratch")).toEqual([{ n: 0 }]);
  await world.driver.restore(spec, "asleep");
  expect(await world.query(url, "SELECT count(*)::int AS n FROM scratch")).toEqual([{ n: 1 }]);
});
