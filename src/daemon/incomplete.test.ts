import { expect, test } from "bun:test";
import { type ErrorKind, exitCodes, WtError } from "../errors/wt-error.ts";
import { incompleteAt, isKept, keptFailure, withoutLog } from "./incomplete.ts";
import { environment } from "./supervisor.conformance.ts";

const here = { ...environment, path: import.meta.dir, branch: "feat/x", slug: "feat-x" };
const failure = (kind: ErrorKind, code = "setup_failed") =>
  new WtError({
    kind,
    code,
    message: "setup[0] `npm ci` failed with code 1.",
    hints: ["  the cause", "… 3 lines left out; all of them are in /log", "Mend the command."],
    details: { place: "setup[0]", exitCode: 1, log: "the cause", logPath: "/log" },
  });

test.each(["setup:0", "resource:db", "start"])("%s: kept unless nobody can mend it", (step) => {
  const kept = (Object.keys(exitCodes) as ErrorKind[]).filter((kind) => isKept(here, { step, failure: failure(kind) }));
  expect(kept.toSorted()).toEqual(["config", "machine", "not_found", "refused", "unhealthy", "untrusted", "usage"]);
  for (const code of ["disk_full", "ledger_full"]) expect(isKept(here, { step, failure: failure("machine", code) })).toBe(false);
});

test.each([null, "worktree", "copy", "clone", "ports", "sweep", "release"])("%s: nothing is there yet that is worth keeping", (step) => {
  expect(isKept(here, { step, failure: failure("machine") })).toBe(false);
});

test("the failure says where it is, what it said, and both ways on", () => {
  const kept = keptFailure(here, { step: "setup:0", failure: failure("machine") });
  expect([kept.kind, kept.code, kept.message]).toEqual(["machine", "setup_failed", failure("machine").message]);
  expect(kept.hints).toEqual([
    "  the cause",
    "Its output: /log",
    expect.stringContaining(`mend it there (${here.path}), then carry on: wt create feat/x --resume`),
    "Or give it up: wt delete feat-x",
  ]);
  expect(kept.details).toMatchObject({
    exitCode: 1,
    log: "the cause",
    environment: "feat-x",
    step: "setup:0",
    resume: "wt create feat/x --resume",
  });
  expect(incompleteAt("setup:0", failure("machine"))).toEqual({
    step: "setup:0",
    place: "setup[0]",
    reason: failure("machine").message,
    logPath: "/log",
  });
});

test("a log that goes with the environment is not named", () => {
  const gone = withoutLog(failure("machine"));
  expect([gone.details?.logPath, gone.hints[1]]).toEqual([undefined, "… 3 lines left out"]);
  const other = new WtError({ kind: "machine", code: "x", message: "No." });
  expect(withoutLog(other)).toBe(other);
});
