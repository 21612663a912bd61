// The contract of every resource driver, kept by real servers: the embedded PostgreSQL 18.
import { afterAll, describe, expect, setDefaultTimeout } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import { type LoopImage, mountLoopImage, whyNoImage } from "../../os/loop-image.conformance.ts";
import { describeResourceDriver } from "../resource-driver.conformance.ts";
import type { ResourceConnection, ResourceSpec } from "../resource-driver.ts";
import type { ResourceCases, ResourceHarness } from "../resource-harness.conformance.ts";
import { createPostgresHarness } from "./postgres-harness.conformance.ts";
import { findServerProcesses } from "./server-spawn.ts";

// A busy machine takes its time to start servers.
setDefaultTimeout(60_000);

/** Templates are made once for all cases of a version: copied in before, they are what a machine has that made a branch before. */
const keep = mkdtempSync(join(tmpdir(), "wt-pg-keep-"));
afterAll(() => rmSync(keep, { recursive: true, force: true }));

async function createHarness(version: number, over: { parent?: string; overlayFromBytes?: number } = {}): Promise<ResourceHarness> {
  const world = await createPostgresHarness(over);
  const kept = join(keep, `${version}${over.overlayFromBytes ?? ""}`);
  if (existsSync(kept)) {
    mkdirSync(world.state, { mode: 0o700 });
    Bun.spawnSync(["cp", "-a", kept, join(world.state, "postgres")]);
  }
  let count = 0;
  const specs: ResourceSpec[] = [];
  const spec = async (options = {}) => {
    const made = await world.spec(`env${++count}`, { version, ...options });
    specs.push(made);
    return made;
  };
  const url = (connection: ResourceConnection) => connection.variables.DATABASE_URL ?? "";
  return {
    driver: world.driver,
    reopen: () => world.next(),
    spec,
    brokenSpec: () => spec({ migrate: "exit 3" }),
    call: (abort) => world.call({ abort, run: failingRun }),
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
      const held = await client.reserve();
      await held`SELECT 1`;
      return async () => {
        await client.close({ timeout: 0 }).catch(() => undefined);
      };
    },
    async makeForeign(made) {
      const file = join(made.directory, "branch.json");
      mkdirSync(made.directory, { recursive: true });
      const record = { schema: 1, nonce: "somebody else's", password: "x", port: 1, major: version, complete: true };
      writeFileSync(file, JSON.stringify(record));
      return async () => {
        const intact = existsSync(file) && readFileSync(file, "utf8") === JSON.stringify(record);
        rmSync(made.directory, { recursive: true, force: true });
        return intact;
      };
    },
    async makeHalf(made) {
      await world.driver.ensure(made, world.call());
      const file = join(made.directory, "branch.json");
      writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), complete: false }));
    },
    async dispose() {
      if (!existsSync(kept) && existsSync(join(world.state, "postgres/templates")))
        Bun.spawnSync(["cp", "-a", join(world.state, "postgres"), kept]);
      await world.dispose();
      for (const made of specs) expect(await findServerProcesses(join(made.directory, "data"))).toEqual([]);
      expect(world.failures).toEqual([]);
    },
  };
}

async function failingRun(command: string): Promise<void> {
  const { WtError } = await import("../../errors/wt-error.ts");
  throw new WtError({ kind: "machine", code: "command_failed", message: `The command ${command} failed.` });
}

const cases: ResourceCases = {
  features: { checkpoints: true, sleep: true, port: true },
  forks: true,
  clients: true,
  valid: [{}, { version: 18 }, { from: "dump.sql", sleep: "never" }, { branch: "shared", url: "postgres://u:p@h/d" }],
  invalid: [
    { options: { sleep: "soon" }, key: "sleep" },
    { options: { branch: "shared" }, key: "url" },
    { options: { nonsense: 1 }, key: "nonsense" },
  ],
};

describeResourceDriver("postgres", () => createHarness(18), cases);

const whyNot = whyNoImage("ext4");
describe.skipIf(whyNot !== null)(`on an ext4 of its own${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  let image: LoopImage | null = null;
  const parent = () => {
    image ??= mountLoopImage("ext4", 1500);
    return image.place;
  };
  afterAll(() => image?.[Symbol.dispose]());
  describeResourceDriver("postgres as overlays", () => createHarness(18, { parent: parent(), overlayFromBytes: 0 }), cases);
});
