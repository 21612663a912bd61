import { expect, test } from "bun:test";
import { describeResourceDriver } from "../resource-driver.conformance.ts";
import type { ResourceCall, ResourceSpec } from "../resource-driver.ts";
import type { ResourceCases, ResourceHarness } from "../resource-harness.conformance.ts";
import { createMemoryResource, createMemoryServer, type MemoryResourceOptions } from "./memory-resource.ts";

let count = 0;

function memorySpec(overrides: Partial<ResourceSpec> = {}): ResourceSpec {
  const number = ++count;
  return {
    environmentId: `env${number}`,
    nonce: `nonce${number}`,
    name: "db",
    label: `wt_shop_env${number}_db`,
    options: {},
    directory: `/nowhere/env${number}/db`,
    worktree: "/nowhere/worktree",
    mainWorktree: "/nowhere/main",
    main: false,
    port: null,
    ...overrides,
  };
}

function call(abort = new AbortController().signal): ResourceCall {
  return {
    abort,
    report: () => undefined,
    run: (command) => (command === "false" ? Promise.reject(new Error("failed")) : Promise.resolve()),
  };
}

async function createHarness(options: MemoryResourceOptions = {}): Promise<ResourceHarness> {
  const server = createMemoryServer();
  const driver = createMemoryResource({ ...options, server });
  const label = (url: string | undefined) => String(url).split("/")[2] ?? "";
  return {
    driver,
    reopen: () => createMemoryResource({ ...options, server }),
    spec: async () => memorySpec(),
    async brokenSpec() {
      const spec = memorySpec();
      const { WtError } = await import("../../errors/wt-error.ts");
      driver.failNext("ensure", new WtError({ kind: "machine", code: "disk_full", message: "The disk is full." }));
      return spec;
    },
    call,
    write: async (connection, text) => driver.write(label(connection.values.url), text),
    read: async (connection) => driver.read(label(connection.values.url)),
    async holdClient(connection) {
      const held = driver.find(label(connection.values.url));
      if (held) held.clients++;
      return async () => {
        if (held) held.clients--;
      };
    },
    async makeForeign(spec) {
      driver.makeForeign(spec.label);
      const before = structuredClone(driver.find(spec.label));
      return async () => Bun.deepEquals(driver.find(spec.label), before);
    },
    async makeHalf(spec) {
      await driver.ensure(spec, call());
      const found = driver.find(spec.label);
      if (found) found.state = "half";
    },
    dispose: async () => undefined,
  };
}

const cases: ResourceCases = {
  features: { checkpoints: true, sleep: true, port: false },
  forks: true,
  clients: true,
  valid: [{}, { migrate: "npm run migrate", seed: "npm run seed" }],
  invalid: [
    { options: { migrat: "x" }, key: "migrat" },
    { options: { seed: 5 }, key: "seed" },
  ],
};

describeResourceDriver("the driver in memory", () => createHarness(), cases);
const features = { checkpoints: false, sleep: false, port: false };
describeResourceDriver("the driver in memory without features", () => createHarness({ features }), { ...cases, features, clients: false });

test("a failed migration leaves nothing", async () => {
  const driver = createMemoryResource();
  const spec = memorySpec({ options: { migrate: "false" } });
  await expect(driver.ensure(spec, call())).rejects.toThrow("failed");
  expect(driver.find(spec.label)).toBeNull();
});

test("ensure can be held, and aborted while it is", async () => {
  const driver = createMemoryResource();
  const spec = memorySpec();
  const gate = driver.holdNextEnsure();
  const making = driver.ensure(spec, call());
  expect(await driver.observe(spec)).toEqual({ state: "absent" });
  gate.release();
  await making;
  expect(driver.calls).toEqual(["ensure db"]);
  driver.holdNextEnsure();
  const abort = new AbortController();
  const other = driver.ensure(memorySpec(), call(abort.signal));
  abort.abort(new Error("no longer wanted"));
  await expect(other).rejects.toThrow("no longer wanted");
});
