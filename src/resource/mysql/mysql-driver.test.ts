// The contract of every resource driver, kept by real servers of MariaDB or MySQL.
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { describeResourceDriver } from "../resource-driver.conformance.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import type { ResourceCases, ResourceHarness } from "../resource-harness.conformance.ts";
import { holdClient, read, write } from "./contract-client.conformance.ts";
import { createMysqlHarness, keepTemplates, whyNoServer } from "./mysql-harness.conformance.ts";
import { findServers, serverHome } from "./server-home.ts";

// A busy machine takes its time to start servers.
setDefaultTimeout(60_000);

const kept = keepTemplates();
afterAll(() => kept.remove());

async function createHarness(): Promise<ResourceHarness> {
  const world = await createMysqlHarness({ kept });
  let count = 0;
  const specs: ResourceSpec[] = [];
  const spec = async (options = {}) => {
    const made = await world.spec(`env${++count}`, options);
    specs.push(made);
    return made;
  };
  return {
    driver: world.driver,
    reopen: () => world.next(),
    spec,
    brokenSpec: () => spec({ migrate: "exit 3" }),
    call: (abort) => world.call({ abort, run: failingRun }),
    write,
    read,
    holdClient,
    async makeForeign(made) {
      const file = join(made.directory, "branch.json");
      mkdirSync(made.directory, { recursive: true });
      const record = { schema: 1, nonce: "somebody else's", password: "x", port: 1, version: "10.11.1", complete: true };
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
      await world.dispose();
      for (const made of specs) expect(await findServers(serverHome(made.directory).data)).toEqual([]);
      expect(world.failures).toEqual([]);
    },
  };
}

async function failingRun(command: string): Promise<void> {
  throw new WtError({ kind: "machine", code: "command_failed", message: `The command ${command} failed.` });
}

const cases: ResourceCases = {
  features: { checkpoints: true, sleep: true, port: true },
  clients: true,
  forks: true,
  valid: [{}, { version: "10.11" }, { from: "dump.sql", sleep: "never" }, { branch: "shared", url: "mysql://u:p@h/d" }],
  invalid: [
    { options: { sleep: "soon" }, key: "sleep" },
    { options: { branch: "shared" }, key: "url" },
    { options: { nonsense: 1 }, key: "nonsense" },
  ],
};

if (whyNoServer === null) describeResourceDriver("mysql", createHarness, cases);
else describe("mysql", () => test.skip(`keeps the contract (skipped: ${whyNoServer})`, () => undefined));
