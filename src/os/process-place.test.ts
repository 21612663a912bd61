import { expect, test } from "bun:test";
import { mkdtempSync, realpathSync, rmdirSync } from "node:fs";
import { readProcessPlace, readWorkingProcesses } from "./process-place.ts";

test.skipIf(process.platform !== "linux")("where a process works and how it was called, also when its directory is gone", async () => {
  const directory = realpathSync(mkdtempSync("/tmp/wt-place-"));
  const child = Bun.spawn(["cat", "-"], { cwd: directory, stdio: ["pipe", "pipe", "ignore"] });
  try {
    // What it answers shows that it is itself by now, and no copy of us any more.
    child.stdin.write("there\n");
    child.stdin.flush();
    await child.stdout.getReader().read();
    expect(readProcessPlace(child.pid)).toEqual({ directory, argv: ["cat", "-"] });
    expect(readWorkingProcesses()).toContainEqual({ pid: child.pid, directory });
    rmdirSync(directory);
    expect(readProcessPlace(child.pid)?.directory).toBe(directory);
  } finally {
    child.kill();
    await child.exited;
  }
  expect(readProcessPlace(child.pid)).toBeNull();
});
