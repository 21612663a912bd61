import type { Git } from "./git.ts";

/** Paths that git does not track, relative to `root`; a directory of which it tracks nothing is one entry with a trailing `/`. */
export async function untrackedEntries(git: Git, root: string): Promise<string[]> {
  return records(await git.run(root, ["ls-files", "-z", "--others", "--directory"]));
}

/** Those of `paths` that git ignores in the worktree at `root`, whether they are there or not. */
export async function ignoredAmong(git: Git, root: string, paths: readonly string[]): Promise<Set<string>> {
  if (paths.length === 0) return new Set();
  const stdin = paths.map((path) => `${path}\0`).join("");
  return new Set(records(await git.run(root, ["check-ignore", "-z", "--stdin"], { stdin, allow: [1] })));
}

/** Those of `paths` that git tracks in the worktree at `root`. */
export async function trackedAmong(git: Git, root: string, paths: readonly string[]): Promise<Set<string>> {
  if (paths.length === 0) return new Set();
  return new Set(records(await git.run(root, ["--literal-pathspecs", "ls-files", "-z", "--", ...paths])));
}

function records(output: string): string[] {
  return output.split("\0").filter((record) => record !== "");
}
