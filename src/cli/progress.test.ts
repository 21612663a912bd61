import { expect, test } from "bun:test";
import type { ProgressEvent } from "../client/daemon-client.ts";
import { createPaint } from "./paint.ts";
import { activeLines, failedLines, keptLines, noProgress, plainLines, reduceProgress } from "./progress.ts";
import { symbolsFor } from "./symbols.ts";
import { fakeService } from "./testing/fake-daemon.ts";

const options = { paint: createPaint(false), symbols: symbolsFor(true), width: 40, nowMs: 2500 };
const begin = (step: string, label: string): ProgressEvent => ({ type: "step", step, label });
const output = (step: string, line: string): ProgressEvent => ({ type: "output", step, stream: "stdout", line });

function after(...events: ProgressEvent[]) {
  return events.reduce((state, event) => reduceProgress(state, event, 1000), noProgress);
}

test("running steps move, with their latest output under them", () => {
  const lines = Array.from({ length: 9 }, (_, index) => output("setup:0", `line ${index}`));
  const state = after(begin("setup:0", "npm ci"), ...lines, {
    type: "service",
    service: fakeService({ state: "Starting" }),
  });
  expect(activeLines(state, 3500, options)).toEqual([
    "⠸ npm ci 2.5 s",
    "  │ line 5",
    "  │ line 6",
    "  │ line 7",
    "  │ line 8",
    "⠸ web Starting 2.5 s",
  ]);
});

test("a step that is done collapses to one line that stays", () => {
  const state = after(begin("worktree", "Create the worktree"), output("worktree", "noise"));
  const done: ProgressEvent = { type: "step_done", step: "worktree", ms: 82 };
  expect(keptLines(state, done, options)).toEqual(["✓ Create the worktree 82 ms"]);
  expect(reduceProgress(state, done, 0)).toEqual(noProgress);
  expect(keptLines(state, { ...done, skipped: true }, options)).toEqual(["– Create the worktree unchanged, skipped"]);
});

test("after a failure the output of the step it stopped in is all there", () => {
  const lines = Array.from({ length: 60 }, (_, index) => output("setup:0", `${index}`));
  const shown = failedLines(after(begin("setup:0", "npm ci"), ...lines), { ...options, output: true });
  expect(shown[0]).toBe("✗ npm ci");
  expect(shown).toHaveLength(41);
  expect(shown.at(-1)).toBe("  │ 59");
  expect(failedLines(after(begin("setup:0", "npm ci"), ...lines), { ...options, output: false })).toEqual(["✗ npm ci"]);
});

test("output cannot draw on the screen or leave its line", () => {
  const state = after(begin("s", "s"), output("s", "old\rnew\u001b[2J\u001b[1A\u0007 é".padEnd(80, "x")));
  const lines = activeLines(state, 1000, options);
  expect(lines[1]).toStartWith("  │ new éxx");
  for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(40);
});

test("in a pipe every event is a line of its own", () => {
  const state = after(begin("worktree", "Create the worktree"));
  const events: ProgressEvent[] = [
    begin("setup:0", "npm ci"),
    output("setup:0", "added 3 packages"),
    { type: "step_done", step: "worktree", ms: 1200 },
    { type: "note", message: "Tracks origin/x." },
    { type: "service", service: fakeService({ state: "Starting" }) },
  ];
  expect(events.flatMap((event) => plainLines(state, event))).toEqual([
    "npm ci ...",
    "  | added 3 packages",
    "Create the worktree: done in 1.2 s",
    "Tracks origin/x.",
  ]);
});

test("a service is shown on its way and leaves one line when it has arrived", () => {
  const heard = (state: "Waiting" | "Starting" | "Running" | "Failed"): ProgressEvent => ({
    type: "service",
    service: fakeService({ state }),
  });
  const state = after(heard("Waiting"), heard("Starting"));
  expect(activeLines(state, 1200, options)).toEqual([expect.stringContaining("web Starting")]);
  expect(keptLines(state, heard("Starting"), options)).toEqual([]);
  expect(keptLines(state, heard("Running"), options)).toEqual(["✓ web Running 1.5 s"]);
  expect(keptLines(state, heard("Failed"), options)).toEqual(["✗ web Failed 1.5 s"]);
  expect(plainLines(state, heard("Running"))).toEqual(["web: Running"]);
  const arrived = after(heard("Starting"), heard("Running"));
  expect(activeLines(arrived, 1200, options)).toEqual([]);
  expect(keptLines(arrived, heard("Running"), options)).toEqual([]);
});
