// A worktree that is prepared before anybody knows its branch: made with a detached HEAD, moved to its place, and put on a branch when it is claimed.
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import { entryAt } from "../os/files.ts";
import type { BranchPlan } from "./branches.ts";
import { retryConfigLock } from "./config-lock.ts";
import { type Git, gitStderr } from "./git.ts";
import { readGitDirectory } from "./repository.ts";
import { ceilingAt, parseStatus } from "./status.ts";
import { addFailure, branchMoved } from "./worktree-errors.ts";
import { undoAddWorktree } from "./worktrees.ts";

export interface DetachedWorktree {
  root: string;
  /** Absent. */
  path: string;
  commit: string;
  abort?: AbortSignal;
}

/** Not idempotent. When it throws, nothing of it is left; after a crash, `undoAddWorktree` with `detachedAt`. */
export async function addDetachedWorktree(git: Git, { root, path, commit, abort }: DetachedWorktree): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  try {
    await git.run(root, ["worktree", "add", "--quiet", "--detach", path, commit], { abort });
  } catch (error) {
    const failure = addFailure(error, { path, branch: "" });
    // The first error is the one to report; what cannot be taken back now is found again by the caller's own undo.
    await undoAddWorktree(git, { root, path, branch: "", createdBranchAt: null, detachedAt: commit }).catch(() => undefined);
    throw abort?.aborted ? abort.reason : failure;
  }
}

/** Idempotent. The registration stays the same one. */
export async function moveWorktree(git: Git, { root, from, to }: { root: string; from: string; to: string }): Promise<void> {
  if (await finishMove(git, { root, from, to })) return;
  await git.run(root, ["worktree", "move", from, to]);
}

/** Idempotent; for after a crash: git moves the directory first and says so to the registration then. False where the directory was not moved. */
export async function finishMove(git: Git, { root, from, to }: { root: string; from: string; to: string }): Promise<boolean> {
  if (entryAt(from) !== null || entryAt(join(to, ".git")) === null) return false;
  await git.run(root, ["worktree", "repair", to]);
  return true;
}

/** With initialised submodules git moves no worktree, and their own files name its path. */
export async function hasSubmodules(path: string): Promise<boolean> {
  const directory = await readGitDirectory(path);
  return directory !== null && entryAt(join(directory, "modules")) !== null;
}

/** By `git worktree lock`: whoever did that wants to find it here again. */
export async function isLocked(path: string): Promise<boolean> {
  const directory = await readGitDirectory(path);
  return directory !== null && entryAt(join(directory, "locked")) !== null;
}

/** The commit of a detached HEAD; null on a branch, or where it cannot be read. Reads one file. */
export async function readDetachedHead(path: string): Promise<string | null> {
  const directory = await readGitDirectory(path);
  const head = directory === null ? "" : await readFile(join(directory, "HEAD"), "utf8").catch(() => "");
  return /^[0-9a-f]{40,64}$/.test(head.trim()) ? head.trim() : null;
}

/** What `git status` says, ignored files left out, and the size and time of each file that it names; equal texts: nobody changed any. */
export async function readStatusText(git: Git, path: string): Promise<string> {
  const output = await git.run(path, ["status", "--porcelain=v2", "-z", "--untracked-files=all"], { env: ceilingAt(path) });
  const marks = parseStatus(output).entries.map((entry) => {
    const stat = entryAt(join(path, entry.path));
    return stat === null ? "absent" : `${stat.size} ${stat.mtimeMs}`;
  });
  return [output, ...marks].join("\0");
}

/** Tracked files that differ from HEAD, staged or not. */
export async function changedTrackedFiles(git: Git, path: string): Promise<string[]> {
  const output = await git.run(path, ["diff", "--name-only", "-z", "--no-renames", "HEAD"], { env: ceilingAt(path) });
  return output.split("\0").filter((name) => name !== "");
}

/** Takes back what was changed in tracked files. */
export async function restoreTracked(git: Git, path: string, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const stdin = names.map((name) => `${name}\0`).join("");
  const args = ["checkout", "--quiet", "HEAD", "--pathspec-from-file=-", "--pathspec-file-nul"];
  await git.run(path, args, { stdin, env: { ...ceilingAt(path), GIT_LITERAL_PATHSPECS: "1" } });
}

/** The files of another commit, HEAD detached there. What somebody changed stays, or is in the way: then it throws and nothing has changed. */
export async function checkOutDetached(
  git: Git,
  { path, commit, abort }: { path: string; commit: string; abort?: AbortSignal },
): Promise<void> {
  await git.run(path, ["checkout", "--quiet", "--detach", commit], { abort, env: ceilingAt(path) });
}

/**
 * Puts a worktree with a detached HEAD on the plan's branch, which is made where that was planned. Not idempotent. Throws as `addWorktree` does, and
 * `refused` (`files_in_the_way`) where files that git does not track would be overwritten.
 */
export async function checkOutBranch(
  git: Git,
  { root, path, plan, abort }: { root: string; path: string; plan: BranchPlan; abort?: AbortSignal },
): Promise<void> {
  const env = ceilingAt(path);
  const args = plan.kind === "local" ? [plan.branch, "--"] : ["--no-track", "-b", plan.branch, plan.commit];
  try {
    await git.run(path, ["checkout", "--quiet", ...args], { abort, env });
  } catch (error) {
    if (abort?.aborted) throw abort.reason;
    if (/would be overwritten|untracked working tree/.test(gitStderr(error) ?? "")) throw filesInTheWay(path, error);
    throw addFailure(error, { path, branch: plan.branch });
  }
  if (plan.kind === "remote") {
    const upstream = ["branch", "--quiet", `--set-upstream-to=${plan.ref}`, plan.branch];
    await retryConfigLock(() => git.run(root, upstream, { abort }));
  }
  if (plan.kind !== "local") return;
  // What was looked at, and approved, is the plan's commit.
  const head = (await git.run(path, ["rev-parse", "HEAD"], { env })).trim();
  if (head !== plan.commit) throw branchMoved(plan.branch);
}

function filesInTheWay(path: string, cause: unknown): WtError {
  return new WtError({
    kind: "refused",
    code: "files_in_the_way",
    message: `Files that the setup made in ${path} are in the way of files of the branch.`,
    hints: [],
    details: { path },
    cause,
  });
}
