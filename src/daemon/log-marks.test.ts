import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initialStatus, reduceService, type ServiceEvent, type ServiceStatus } from "../environment/service-machine.ts";
import { appendLogMark, isLogMark, logMark } from "./log-marks.ts";

const policy = { restart: "on-failure" as const, successCodes: [] };
const running: ServiceStatus = { ...initialStatus(1), phase: "Running", live: true, wanted: "up" };

function markOf(before: ServiceStatus, event: ServiceEvent): string | null {
  const { status: after, effects } = reduceService(before, event, policy);
  return logMark(event, { before, after, effects });
}

describe("what a log says of an end", () => {
  const ended = (code: number | null, signal: string | null): ServiceEvent => ({ type: "ended", generation: 1, code, signal });

  test("why it ended, and what comes next", () => {
    expect(markOf(running, ended(3, null))).toBe("[wt] It exited with code 3. It is started again in 0.25 s.");
    expect(markOf(running, ended(null, "SIGKILL"))).toBe("[wt] It was ended by SIGKILL. It is started again in 0.25 s.");
    expect(markOf(running, ended(0, null))).toBe("[wt] It came to its end.");
    const never = reduceService(running, ended(3, null), { restart: "never", successCodes: [] });
    expect(logMark(ended(3, null), { before: running, after: never.status, effects: never.effects })).toBe(
      "[wt] It exited with code 3. It is not started again.",
    );
  });

  test("that somebody stopped or restarted it; not what is no end", () => {
    const stopped: ServiceEvent = { type: "stopped", generation: 1, leftovers: [] };
    expect(markOf({ ...running, phase: "Stopping", wanted: "down" }, stopped)).toBe("[wt] It was stopped.");
    const again: ServiceStatus = { ...running, phase: "Stopping", startAfterStop: true };
    expect(markOf(again, stopped)).toBe("[wt] It was stopped, and is started again.");
    expect(markOf(running, { type: "quiet", generation: 1 })).toBeNull();
    expect(markOf({ ...running, phase: "Stopping", wanted: "down" }, ended(0, null))).toBeNull();
  });
});

test("a mark stands on a line of its own, and makes no log where there is none", () => {
  const directory = mkdtempSync(join(tmpdir(), "wt-marks-"));
  try {
    const path = join(directory, "web.log");
    appendLogMark(path, "[wt] none");
    expect(() => readFileSync(path)).toThrow();
    writeFileSync(path, "first\nunfinished");
    appendLogMark(path, "[wt] one");
    appendLogMark(path, "[wt] two");
    expect(readFileSync(path, "utf8")).toBe("first\nunfinished\n[wt] one\n[wt] two\n");
    expect(readFileSync(path, "utf8").split("\n").filter(isLogMark)).toEqual(["[wt] one", "[wt] two"]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
