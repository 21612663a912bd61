import { expect, test } from "bun:test";
import { systemClock } from "../os/clock.ts";
import { createMemoryDriver } from "../runtime/memory/memory-driver.ts";
import type { RuntimeDriver, ServiceSpec } from "../runtime/runtime-driver.ts";
import { createCombinedDriver } from "./combined-driver.ts";

const spec: ServiceSpec = {
  environmentId: "e1",
  nonce: "n1",
  service: "web",
  generation: 1,
  command: "serve",
  directory: "/nowhere",
  env: {},
  port: null,
  logPath: "/nowhere/web.log",
  stop: { signal: "SIGTERM", graceMs: 1_000 },
};

/** As a driver of containers would: every call is noted. */
function noted(driver: RuntimeDriver, name: string, calls: string[]): RuntimeDriver {
  return {
    ...driver,
    name,
    start: async (spec) => {
      calls.push(`${name}.start`);
      return { ...(await driver.start(spec)), driver: name };
    },
    find: async (mark) => {
      calls.push(`${name}.find`);
      return (await driver.find(mark)).map((one) => ({ ...one, driver: name }));
    },
    observe: async (instance) => {
      calls.push(`${name}.observe`);
      return driver.observe(instance);
    },
  };
}

test("an instance goes to the driver that made it; without containers theirs is never asked", async () => {
  const calls: string[] = [];
  let containersKnown = false;
  const driver = createCombinedDriver({
    processes: noted(createMemoryDriver({ clock: systemClock }), "process", calls),
    containers: noted(createMemoryDriver({ clock: systemClock }), "compose", calls),
    hasContainers: () => containersKnown,
  });
  const web = await driver.start(spec);
  await driver.observe(web);
  expect((await driver.find({ environmentId: "e1", nonce: "n1" })).map((one) => one.driver)).toEqual(["process"]);
  expect(calls).toEqual(["process.start", "process.observe", "process.find"]);
  containersKnown = true;
  const api = await driver.start({ ...spec, service: "api", container: { project: "shop-a", service: "api" } });
  await driver.observe(api);
  const found = await driver.find({ environmentId: "e1", nonce: "n1" });
  expect(found.map((one) => `${one.driver} ${one.service}`).sort()).toEqual(["compose api", "process web"]);
  expect(calls.slice(3, 5)).toEqual(["compose.start", "compose.observe"]);
  await driver.close();
});
