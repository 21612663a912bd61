import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { WtError } from "../errors/wt-error.ts";
import { entryAt, removeTree } from "../os/files.ts";
import { type BranchPlan, deleteBranch } from "./branches.ts";
import { retryConfigLock } from "./config-lock.ts";
import { type Git, gitExitCode, sawUnfinishedWorktree } from "./git.ts";
import { readHalfMadeChanges, waitForRunningAdd } from "./half-made-worktree.ts";
import { readCommonDirectory, readGitDirectory } from "./repository.ts";
import { ceilingAt, parseStatus } from "./status.ts";
import {
  addFailure,
  branchCheckedOut,
  branchHasCommits,
  branchMoved,
  directoryUnusable,
  mainWorktree,
  pathExists,
  worktreeHasChanges,
  worktreeInside,
  worktreeLocked,
  worktreeUnproven,
} from "./worktree-errors.ts";
import {
  canonicalPath,
  discardDirectory,
  discardedPlace,
  dropRegistration,
  dropUnfinishedRegistrations,
  initializing,
  type Registration,
  readBond,
  readRegisteredBranch,
  readRegistrations,
} from "./worktree-registration.ts";
import { isWorktreeThere } from "./worktree-remains.ts";

export interface Worktree {
  path: string;
  /** Full commit id; null on a branch without commits and for a bare directory. */
  head: string | null;
  /** Without `refs/heads/`; null on a detached HEAD. */
  branch: string | null;
  main: boolean;
  bare: boolean;
  /** The reason (may be empty) when it is locked. */
  locked: string | null;
  /** git's reason to think that the registration can go. */
  prunable: string | null;
  /** The directory is there. */
  exists: boolean;
}

/** The main worktree (or bare directory) first. `root` is any directory of the repository. */
export async function listWorktrees(git: Git, root: string): Promise<Worktree[]> {
  try {
    return parseWorktrees(await git.run(root, ["worktree", "list", "--porcelain", "-z"]), "\0");
  } catch (error) {
    // `-z` is new in git 2.36; an older one prints its usage and ends with 129.
    if (gitExitCode(error) !== 129) throw error;
    return parseWorktrees(await git.run(root, ["worktree", "list", "--porcelain"]), "\n");
  }
}

export interface AddWorktreeOptions {
  root: string;
  /** Absent, or an empty directory. */
  path: string;
  /** The plan's `branch`. */
  branch: string;
  plan: BranchPlan;
  abort?: AbortSignal;
}

/**
 * Makes the worktree and, where planned, its branch. Not idempotent: throws `refused` (`path_exists`, `branch_checked_out`, `branch_exists`,
 * `worktree_missing`) and `machine` (`branch_moved`: the branch is not at the plan's commit any more). When it throws, nothing of it is left; only a crash makes `undoAddWorktree` necessary.
 */
export async function addWorktree(git: Git, { root, path, branch, plan, abort }: AddWorktreeOptions): Promise<void> {
  const place = canonicalPath(path);
  const madeParent = await ensureRoomFor(place);
  for (let attempt = 1; ; attempt++) {
    try {
      await git.run(root, ["worktree", "add", "--quiet", ...addArguments(place, branch, plan)], { abort });
      if (plan.kind === "remote") {
        const upstream = ["branch", "--quiet", `--set-upstream-to=${plan.ref}`, branch];
        await retryConfigLock(() => git.run(root, upstream, { abort }));
      }
      const found = (await git.run(place, ["rev-parse", "--show-toplevel", "HEAD"], { env: ceilingAt(place), abort })).trim();
      const toplevel = found.slice(0, Math.max(0, found.lastIndexOf("\n")));
      if (toplevel !== place) throw worktreeUnproven(place, `git takes it for ${toplevel}`);
      // What was looked at, and approved, is the plan's commit.
      if (plan.kind === "local" && !found.endsWith(`\n${plan.commit}`)) throw branchMoved(branch);
      return;
    } catch (error) {
      const failure = addFailure(error, { path: place, branch });
      // The first error is the one to report: what cannot be taken back now is found again by the caller's own undo.
      await takeBack(git, { root, path: place, branch, plan }, failure).catch(() => undefined);
      if (sawUnfinishedWorktree(error) && attempt < 20) continue;
      if (madeParent) await removeEmptyParents(dirname(place), madeParent);
      throw abort?.aborted ? abort.reason : failure;
    }
  }
}

async function takeBack(git: Git, { root, path, branch, plan }: AddWorktreeOptions, failure: WtError): Promise<void> {
  const createdBranchAt = plan.kind === "local" ? null : plan.commit;
  if (failure.kind !== "refused" || failure.code === "worktree_unproven")
    return undoAddWorktree(git, { root, path, branch, createdBranchAt });
  // A refusal means that what is there belongs to someone else; only this one comes after git made the branch.
  if (failure.code === "worktree_missing" && createdBranchAt !== null)
    await deleteBranch(git, { root, branch, expectedCommit: createdBranchAt });
}

export interface RemoveWorktreeOptions {
  root: string;
  path: string;
  /** Directory that takes the worktree and (as `<name>.registration`) its registration; the caller empties it when it likes. */
  trash: string;
}

/**
 * Takes the directory and exactly its registration away, at once where `trash` is on the same file system. Does not look for changes: see `assessLoss`.
 * Idempotent; a missing directory is fine. Throws `refused`: `main_worktree`, `worktree_locked`, `worktree_unproven` when directory and registration
 * do not name each other.
 */
export async function removeWorktree(git: Git, { root, path, trash }: RemoveWorktreeOptions): Promise<void> {
  const place = canonicalPath(path);
  const gitCommonDir = await readCommonDirectory(git, root);
  await refuseMain(place, gitCommonDir);
  const bond = await readBond(gitCommonDir, place);
  const { registration } = bond;
  if (bond.kind === "unproven") throw worktreeUnproven(place, bond.because);
  if (registration && registration.lockReason !== null) throw worktreeLocked(place, registration.lockReason);
  if (bond.kind === "bound") {
    await refuseWorktreesInside(gitCommonDir, place);
    await discardDirectory(place, trash);
  }
  if (registration) await dropRegistration(registration, trash);
  await removeTree(discardedPlace(place));
}

export interface UndoAddWorktreeOptions {
  root: string;
  path: string;
  branch: string;
  /** Commit at which the branch was created by us; null when it was there before. */
  createdBranchAt: string | null;
  /** Its HEAD may also be detached at this commit. */
  detachedAt?: string | null;
}

/**
 * Takes back what `addWorktree` made, whole or half: directory, registration and (with `createdBranchAt`) the branch. Idempotent; for after a crash.
 * What the user changed or committed meanwhile is never taken: throws `refused` (`worktree_has_changes`, `branch_has_commits`, `branch_checked_out`,
 * `worktree_unproven`, `worktree_locked`) and leaves it. `machine` (`worktree_busy`): a git that outlived the crash still works on it; try again.
 */
export async function undoAddWorktree(git: Git, options: UndoAddWorktreeOptions): Promise<void> {
  const { root, path, branch, createdBranchAt, detachedAt = null } = options;
  const place = canonicalPath(path);
  const gitCommonDir = await readCommonDirectory(git, root);
  await refuseMain(place, gitCommonDir);
  await waitForRunningAdd(place);
  const bond = await readBond(gitCommonDir, place);
  if (bond.kind === "unproven" && !(await removeEmptyDirectory(place))) {
    if (bond.registration) throw worktreeUnproven(place, bond.because);
  } else if (bond.registration) {
    const worktree = { root, branch, createdBranchAt, detachedAt, gitCommonDir, place, bound: bond.kind === "bound" };
    await undoRegistered(git, worktree, bond.registration);
  }
  await dropUnfinishedRegistrations(gitCommonDir, place);
  await removeTree(discardedPlace(place));
  if (createdBranchAt === null) return;
  const outcome = await deleteBranch(git, { root, branch, expectedCommit: createdBranchAt });
  if (outcome === "raced") throw branchHasCommits(branch);
  if (outcome === "checked_out") throw branchCheckedOut(branch, null);
}

interface Registered {
  root: string;
  branch: string;
  createdBranchAt: string | null;
  detachedAt: string | null;
  gitCommonDir: string;
  place: string;
  /** The directory is there. */
  bound: boolean;
}

async function undoRegistered(git: Git, worktree: Registered, registration: Registration): Promise<void> {
  const { gitCommonDir, place, bound } = worktree;
  const { lockReason } = registration;
  if (lockReason !== null && lockReason !== initializing) throw worktreeLocked(place, lockReason);
  const registered = await readRegisteredBranch(registration);
  const ours = registered === "unset" || (registered !== "none" && registered.branch === worktree.branch);
  const foreign = !ours && !(registered === "none" && (await isDetachedAt(registration, worktree.detachedAt)));
  if (foreign && bound) throw worktreeHasChanges(place, ["HEAD"]);
  // The remains of a worktree of someone else's that was at this path before.
  if (foreign) return;
  if (bound) {
    await refuseMovedBranch(git, worktree);
    const changes = lockReason === initializing ? await readHalfMadeChanges(git, place, registration) : await readChanges(git, place);
    if (changes.length > 0) throw worktreeHasChanges(place, changes);
    await refuseWorktreesInside(gitCommonDir, place);
    await discardDirectory(place, null);
  }
  await dropRegistration(registration, null);
}

async function isDetachedAt(registration: Registration, commit: string | null): Promise<boolean> {
  if (commit === null) return false;
  return (await readFile(join(registration.directory, "HEAD"), "utf8").catch(() => "")).trim() === commit;
}

function addArguments(place: string, branch: string, plan: BranchPlan): string[] {
  if (plan.kind === "local") return [place, branch];
  // The upstream is set afterwards: here it would fail, with the branch made, whenever another git holds the configuration's lock.
  return ["--no-track", "-b", branch, place, plan.commit];
}

function parseWorktrees(output: string, end: "\0" | "\n"): Worktree[] {
  const blocks = output.split(end + end).filter((block) => block.length > 0);
  return blocks.map((block, index) => {
    const fields = new Map<string, string>();
    for (const line of block.split(end)) {
      const space = line.indexOf(" ");
      if (space < 0) fields.set(line, "");
      else fields.set(line.slice(0, space), line.slice(space + 1));
    }
    const path = fields.get("worktree") ?? "";
    const head = fields.get("HEAD") ?? null;
    return {
      path,
      head: head === null || /^0+$/.test(head) ? null : head,
      branch: fields.get("branch")?.replace(/^refs\/heads\//, "") ?? null,
      main: index === 0,
      bare: fields.has("bare"),
      locked: fields.get("locked") ?? null,
      prunable: fields.get("prunable") ?? null,
      exists: index === 0 ? existsSync(path) : isWorktreeThere(path),
    };
  });
}

/** Gives the first of the parent directories that had to be made, or null. */
async function ensureRoomFor(place: string): Promise<string | null> {
  const stat = entryAt(place);
  if (stat && !stat.isDirectory()) throw pathExists(place, "a file is there");
  if (stat && (await readdir(place)).length > 0) throw pathExists(place, "the directory is not empty");
  if (stat) return null;
  try {
    return (await mkdir(dirname(place), { recursive: true })) ?? null;
  } catch (error) {
    throw directoryUnusable(dirname(place), error);
  }
}

/** The main worktree is never touched, whatever the registrations say, nor is a directory that has the repository in it. */
export async function refuseMain(place: string, gitCommonDir: string): Promise<void> {
  const holdsRepository = gitCommonDir === place || gitCommonDir.startsWith(`${place}/`);
  if (holdsRepository || (await readGitDirectory(place)) === gitCommonDir) throw mainWorktree(place);
}

/** Worktrees made inside of this one would go with it. */
export async function refuseWorktreesInside(gitCommonDir: string, place: string): Promise<void> {
  const registrations = await readRegistrations(gitCommonDir);
  const inside = registrations.find(({ path }) => path?.startsWith(`${place}/`) && existsSync(path));
  if (inside?.path) throw worktreeInside(place, inside.path);
}

async function refuseMovedBranch(git: Git, { root, branch, createdBranchAt }: Registered): Promise<void> {
  if (createdBranchAt === null) return;
  const tip = (await git.run(root, ["rev-parse", "--quiet", "--verify", `refs/heads/${branch}`], { allow: [1] })).trim();
  if (tip && tip !== createdBranchAt) throw branchHasCommits(branch);
}

async function readChanges(git: Git, place: string): Promise<string[]> {
  const args = ["status", "--porcelain=v2", "-z", "--untracked-files=normal"];
  return parseStatus(await git.run(place, args, { env: ceilingAt(place) })).entries.map((entry) => entry.path);
}

async function removeEmptyDirectory(path: string): Promise<boolean> {
  return rmdir(path).then(
    () => true,
    () => false,
  );
}

/** Removes `directory` and its parents up to `first`, as long as they are empty. */
async function removeEmptyParents(directory: string, first: string): Promise<void> {
  const inside = directory === first || directory.startsWith(`${first}/`);
  if (inside && (await removeEmptyDirectory(directory))) await removeEmptyParents(dirname(directory), first);
}
