// The branch of a deleted worktree on its way back.
import { retryConfigLock } from "./config-lock.ts";
import type { Git } from "./git.ts";
import { listWorktrees } from "./worktrees.ts";

export type BranchSettings = [key: string, value: string][];

/** Its section of the repository's configuration, such as its upstream. */
export async function readBranchSettings(git: Git, root: string, branch: string): Promise<BranchSettings> {
  const output = await git.run(root, ["config", "--local", "-z", "--get-regexp", "^branch\\."], { allow: [1] });
  const prefix = `branch.${branch}.`;
  return output.split("\0").flatMap((record): BranchSettings => {
    const [key = "", ...value] = record.split("\n");
    // A key of `branch.a` must not pass for one of `branch.a.b`.
    return key.startsWith(prefix) && !key.slice(prefix.length).includes(".") ? [[key, value.join("\n")]] : [];
  });
}

export interface ReturnBranchOptions {
  root: string;
  branch: string;
  /** Where it was. */
  commit: string;
  settings: BranchSettings;
}

/**
 * Makes the branch again at its commit. Where it has moved on, or is checked out elsewhere, it is left alone and `<branch>-undeleted` is made instead.
 * Gives the name, and whether the branch was made here. Idempotent as long as nobody moves what it made.
 */
export async function returnBranch(
  git: Git,
  { root, branch, commit, settings }: ReturnBranchOptions,
): Promise<{ branch: string; made: boolean }> {
  const busy = new Set((await listWorktrees(git, root)).map((one) => one.branch));
  for (let number = 0; ; number++) {
    const name = number === 0 ? branch : `${branch}-undeleted${number === 1 ? "" : `-${number}`}`;
    const ref = `refs/heads/${name}`;
    const now = (await git.run(root, ["rev-parse", "--verify", "--quiet", ref], { allow: [1] })).trim();
    if (now === commit && !busy.has(name)) return { branch: name, made: false };
    if (now !== "" || busy.has(name)) continue;
    await git.run(root, ["update-ref", "-m", "wt: undelete", ref, commit, "0".repeat(commit.length)]);
    for (const [key, value] of settings) {
      const own = key.replace(`branch.${branch}.`, () => `branch.${name}.`);
      await retryConfigLock(() => git.run(root, ["config", "--local", own, value]));
    }
    return { branch: name, made: true };
  }
}

/** A worktree at `path` that is on `from` is on this branch from now on; its files and its index stay as they are. */
export async function pointHeadTo(git: Git, path: string, { from, branch }: { from: string; branch: string }): Promise<void> {
  const head = (await git.run(path, ["symbolic-ref", "--quiet", "HEAD"], { allow: [1] })).trim();
  if (head !== `refs/heads/${from}`) return;
  await git.run(path, ["symbolic-ref", "-m", "wt: undelete", "HEAD", `refs/heads/${branch}`]);
}
