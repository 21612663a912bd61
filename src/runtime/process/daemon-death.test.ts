// The starter of a service dies by SIGKILL, as a daemon may at any moment. The service must not notice, and the next one must take it over.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { collect, eventually } from "../runtime-driver.conformance.ts";
import type { ServiceInstance, ServiceSpec } from "../runtime-driver.ts";
import { createProcessHarness, type ProcessHarness } from "./process-driver.conformance.ts";

let harness: ProcessHarness;
beforeEach(async () => {
  harness = await createProcessHarness();
});
afterEach(async () => {
  await harness.dispose();
});

/** Starts the service in a process of its own, which prints the instance and then waits to be killed. */
async function startElsewhere(spec: ServiceSpec): Promise<{ starter: Bun.Subprocess; instance: ServiceInstance }> {
  const script = join(harness.directory, "starter.ts");
  const module = (name: string) => JSON.stringify(join(import.meta.dir, name));
  writeFileSync(
    script,
    `import { createProcessDriver } from ${module("process-driver.ts")};
     import { systemClock } from ${module("../../os/clock.ts")};
     const driver = createProcessDriver({ clock: systemClock });
     console.log(JSON.stringify(await driver.start(${JSON.stringify(spec)})));
     setInterval(() => undefined, 1000);`,
  );
  const starter = Bun.spawn([process.execPath, script], { stdout: "pipe", stderr: "inherit", env: { PATH: process.env.PATH } });
  let text = "";
  for await (const chunk of starter.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\n")) break;
  }
  return { starter, instance: JSON.parse(text) as ServiceInstance };
}

async function kill(starter: Bun.Subprocess): Promise<void> {
  starter.kill("SIGKILL");
  await starter.exited;
}

test("the service writes on, and the next driver observes, reads and stops it", async () => {
  const spec = harness.command("i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.05; done");
  const { starter, instance } = await startElsewhere(spec);
  await harness.logged(spec, "tick 2\n");
  await kill(starter);
  const length = statSync(spec.logPath).size;
  await eventually(async () => expect(statSync(spec.logPath).size).toBeGreaterThan(length + 50));

  expect(await harness.driver.observe(instance)).toMatchObject({ state: "alive", pid: instance.pid, detached: false });
  const ticks = (await collect(harness.driver, spec.logPath, {})).map((entry) => entry.line);
  expect(ticks.slice(0, 3)).toEqual(["tick 1", "tick 2", "tick 3"]);
  const waiting = harness.driver.waitForEnd(instance, AbortSignal.timeout(10_000));
  expect(await harness.driver.stop(instance, { signal: "SIGTERM", graceMs: 5000 })).toEqual({ killed: false, leftovers: [] });
  expect(await waiting).toEqual({ code: null, signal: null });
});

test("an adopted service that ends by itself is seen, its code is not", async () => {
  const spec = harness.command("echo ready; while [ ! -e go ]; do sleep 0.02; done; exit 3");
  const { starter, instance } = await startElsewhere(spec);
  await harness.logged(spec, "ready");
  await kill(starter);
  const waiting = harness.driver.waitForEnd(instance, AbortSignal.timeout(10_000));
  expect((await harness.driver.observe(instance)).state).toBe("alive");
  writeFileSync(join(harness.directory, "go"), "");
  expect(await waiting).toEqual({ code: null, signal: null });
  expect(await harness.driver.stop(instance, { signal: "SIGTERM", graceMs: 5000 })).toEqual({ killed: false, leftovers: [] });
});

test("what was started but never recorded is found by its mark, with its log, and can be stopped", async () => {
  const spec = harness.command("echo ready; setsid sleep 320 & exec sleep 321", { service: "a service/ü" });
  const { starter, instance } = await startElsewhere(spec);
  await harness.logged(spec, "ready");
  await kill(starter);
  const [found, ...others] = await harness.driver.find(spec);
  expect(others).toEqual([]);
  expect(found).toMatchObject({ service: "a service/ü", generation: 1, pid: instance.pid, identity: instance.identity });
  expect(Math.abs(found!.startedAtMs - instance.startedAtMs)).toBeLessThan(2000);
  expect(await harness.driver.stop(found!, { signal: "SIGTERM", graceMs: 5000 })).toEqual({ killed: false, leftovers: [] });
});

test("a log that is followed across the death goes on with times of the new watcher", async () => {
  const spec = harness.command("echo before; while [ ! -e go ]; do sleep 0.02; done; echo after; exec sleep 322");
  const { starter, instance } = await startElsewhere(spec);
  await harness.logged(spec, "before");
  await kill(starter);
  await harness.driver.observe(instance);
  const goMs = Date.now();
  writeFileSync(join(harness.directory, "go"), "");
  await harness.logged(spec, "after");
  await eventually(async () => {
    const entries = await collect(harness.driver, spec.logPath, { sinceMs: goMs });
    expect(entries.map((entry) => entry.line)).toEqual(["after"]);
  });
  expect(readFileSync(spec.logPath, "utf8")).toBe("before\nafter\n");
});
