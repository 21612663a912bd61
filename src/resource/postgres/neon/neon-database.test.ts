// `remote: neon` against a local FAKE of Neon's API (see `fake-neon.conformance.ts`), never against the service; the data is in a real PostgreSQL.
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { SQL } from "bun";
import { WtError } from "../../../errors/wt-error.ts";
import { describeResourceDriver } from "../../resource-driver.conformance.ts";
import type { ResourceConnection } from "../../resource-driver.ts";
import type { ResourceHarness } from "../../resource-harness.conformance.ts";
import { startTestServer, type TestServer } from "../test-server.conformance.ts";
import { createNeonWorld } from "./neon-harness.conformance.ts";

setDefaultTimeout(60_000);
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ major: 18 });
});
afterAll(async () => {
  await server.dispose();
});

async function createHarness(): Promise<ResourceHarness> {
  const world = await createNeonWorld(server);
  const features = { checkpoints: true, sleep: true, port: true };
  const driver = () => ({ ...world.driver, features });
  const url = (connection: ResourceConnection) => connection.values.url ?? "";
  return {
    driver: driver(),
    reopen() {
      world.next();
      return driver();
    },
    spec: () => world.spec(),
    brokenSpec: () => world.spec({ migrate: "exit 3" }),
    call: (abort) =>
      world.call({
        abort,
        run: () => Promise.reject(new WtError({ kind: "machine", code: "command_failed", message: "The command failed." })),
      }),
    async write(connection, text) {
      await world.query(url(connection), `CREATE TABLE IF NOT EXISTS note (text text); TRUNCATE note; INSERT INTO note VALUES ('${text}')`);
    },
    async read(connection) {
      const [there] = await world.query(url(connection), "SELECT to_regclass('note')::text AS name");
      if (!there?.name) return null;
      return ((await world.query(url(connection), "SELECT text FROM note"))[0]?.text as string) ?? null;
    },
    async holdClient(connection) {
      const client = new SQL({ url: url(connection), max: 1 });
      await client`SELECT 1`;
      return async () => {
        await client.close({ timeout: 0 }).catch(() => undefined);
      };
    },
    async makeForeign(spec) {
      const made = await world.neon.project.makeBranch(spec.label);
      return async () => world.neon.project.has(made.id) && made.name === spec.label;
    },
    async makeHalf(spec) {
      await world.driver.ensure(spec, world.call());
      const branch = world.neon.project.all().find(({ name }) => name === spec.label);
      if (branch) branch.name = world.makingName(spec);
    },
    async dispose() {
      for (const left of world.neon.project.all())
        expect(left.name === "main" || !left.annotation.worktree || world.specs.length > 0).toBe(true);
      await world.dispose();
    },
  };
}

describeResourceDriver("postgres remote, against a fake of Neon,", createHarness, {
  features: { checkpoints: true, sleep: true, port: true },
  clients: true,
  valid: [
    { remote: "neon", project: "quiet-river-12345678" },
    { remote: "neon", project: "p-1", parent: "staging", database: "d", role: "r", api_key_variable: "MY_NEON_KEY", migrate: "x" },
  ],
  invalid: [
    { options: { remote: "neon" }, key: "project" },
    { options: { remote: "supabase", project: "p" }, key: "remote" },
    { options: { remote: "neon", project: "a/../b" }, key: "project" },
    { options: { remote: "neon", project: "p", api_key_variable: "AWS_SECRET_ACCESS_KEY" }, key: "api_key_variable" },
    { options: { remote: "neon", project: "p", version: 17 }, key: "version" },
    { options: { project: "p" }, key: "project" },
  ],
});
