import { expect, test } from "bun:test";
import { mkdtempSync, realpathSync, rmdirSync } from "node:fs";
import { readProcessPlace, readWorkingProcesses } from "./process-place.ts";

test.skipIf(process.platform !== "linux")("where a process works and how it was called, also when its directory is gone", async () => {
  const directory = realpathSync(mkdtempSync("/tmp/wt-place-"));
  const child = Bun.spawn(["sleep", "600"], { cwd: directory, stdio: ["ignore", "ignore", "ignore"] });
  try {
    expect(readProcessPlace(child.pid)).toEqual({ directory, argv: ["sleep", "600"] });
    expect(readWorkingProcesses()).toContainEqual({ pid: child.pid, directory });
    rmdirSync(directory);
    expect(readProcessPlace(child.pid)?.directory).toBe(directory);
  } finally {
    child.kill();
    await child.exited;
  }
  expect(readProcessPlace(child.pid)).toBeNull();
});
