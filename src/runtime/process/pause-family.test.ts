// Pausing what does not sit still: processes that start others all the time.
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { eventually } from "../runtime-driver.conformance.ts";
import { createProcessHarness, type ProcessHarness } from "./process-driver.conformance.ts";

setDefaultTimeout(20_000);

let harness: ProcessHarness;
afterEach(() => harness.dispose());

test("a shell that starts a process for every line is held between two lines, and goes on with the next one", async () => {
  harness = await createProcessHarness();
  const spec = harness.command('n=0; while :; do n=$((n+1)); /bin/echo "$n"; /bin/sleep 0.001; done');
  const instance = await harness.driver.start(spec);
  const written = () => readFileSync(spec.logPath, "latin1").trimEnd().split("\n").map(Number);
  for (let round = 0; round < 5; round++) {
    const before = round === 0 ? 0 : written().length;
    await eventually(async () => expect(written().length).toBeGreaterThan(before));
    await harness.driver.pause(instance);
    const held = await harness.marked();
    expect(held.length).toBeGreaterThan(0);
    expect(held.filter((each) => !each.halted)).toEqual([]);
    const text = readFileSync(spec.logPath, "latin1");
    await Bun.sleep(30);
    expect(readFileSync(spec.logPath, "latin1")).toBe(text);
    await harness.driver.resume(instance);
  }
  const count = written().length;
  await eventually(async () => expect(written().length).toBeGreaterThan(count));
  expect(written()).toEqual(written().map((_, index) => index + 1));
});

test("children in sessions of their own are held too", async () => {
  harness = await createProcessHarness();
  const spec = harness.command("setsid sleep 300 & echo ready; wait");
  const instance = await harness.driver.start(spec);
  await harness.logged(spec, "ready");
  await eventually(async () => expect((await harness.marked()).map((each) => each.name)).toContain("sleep"));
  await harness.driver.pause(instance);
  expect((await harness.marked()).every((each) => each.halted)).toBe(true);
  await harness.driver.resume(instance);
  expect((await harness.marked()).some((each) => each.halted)).toBe(false);
});
