import { existsSync } from "node:fs";
import { join } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import { entryAt } from "../os/files.ts";
import { type Git, gitExitCode } from "./git.ts";
import { hasSubmoduleWork, readUnwatchedChanges } from "./hidden-changes.ts";
import { readCommonDirectory, readGitDirectory } from "./repository.ts";
import { ceilingAt, parseStatus } from "./status.ts";
import { canonicalPath, readRegistrations } from "./worktree-registration.ts";
import { isWorktreeThere, readRemains } from "./worktree-remains.ts";

export interface LossReport {
  /** False: something could not be read, and the caller must take it for dirty. */
  known: boolean;
  /** Tracked files that differ from HEAD, those that git was told not to look at included. */
  dirty: number;
  untracked: number;
  /** Always 0: stashes belong to the repository and outlive a worktree. */
  stashes: 0;
  /** Commits of the branch that are on no remote-tracking branch and not integrated in the base: a branch that stays holds them. */
  unpushed: number;
  /** Commits of a detached HEAD that no branch, tag or remote has: they go with the worktree. */
  loose: number;
  /** Everything the branch changed is in the base (or its upstream). */
  integrated: boolean;
  /** How that was found: `same_commit`, `ancestor`, `no_changes`, `same_tree`, `merge_adds_nothing`, `same_patch`. */
  how: string | null;
  /** Why the worktree is locked (may be empty); null when it is not. */
  lockedReason: string | null;
  /** A submodule has changes, or commits that are on none of its remotes. */
  submodulesDirty: boolean;
  /** Files in the directory of a worktree whose `.git` is gone: no commit has them, and nothing says whose they are. */
  remains: string[];
  inProgress: "rebase" | "merge" | "cherry-pick" | "revert" | "bisect" | null;
}

export interface AssessLossOptions {
  root: string;
  path: string;
  /** null for a detached HEAD. */
  branch: string | null;
  baseBranch: string | null;
}

/** What would be lost with this worktree and its branch. Changes nothing, never throws for what git cannot tell: then `known` is false. */
export async function assessLoss(git: Git, { root, path, branch, baseBranch }: AssessLossOptions): Promise<LossReport> {
  const report: LossReport = {
    known: true,
    dirty: 0,
    untracked: 0,
    stashes: 0,
    unpushed: 0,
    loose: 0,
    integrated: false,
    how: null,
    lockedReason: null,
    submodulesDirty: false,
    remains: [],
    inProgress: null,
  };
  const parts = [
    assessFiles(git, { root, path }, report),
    assessPlace(git, { root, path }, report),
    assessCommits(git, { root, path, branch, baseBranch }, report),
  ];
  for (const part of await Promise.allSettled(parts)) {
    if (part.status === "fulfilled") continue;
    if (!(part.reason instanceof WtError) && !isSystemError(part.reason)) throw part.reason;
    report.known = false;
  }
  return report;
}

async function assessFiles(git: Git, { root, path }: { root: string; path: string }, report: LossReport): Promise<void> {
  if (!isWorktreeThere(path)) {
    const entry = entryAt(path);
    if (entry?.isDirectory()) report.remains = await readRemains(git, { root, path });
    else if (entry) report.known = false;
    return;
  }
  const args = ["status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal", "--ignore-submodules=none"];
  const status = parseStatus(await git.run(path, args, { env: ceilingAt(path) }));
  report.untracked = status.untracked;
  report.submodulesDirty = status.entries.some((entry) => entry.submodule.startsWith("S")) || (await hasSubmoduleWork(git, path));
  report.dirty = status.dirty + (await readUnwatchedChanges(git, path));
}

async function assessPlace(git: Git, { root, path }: { root: string; path: string }, report: LossReport): Promise<void> {
  const gitCommonDir = await readCommonDirectory(git, root);
  const place = canonicalPath(path);
  const registration = (await readRegistrations(gitCommonDir)).find((it) => it.path === place);
  report.lockedReason = registration?.lockReason ?? null;
  const gitDirectory = registration?.directory ?? (await readGitDirectory(path));
  if (gitDirectory) report.inProgress = inProgress(gitDirectory);
}

/** Marks that git leaves in the worktree's git directory; the first that holds counts. */
const marks: [string, NonNullable<LossReport["inProgress"]>][] = [
  ["rebase-merge", "rebase"],
  ["rebase-apply", "rebase"],
  ["MERGE_HEAD", "merge"],
  ["CHERRY_PICK_HEAD", "cherry-pick"],
  ["REVERT_HEAD", "revert"],
  ["BISECT_LOG", "bisect"],
];

function inProgress(gitDirectory: string): LossReport["inProgress"] {
  return marks.find(([name]) => existsSync(join(gitDirectory, name)))?.[1] ?? null;
}

async function assessCommits(git: Git, { root, path, branch, baseBranch }: AssessLossOptions, report: LossReport): Promise<void> {
  const { tip, head, bases } = await readCommits(git, { root, path, branch, baseBranch });
  const subject = tip ?? head;
  if (subject === null) return;
  const found = await findIntegration(git, { root, tip: subject, bases });
  report.integrated = found !== null;
  report.how = found;
  // What another branch or a tag holds is not lost with a detached HEAD.
  const elsewhere = tip === null ? ["--branches", "--tags"] : [];
  if (found === null) {
    const commits = await countCommits(git, root, [subject, "--not", "--remotes", ...elsewhere, ...bases]);
    if (tip === null) report.loose = commits;
    else report.unpushed = commits;
  }
  // Commits made on a detached HEAD beside the branch: nothing else holds them.
  if (tip !== null && head !== null && head !== tip) {
    report.loose = await countCommits(git, root, [head, "--not", "--branches", "--tags", "--remotes"]);
  }
}

interface Commits {
  tip: string | null;
  /** HEAD of the worktree, from its registration's side when the directory is gone. */
  head: string | null;
  bases: string[];
}

async function readCommits(git: Git, { root, path, branch, baseBranch }: AssessLossOptions): Promise<Commits> {
  const names = [branch === null ? "" : `refs/heads/${branch}`];
  if (baseBranch !== null) {
    // A branch that is its own base is measured by its upstream alone.
    if (branch !== baseBranch) names.push(`refs/heads/${baseBranch}`);
    names.push(`refs/remotes/origin/${baseBranch}`);
  }
  const stdin = `${names.map((name) => `${name}^{commit}`).join("\n")}\n`;
  const [output, upstream, head] = await Promise.all([
    git.run(root, ["cat-file", "--batch-check=%(objectname)"], { stdin }),
    baseBranch === null
      ? ""
      : git.run(root, ["rev-parse", "--quiet", "--verify", `refs/heads/${baseBranch}@{upstream}^{commit}`], { allow: [1, 128] }),
    readHead(git, root, path),
  ]);
  const [tip = null, ...bases] = output.split("\n").map(commitId);
  return { tip, head, bases: [...new Set([...bases, commitId(upstream.trim())].filter((id) => id !== null))] };
}

function commitId(line: string): string | null {
  return /^[0-9a-f]{40,64}$/.test(line) ? line : null;
}

async function readHead(git: Git, root: string, path: string): Promise<string | null> {
  if (isWorktreeThere(path)) {
    const head = await git.run(path, ["rev-parse", "--quiet", "--verify", "HEAD^{commit}"], { env: ceilingAt(path), allow: [1] });
    return head.trim() || null;
  }
  const gitCommonDir = await readCommonDirectory(git, root);
  const registration = (await readRegistrations(gitCommonDir)).find((it) => it.path === canonicalPath(path));
  if (!registration) return null;
  return (
    (await git.run(root, ["rev-parse", "--quiet", "--verify", `worktrees/${registration.id}/HEAD^{commit}`], { allow: [1] })).trim() || null
  );
}

interface Integration {
  root: string;
  tip: string;
  bases: string[];
}

/** Cheapest test first; the first that holds names how. */
async function findIntegration(git: Git, { root, tip, bases }: Integration): Promise<string | null> {
  if (bases.includes(tip)) return "same_commit";
  if (bases.length === 0) return null;
  if ((await countCommits(git, root, ["--max-count=1", tip, "--not", ...bases])) === 0) return "ancestor";
  for (const test of [changesNothing, hasSameTree, mergeAddsNothing, hasSamePatch]) {
    for (const base of bases) {
      const found = await test(git, { root, tip, base });
      if (found !== null) return found;
    }
  }
  return null;
}

interface Pair {
  root: string;
  tip: string;
  base: string;
}

async function changesNothing(git: Git, { root, tip, base }: Pair): Promise<string | null> {
  const mergeBase = await readMergeBase(git, { root, tip, base });
  return mergeBase !== null && (await haveSameFiles(git, { root, tip, base: mergeBase })) ? "no_changes" : null;
}

async function hasSameTree(git: Git, pair: Pair): Promise<string | null> {
  return (await haveSameFiles(git, pair)) ? "same_tree" : null;
}

/** Merged in memory, the branch would leave the base's files as they are: it came in by a squash or by hand. */
async function mergeAddsNothing(git: Git, { root, tip, base }: Pair): Promise<string | null> {
  try {
    const merged = (await git.run(root, ["merge-tree", "--write-tree", base, tip])).trim();
    const tree = (await git.run(root, ["rev-parse", `${base}^{tree}`])).trim();
    return merged === tree ? "merge_adds_nothing" : null;
  } catch (error) {
    // Conflicts, histories without a common commit, a git older than 2.38 (another merge-tree): none of them proves anything.
    if (gitExitCode(error) === null) throw error;
    return null;
  }
}

/** Comparing patches costs a diff for each commit of the base since the branch began. */
const mostPatches = 5_000;

/** The whole branch as one commit, or each of its commits, has a twin in the base. */
async function hasSamePatch(git: Git, { root, tip, base }: Pair): Promise<string | null> {
  const mergeBase = await readMergeBase(git, { root, tip, base });
  if (mergeBase === null || (await countCommits(git, root, [`${mergeBase}..${base}`])) > mostPatches) return null;
  const env = { GIT_AUTHOR_NAME: "worldtree", GIT_AUTHOR_EMAIL: "worldtree@localhost", GIT_AUTHOR_DATE: "2000-01-01T00:00:00Z" };
  const committer = {
    GIT_COMMITTER_NAME: "worldtree",
    GIT_COMMITTER_EMAIL: "worldtree@localhost",
    GIT_COMMITTER_DATE: "2000-01-01T00:00:00Z",
  };
  const squash = await git.run(root, ["commit-tree", `${tip}^{tree}`, "-p", mergeBase, "-m", "squash"], { env: { ...env, ...committer } });
  for (const commit of [squash.trim(), tip]) {
    const marked = await git.run(root, ["rev-list", "--cherry-mark", "--right-only", `${base}...${commit}`, "--"]);
    const lines = marked.split("\n").filter((line) => line.length > 0);
    if (lines.length > 0 && lines.every((line) => line.startsWith("="))) return "same_patch";
  }
  return null;
}

async function readMergeBase(git: Git, { root, tip, base }: Pair): Promise<string | null> {
  return (await git.run(root, ["merge-base", base, tip], { allow: [1] })).trim() || null;
}

/** Trees are named by their contents. */
async function haveSameFiles(git: Git, { root, tip, base }: Pair): Promise<boolean> {
  const [one, other] = (await git.run(root, ["rev-parse", `${tip}^{tree}`, `${base}^{tree}`])).split("\n");
  return one === other;
}

async function countCommits(git: Git, root: string, range: string[]): Promise<number> {
  return Number((await git.run(root, ["rev-list", "--count", ...range])).trim());
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === "string";
}
