import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import { Admission } from "./admission.ts";
import { RunningCommands } from "./running-commands.ts";
import { runSetup, type SetupRun } from "./setup-runner.ts";
import { bench, environment, settle } from "./supervisor.conformance.ts";
import type { World } from "./world.ts";

const environments = mkdtempSync(join(tmpdir(), "wt-setup-"));
afterAll(() => rmSync(environments, { recursive: true, force: true }));

function prepared() {
  const on = bench();
  const { driver, errors } = on.daemon();
  const parts = {
    driver,
    clock: on.clock,
    ledger: on.ledger,
    setups: new Admission(1),
    running: new RunningCommands(),
    paths: { environments },
  };
  const world = { ...parts, report: (error: unknown) => errors.push(error) } as unknown as World;
  const abort = new AbortController();
  const what = { name: "setup:0", place: "setup[0]", command: "npm ci", directory: "." };
  const run: SetupRun = { environment, ...what, env: {}, output: () => undefined, abort: abort.signal };
  return { world, driver, abort, run, leases: () => on.ledger.leases({ kind: "process" }).length };
}

test("a command that could not be started leaves no lease", async () => {
  const { world, driver, run, leases } = prepared();
  driver.failNextStart(new WtError({ kind: "machine", code: "directory_missing", message: "There is no directory." }));
  await expect(runSetup(world, run)).rejects.toThrow("There is no directory.");
  expect(leases()).toBe(0);
});

test("an interrupted command gives its lease back once it is gone, and keeps it while it cannot be ended", async () => {
  for (const leftovers of [[], ["Process 7 did not end."]]) {
    const { world, driver, abort, run, leases } = prepared();
    const running = runSetup(world, run);
    while (!driver.newest("setup:0")) await settle();
    driver.change("setup:0", { leftovers });
    abort.abort(new Error("Ctrl-C"));
    await expect(running).rejects.toThrow("Ctrl-C");
    expect(leases()).toBe(leftovers.length);
  }
});
