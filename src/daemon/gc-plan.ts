// Which environments may be collected. Pure: everything that speaks for one and against it is given.
import type { LossReport } from "../git/integration.ts";
import { dayMs } from "./garbage-plan.ts";
import type { Presence } from "./worktree-presence.ts";

/** What is known of one environment. */
export interface EnvironmentFacts {
  main: boolean;
  /** wt made its worktree. */
  ours: boolean;
  branch: string | null;
  presence: Presence;
  /** Kind of the operation under way. */
  busy: string | null;
  /** Reason of the pin (may be empty). */
  pinned: string | null;
  /** Who is there, a sentence: a terminal, an agent, an editor. `unknown`: the system does not tell. */
  present: string | null | "unknown";
  loss: LossReport;
  /** Work was committed on the branch, and all of it is on the base. */
  merged: boolean;
  /** The branch's ref is there. */
  branchExists: boolean;
  /** Latest activity; null: unknown. Not read (0) where it does not matter. */
  activeAtMs: number | null;
  activeWhat: string;
}

export interface GcRules {
  nowMs: number;
  /** Only environments whose branch is merged. */
  mergedOnly: boolean;
  olderThanMs: number;
  /** Worktrees that others made count too. */
  adopted: boolean;
  /** For the schedule: nothing that was used later than this long ago, merged or not. */
  restMs: number;
}

export interface GcVerdict {
  remove: boolean;
  /** A sentence: why it goes, or why it stays. */
  reason: string;
}

/** A reason to go must be there, and nothing that holds it. */
export function judgeEnvironment(facts: EnvironmentFacts, rules: GcRules): GcVerdict {
  const keep = (reason: string): GcVerdict => ({ remove: false, reason });
  if (facts.main && !isRepositoryGone(facts.presence)) return keep("It is the main worktree.");
  if (facts.presence.state === "unknown") return keep(`It cannot be told whether it is there: ${facts.presence.because}`);
  const reason = reasonToGo(facts, rules);
  if (reason === null) return keep(reasonToStay(facts, rules));
  const hold = holdOf(facts, rules);
  return hold === null ? { remove: true, reason } : keep(hold);
}

export function isRepositoryGone(presence: Presence): boolean {
  return presence.state === "removed" && presence.how === "repository";
}

function reasonToGo(facts: EnvironmentFacts, rules: GcRules): string | null {
  const { presence, branch, loss } = facts;
  if (facts.merged && branch !== null)
    return `Its branch ${branch} is merged (${mergeWords[loss.how ?? ""] ?? "its work is on the base"}).`;
  if (rules.mergedOnly) return null;
  if (presence.state === "removed" || presence.state === "remains") return presence.because;
  if (branch !== null && !facts.branchExists) return `Its branch ${branch} is gone.`;
  if (facts.activeAtMs === null || rules.nowMs - facts.activeAtMs < rules.olderThanMs) return null;
  return `Nobody used it for ${days(rules.nowMs - facts.activeAtMs)}; the last was ${facts.activeWhat}.`;
}

const mergeWords: Record<string, string> = {
  same_commit: "the base is at the same commit",
  ancestor: "the base has all its commits",
  no_changes: "it changes nothing",
  same_tree: "the base has the same files",
  merge_adds_nothing: "merging it would add nothing",
  same_patch: "its changes are on the base as other commits",
};

/** What holds it although it could go; the strongest first. */
function holdOf(facts: EnvironmentFacts, rules: GcRules): string | null {
  const { loss, presence, present, pinned } = facts;
  if (facts.busy !== null) return `Its ${facts.busy} is under way.`;
  if (pinned !== null) return `It is pinned${pinned === "" ? "" : `: ${pinned}`}.`;
  if (loss.lockedReason !== null) return `Its worktree is locked${loss.lockedReason === "" ? "" : `: ${loss.lockedReason}`}.`;
  if (isRepositoryGone(presence)) return null;
  const work = workIn(facts);
  if (work.length > 0) return `It has ${work.join(", ")}.`;
  if (presence.state === "removed") return null;
  if (present === "unknown") return "This system does not say who works in it.";
  if (present !== null) return present;
  if (!facts.ours && !rules.adopted) return "wt did not make its worktree; --adopted takes such ones too.";
  const restMs = facts.activeAtMs === null ? 0 : rules.nowMs - facts.activeAtMs;
  if (rules.restMs > 0 && restMs < rules.restMs) return "It was used not long ago.";
  return null;
}

/** What would be lost, or only hard to find again: commits that are nowhere but here hold a worktree although its branch stays. */
function workIn({ loss, presence }: EnvironmentFacts): string[] {
  const count = (number: number, one: string, many: string) => (number === 0 ? [] : [`${number} ${number === 1 ? one : many}`]);
  const commits = presence.state === "removed" ? 0 : loss.unpushed;
  return [
    ...(loss.known ? [] : ["work that could not be examined"]),
    ...count(loss.dirty, "uncommitted change", "uncommitted changes"),
    ...count(loss.untracked, "untracked file", "untracked files"),
    ...count(loss.remains.length, "file left in its directory", "files left in its directory"),
    ...(loss.submodulesDirty ? ["changes in a submodule"] : []),
    ...(loss.inProgress ? [`a ${loss.inProgress} in progress`] : []),
    ...count(commits, "commit that is neither merged nor pushed", "commits that are neither merged nor pushed"),
    ...count(loss.loose, "commit that no branch has", "commits that no branch has"),
  ];
}

function reasonToStay(facts: EnvironmentFacts, rules: GcRules): string {
  const merged = facts.branch === null ? "It has no branch" : "Its branch is not merged";
  if (rules.mergedOnly) return `${merged}.`;
  if (facts.activeAtMs === null) return `${merged}, and it cannot be told when it was last used.`;
  return `${merged}; it was used ${ago(rules.nowMs - facts.activeAtMs)} (${facts.activeWhat}).`;
}

function days(ms: number): string {
  const count = Math.floor(ms / dayMs);
  if (count > 0) return count === 1 ? "a day" : `${count} days`;
  const hours = Math.floor(ms / 3_600_000);
  return hours === 0 ? "less than an hour" : hours === 1 ? "an hour" : `${hours} hours`;
}

function ago(ms: number): string {
  if (ms < 3_600_000) return "within the hour";
  return `${days(ms)} ago`;
}
