import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { LossReport } from "../git/integration.ts";
import { type EnvironmentFacts, type GcRules, judgeEnvironment } from "./gc-plan.ts";

const dayMs = 86_400_000;
const nowMs = 100 * dayMs;
const rules: GcRules = { nowMs, mergedOnly: false, olderThanMs: 7 * dayMs, adopted: false, restMs: 0 };
const clean: LossReport = {
  known: true,
  dirty: 0,
  untracked: 0,
  stashes: 0,
  unpushed: 0,
  loose: 0,
  integrated: true,
  how: "same_patch",
  lockedReason: null,
  submodulesDirty: false,
  remains: [],
  inProgress: null,
};
const merged: EnvironmentFacts = {
  main: false,
  ours: true,
  branch: "done",
  presence: { state: "there" },
  busy: null,
  pinned: null,
  present: null,
  loss: clean,
  merged: true,
  branchExists: true,
  activeAtMs: nowMs,
  activeWhat: "a commit",
};
const idle: EnvironmentFacts = { ...merged, merged: false, activeAtMs: nowMs - 8 * dayMs };

const facts: fc.Arbitrary<EnvironmentFacts> = fc.record({
  main: fc.boolean(),
  ours: fc.boolean(),
  branch: fc.constantFrom("topic", null),
  presence: fc.constantFrom<EnvironmentFacts["presence"][]>(
    { state: "there" },
    { state: "unknown", because: "It is not mounted." },
    { state: "remains", because: "It is no worktree." },
    { state: "removed", how: "registered", because: "It is gone." },
    { state: "removed", how: "unregistered", because: "It is gone." },
    { state: "removed", how: "repository", because: "All is gone." },
  ),
  busy: fc.constantFrom(null, "up"),
  pinned: fc.constantFrom(null, "", "a reason"),
  present: fc.constantFrom(null, "unknown", "A terminal is open in it."),
  loss: fc.record({
    known: fc.boolean(),
    dirty: fc.nat(1),
    untracked: fc.nat(1),
    stashes: fc.constant(0 as const),
    unpushed: fc.nat(1),
    loose: fc.nat(1),
    integrated: fc.boolean(),
    how: fc.constantFrom(null, "ancestor"),
    lockedReason: fc.constantFrom(null, ""),
    submodulesDirty: fc.boolean(),
    remains: fc.constantFrom<string[][]>([], ["a.txt"]),
    inProgress: fc.constantFrom<LossReport["inProgress"][]>(null, "rebase"),
  }),
  merged: fc.boolean(),
  branchExists: fc.boolean(),
  activeAtMs: fc.constantFrom(null, nowMs, nowMs - 30 * dayMs),
  activeWhat: fc.constant("a commit"),
});

describe("which environments may go", () => {
  test("a merged one, and one that nobody used for a week", () => {
    expect(judgeEnvironment(merged, rules)).toEqual({
      remove: true,
      reason: "Its branch done is merged (its changes are on the base as other commits).",
    });
    expect(judgeEnvironment(idle, rules)).toEqual({ remove: true, reason: "Nobody used it for 8 days; the last was a commit." });
    expect(judgeEnvironment(idle, { ...rules, mergedOnly: true })).toEqual({ remove: false, reason: "Its branch is not merged." });
  });

  test.each([
    [{ activeAtMs: null, merged: false }, "Its branch is not merged, and it cannot be told when it was last used."],
    [{ pinned: "" }, "It is pinned."],
    [{ busy: "up" }, "Its up is under way."],
    [{ present: "unknown" as const }, "This system does not say who works in it."],
    [{ ours: false }, "wt did not make its worktree; --adopted takes such ones too."],
    [{ loss: { ...clean, known: false } }, "It has work that could not be examined."],
    [{ loss: { ...clean, lockedReason: "on a stick" } }, "Its worktree is locked: on a stick."],
    [{ loss: { ...clean, dirty: 2, inProgress: "rebase" as const } }, "It has 2 uncommitted changes, a rebase in progress."],
  ])("%o keeps it", (change, reason) => {
    expect(judgeEnvironment({ ...merged, ...change }, rules)).toEqual({ remove: false, reason });
  });

  test("whatever is known: nothing with work, a person, a lock, a pin, an operation, or that cannot be seen", () => {
    fc.assert(
      fc.property(facts, fc.boolean(), fc.boolean(), (given, mergedOnly, adopted) => {
        const { remove, reason } = judgeEnvironment(given, { ...rules, mergedOnly, adopted });
        expect(reason).toMatch(/^[A-Zw].*\.$/);
        if (!remove) return;
        expect(given.presence.state).not.toBe("unknown");
        expect([given.busy, given.pinned, given.loss.lockedReason]).toEqual([null, null, null]);
        // Of a repository that is gone nothing is left to lose.
        if (given.presence.state === "removed" && given.presence.how === "repository") return;
        const { known, dirty, untracked, submodulesDirty, remains, inProgress, loose } = given.loss;
        expect({ main: given.main, known, dirty, untracked, submodulesDirty, remains, inProgress, loose }).toEqual({
          main: false,
          known: true,
          dirty: 0,
          untracked: 0,
          submodulesDirty: false,
          remains: [],
          inProgress: null,
          loose: 0,
        });
        if (given.presence.state === "there") expect([given.present, given.ours || adopted, given.loss.unpushed]).toEqual([null, true, 0]);
        if (mergedOnly) expect(given.merged).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
