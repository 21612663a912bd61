// A pull request's commits and the local branch that stands for it. The branch's section of the configuration says whose it is, so that
// the next look finds it and a branch of the same name with other work is never moved.
import { WtError } from "../errors/wt-error.ts";
import { retryConfigLock } from "./config-lock.ts";
import { type Git, gitStderr } from "./git.ts";

export interface PullRequestHead {
  commit: string;
  /** What the last fetch found there; null for the first. */
  before: string | null;
}

export interface HeadRef {
  root: string;
  remote: string;
  number: number;
  /** In the remote repository: `refs/pull/7/head`. */
  ref: string;
}

/**
 * Not below the remote's own refs, where `git fetch --prune` would take it away: as a remote-tracking ref it says that these commits are
 * somebody else's, so that deleting the environment loses nothing.
 */
function keptRef({ remote, number }: Pick<HeadRef, "remote" | "number">): string {
  return `refs/remotes/pull-requests/${remote}/${number}`;
}

/** Null when the remote has no such ref. Throws `WtError` (`machine`, `remote_unreachable`) when it cannot be asked. */
export async function fetchHead(git: Git, head: HeadRef): Promise<PullRequestHead | null> {
  const kept = keptRef(head);
  const before = await readCommit(git, head.root, kept);
  if (!(await fetchRef(git, head, `+${head.ref}:${kept}`))) return null;
  const commit = await readCommit(git, head.root, kept);
  return commit === null ? null : { commit, before };
}

/** The branch as the remote's own, `refs/remotes/<remote>/<branch>`; null when the remote does not have it any more. */
export async function fetchRemoteBranch(git: Git, at: { root: string; remote: string; branch: string }): Promise<PullRequestHead | null> {
  const kept = `refs/remotes/${at.remote}/${at.branch}`;
  const before = await readCommit(git, at.root, kept);
  if (!(await fetchRef(git, at, `+refs/heads/${at.branch}:${kept}`))) return null;
  const commit = await readCommit(git, at.root, kept);
  return commit === null ? null : { commit, before };
}

/** Which of these refs the remote has. Throws `remote_unreachable`. */
export async function fetchRefNames(git: Git, at: { root: string; remote: string }, refs: readonly string[]): Promise<string[]> {
  try {
    const output = await git.run(at.root, ["ls-remote", "--quiet", "--", at.remote, ...refs]);
    return output.split("\n").flatMap((line) => line.split("\t")[1] ?? []);
  } catch (error) {
    throw unreachable(at.remote, error);
  }
}

async function fetchRef(git: Git, { root, remote }: { root: string; remote: string }, refspec: string): Promise<boolean> {
  try {
    await git.run(root, ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", remote, refspec]);
    return true;
  } catch (error) {
    if (/couldn't find remote ref/i.test(gitStderr(error) ?? "")) return false;
    throw unreachable(remote, error);
  }
}

const unreachableSentences =
  /could not (resolve|read from remote)|unable to (access|connect|look up)|connection (refused|timed out|reset)|network is unreachable|does not appear to be a git repository|permission denied|authentication failed|could not read (username|password)|terminal prompts disabled/i;

function unreachable(remote: string, cause: unknown): unknown {
  const stderr = gitStderr(cause);
  if (stderr === null || !unreachableSentences.test(stderr)) return cause;
  const said = stderr.split("\n").find((line) => unreachableSentences.test(line)) ?? "";
  return new WtError({
    kind: "machine",
    code: "remote_unreachable",
    message: `The remote ${remote} cannot be reached: ${said.replace(/^(fatal|error|ssh): */i, "").replace(/[.\s]+$/, "")}.`,
    hints: [`See whether git can: git fetch ${remote}`],
    details: { remote },
    cause,
  });
}

export interface LocalBranch {
  commit: string;
  /** Where it is checked out; null when it is nowhere. */
  worktree: string | null;
  /** `<remote>/<number>` of the pull request it was made for; null for a branch of somebody's own. */
  pullRequest: string | null;
  /** `branch.<name>.remote` and `branch.<name>.merge`, as `origin refs/heads/x`; null without. */
  upstream: string | null;
}

export async function readLocalBranch(git: Git, root: string, branch: string): Promise<LocalBranch | null> {
  const format = "--format=%(refname)%00%(objectname)%00%(worktreepath)";
  const output = await git.run(root, ["for-each-ref", format, `refs/heads/${branch}`]);
  const line = output.split("\n").find((one) => one.startsWith(`refs/heads/${branch}\0`));
  if (line === undefined) return null;
  const [, commit = "", worktree = ""] = line.split("\0");
  const read = async (key: string) =>
    (await git.run(root, ["config", "--get", `branch.${branch}.${key}`], { allow: [1] })).replace(/\n$/, "") || null;
  const [pullRequest, remote, merge] = await Promise.all([read("wtPullRequest"), read("remote"), read("merge")]);
  return { commit, worktree: worktree || null, pullRequest, upstream: remote && merge ? `${remote} ${merge}` : null };
}

export interface BranchSettings {
  /** `<remote>/<number>`. */
  pullRequest: string;
  /** A remote or a URL, and the ref there: what `git pull` takes. */
  remote: string;
  merge: string;
  /** Where `git push` goes; null leaves that to git's rules. */
  pushRemote: string | null;
}

/** Idempotent. May come before the branch itself: a new branch finds its settings there. */
export async function writeBranchSettings(git: Git, at: { root: string; branch: string }, settings: BranchSettings): Promise<void> {
  const values: [string, string | null][] = [
    ["remote", settings.remote],
    ["merge", settings.merge],
    ["pushRemote", settings.pushRemote],
    ["wtPullRequest", settings.pullRequest],
  ];
  for (const [key, value] of values) {
    const args = value === null ? ["--unset-all", `branch.${at.branch}.${key}`] : ["--replace-all", `branch.${at.branch}.${key}`, value];
    // 5: there was nothing to unset.
    await retryConfigLock(() => git.run(at.root, ["config", "--local", ...args], { allow: value === null ? [5] : [] }));
  }
}

/** For a branch that did not come to be. */
export async function removeBranchSettings(git: Git, at: { root: string; branch: string }): Promise<void> {
  if (await readLocalBranch(git, at.root, at.branch)) return;
  try {
    await retryConfigLock(() => git.run(at.root, ["config", "--local", "--remove-section", `branch.${at.branch}`]));
  } catch (error) {
    if (!/no such section/i.test(gitStderr(error) ?? "")) throw error;
  }
}

export type BranchUpdate =
  | { kind: "same" }
  | { kind: "moved" }
  /** It has commits that the pull request has not; nothing was changed. */
  | { kind: "own_commits"; count: number }
  /** git did not want to, in its words; nothing was changed. */
  | { kind: "kept"; because: string };

/** Moves the branch, with its worktree, to the pull request's head. Neither files nor commits of anybody's own are given up. */
export async function moveBranch(
  git: Git,
  { root, branch, local, head }: { root: string; branch: string; local: LocalBranch; head: PullRequestHead },
): Promise<BranchUpdate> {
  if (local.commit === head.commit) return { kind: "same" };
  // Rewritten at the other end: what was there before is no work of this branch's own.
  const known = head.before === null ? [head.commit] : [head.commit, head.before];
  const own = Number((await git.run(root, ["rev-list", "--count", local.commit, "--not", ...known])).trim());
  if (own > 0) return { kind: "own_commits", count: own };
  try {
    if (local.worktree !== null) await git.run(local.worktree, ["reset", "--quiet", "--keep", head.commit]);
    else await git.run(root, ["branch", "--quiet", "--no-track", "--force", branch, head.commit]);
    return { kind: "moved" };
  } catch (error) {
    const stderr = gitStderr(error);
    if (stderr === null) throw error;
    const [said = ""] = stderr.split("\n");
    return { kind: "kept", because: said.replace(/^(fatal|error): */, "").replace(/[.\s]+$/, "") };
  }
}

export async function isAncestor(git: Git, root: string, commits: { ancestor: string; of: string }): Promise<boolean> {
  return (await git.run(root, ["rev-list", "--count", commits.ancestor, "--not", commits.of])).trim() === "0";
}

/** Refs of pull requests that no branch stands for any more. */
export async function removeStaleHeads(git: Git, root: string): Promise<void> {
  const [refs, settings] = await Promise.all([
    git.run(root, ["for-each-ref", "--format=%(refname)", "refs/remotes/pull-requests"]),
    git.run(root, ["config", "-z", "--get-regexp", "^branch\\..*\\.wtpullrequest$"], { allow: [1] }),
  ]);
  const wanted = new Set(settings.split("\0").map((record) => `refs/remotes/pull-requests/${record.slice(record.indexOf("\n") + 1)}`));
  const stale = refs.split("\n").filter((ref) => ref !== "" && !wanted.has(ref));
  if (stale.length > 0) await git.run(root, ["update-ref", "--stdin"], { stdin: stale.map((ref) => `delete ${ref}\n`).join("") });
}

async function readCommit(git: Git, root: string, ref: string): Promise<string | null> {
  return (await git.run(root, ["rev-parse", "--quiet", "--verify", `${ref}^{commit}`], { allow: [1, 128] })).trim() || null;
}
