import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { SQL } from "bun";
import { createPostgresHarness, type PostgresHarness } from "./postgres-harness.conformance.ts";
import { findStrays } from "./server-strays.ts";
import { startTestServer, type TestServer } from "./test-server.conformance.ts";

setDefaultTimeout(60_000);
const major = existsSync("/usr/lib/postgresql/15/bin/postgres") ? 15 : 18;
let server: TestServer;
let world: PostgresHarness;
beforeAll(async () => {
  server = await startTestServer({ major });
  await server.admin("CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'secret'");
  world = await createPostgresHarness();
});
afterAll(async () => {
  await world.dispose();
  await server.dispose();
});

test("what carries our mark and belongs to no environment is found; only the notes of this disk prove whose it is", async () => {
  const url = server.url("boss", "secret", "postgres");
  const [one, other] = [await world.spec("one", { server: url }), await world.spec("other", { server: url })];
  const { values } = await world.driver.ensure(one, world.call());
  await world.driver.ensure(other, world.call());
  await server.admin("CREATE ROLE wt_foreign");
  await server.admin("CREATE DATABASE wt_foreign OWNER wt_foreign");
  const look = (living: string[], orphans: string[]) => findStrays({ specs: [one, other], living: new Set(living), orphans });

  expect(await look([one.nonce, other.nonce], [])).toEqual({ strays: [], problems: [] });
  const unproven = await look([other.nonce], []);
  expect(unproven.strays).toMatchObject([{ name: one.label, proof: null, sessions: 0 }]);
  expect(unproven.strays[0]?.bytes).toBeGreaterThan(1_000_000);
  const client = new SQL({ url: values.url ?? "", max: 1 });
  await client`SELECT 1`;
  const [used] = (await look([other.nonce], [one.directory, "/nonexistent"])).strays;
  expect(used).toMatchObject({ name: one.label, proof: one.directory, sessions: 1 });
  await client.close({ timeout: 0 });

  await used?.remove();
  const names = await server.admin("SELECT datname AS name FROM pg_database WHERE datname LIKE 'wt%' ORDER BY 1");
  expect(names.map(({ name }) => name)).toEqual(["wt_foreign", other.label]);
  expect(await look([other.nonce], [one.directory])).toEqual({ strays: [], problems: [] });
});

test("a server that does not answer is a sentence without its password", async () => {
  const spec = await world.spec("nowhere", { server: "postgres://boss:secret@127.0.0.1:1/postgres" });
  const { strays, problems } = await findStrays({ specs: [spec], living: new Set(), orphans: [] });
  expect(strays).toEqual([]);
  expect(problems).toEqual([
    expect.stringMatching(/^resources\.db\.server: the database postgres on 127\.0\.0\.1:1 does not answer: .*\.$/),
  ]);
  expect(problems[0]).not.toContain("secret");
  // The harness removes what it made; this was never made.
  spec.options = { ...spec.options, mode: "branch" };
});
