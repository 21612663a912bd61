import { existsSync, realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import { type Git, gitStderr } from "./git.ts";

export interface Repository {
  /** Absolute, resolved. */
  gitCommonDir: string;
  /** The main worktree, or the bare directory. */
  mainRoot: string;
  bare: boolean;
  /** The worktree that was asked from; null in a bare directory. */
  worktreeRoot: string | null;
  inSubmodule: boolean;
  hasCommits: boolean;
}

/**
 * The repository that `cwd` is in: from any subdirectory of any of its worktrees, through symbolic links too. null outside of one.
 * Throws `refused` (`inside_git_directory`) in the inside of `.git`, and git's own words where git refuses to look (ownership, damage).
 */
export async function findRepository(git: Git, cwd: string): Promise<Repository | null> {
  const [where, top, head] = await Promise.all([
    outsideIsNull(
      git.run(cwd, [
        "rev-parse",
        "--path-format=absolute",
        "--git-common-dir",
        "--absolute-git-dir",
        "--is-bare-repository",
        "--is-inside-work-tree",
        "--is-inside-git-dir",
      ]),
    ),
    git.run(cwd, ["rev-parse", "--show-toplevel", "--show-superproject-working-tree"], { allow: [128] }),
    git.run(cwd, ["rev-parse", "--quiet", "--verify", "HEAD^{commit}"], { allow: [1, 128] }),
  ]);
  if (where === null) return null;
  const [commonDir = "", gitDir = "", isBare, insideWorktree, insideGitDir] = where.split("\n");
  const gitCommonDir = realpathSync(commonDir);
  const linked = realpathSync(gitDir) !== gitCommonDir;
  if (insideWorktree !== "true" && isBare !== "true") throw insideGitDirectory(cwd, gitCommonDir, insideGitDir === "true");
  const [toplevel, superproject] = top.split("\n");
  const worktreeRoot = insideWorktree === "true" && toplevel ? realpathSync(toplevel) : null;
  const bare = linked ? await isBareDirectory(git, gitCommonDir) : isBare === "true";
  const mainRoot = bare ? gitCommonDir : linked ? await mainWorktreeOf(git, gitCommonDir) : (worktreeRoot ?? gitCommonDir);
  const hasCommits = head.trim().length > 0 || (await hasAnyCommit(git, gitCommonDir));
  return { gitCommonDir, mainRoot, bare, worktreeRoot, inSubmodule: Boolean(superproject), hasCommits };
}

/** What `origin/HEAD` names, else `init.defaultBranch`, `main` or `master` if they exist, else the main worktree's branch; null without any. */
export async function defaultBranch(git: Git, repo: Pick<Repository, "mainRoot">): Promise<string | null> {
  const configured = (await git.run(repo.mainRoot, ["config", "--get", "init.defaultBranch"], { allow: [1] })).trim();
  return defaultBranchWith(git, repo.mainRoot, configured);
}

async function defaultBranchWith(git: Git, root: string, configured: string): Promise<string | null> {
  return (await findDefaultBranch(git, root, configured))?.name ?? null;
}

/** As `defaultBranch`, for callers that know `init.defaultBranch` (or "") already; with the local branch's commit where that came along. */
export async function findDefaultBranch(
  git: Git,
  root: string,
  configured: string,
): Promise<{ name: string; commit: string | null } | null> {
  const names = [...new Set([configured, "main", "master"])].filter((name) => name.length > 0);
  const refs = names.map((name) => `refs/heads/${name}`);
  const format = "--format=%(refname)%00%(symref)%00%(objectname)";
  const output = await git.run(root, ["for-each-ref", format, "refs/remotes/origin/HEAD", ...refs]);
  const found = new Map(output.split("\n").map((line) => [line.split("\0", 1)[0] ?? "", line.split("\0")] as const));
  const remoteHead = found.get("refs/remotes/origin/HEAD")?.[1]?.replace(/^refs\/remotes\/origin\//, "");
  const name = remoteHead || names.find((one) => found.has(`refs/heads/${one}`)) || (await currentBranchOfMain(git, root));
  return name ? { name, commit: found.get(`refs/heads/${name}`)?.[2] || null } : null;
}

async function currentBranchOfMain(git: Git, root: string): Promise<string | null> {
  const commonDir = await readCommonDirectory(git, root);
  const head = (await git.run(root, [`--git-dir=${commonDir}`, "symbolic-ref", "--quiet", "HEAD"], { allow: [1] })).trim();
  if (!head.startsWith("refs/heads/")) return null;
  const exists = await git.run(root, ["rev-parse", "--quiet", "--verify", `${head}^{commit}`], { allow: [1, 128] });
  return exists ? head.slice("refs/heads/".length) : null;
}

/** Absolute and resolved; `root` is any directory of the repository. */
export async function readCommonDirectory(git: Git, root: string): Promise<string> {
  return realpathSync((await git.run(root, ["rev-parse", "--path-format=absolute", "--git-common-dir"])).replace(/\n$/, ""));
}

async function outsideIsNull(answer: Promise<string>): Promise<string | null> {
  try {
    return await answer;
  } catch (error) {
    if (/not a git repository/i.test(gitStderr(error) ?? "")) return null;
    throw error;
  }
}

/** Within a linked worktree `--is-bare-repository` speaks of the worktree, so the common directory is asked. */
async function isBareDirectory(git: Git, gitCommonDir: string): Promise<boolean> {
  const answer = await git.run(gitCommonDir, [`--git-dir=${gitCommonDir}`, "rev-parse", "--is-bare-repository"]);
  return answer.trim() === "true";
}

async function mainWorktreeOf(git: Git, gitCommonDir: string): Promise<string> {
  if (basename(gitCommonDir) === ".git") return dirname(gitCommonDir);
  // A submodule's or a moved-away git directory says itself where its main worktree is.
  const worktree = (await git.run(gitCommonDir, [`--git-dir=${gitCommonDir}`, "config", "--get", "core.worktree"], { allow: [1] })).trim();
  const path = worktree ? resolve(gitCommonDir, worktree) : gitCommonDir;
  return existsSync(path) ? realpathSync(path) : path;
}

async function hasAnyCommit(git: Git, gitCommonDir: string): Promise<boolean> {
  const output = await git.run(gitCommonDir, ["for-each-ref", "--count=1", "--format=%(objectname)", "refs/heads", "refs/remotes"]);
  return output.trim().length > 0;
}

function insideGitDirectory(cwd: string, gitCommonDir: string, inside: boolean): WtError {
  const root = basename(gitCommonDir) === ".git" ? dirname(gitCommonDir) : null;
  return new WtError({
    kind: "refused",
    code: "inside_git_directory",
    message: inside
      ? `${cwd} is inside git's own directory, not in a worktree.`
      : `${cwd} is in no worktree of the repository ${gitCommonDir}.`,
    hints: root ? [`cd ${root}`] : ["Go to one of the repository's worktrees, then try again."],
    details: { path: cwd, gitCommonDir },
  });
}

/** The git directory of the worktree at `path`, from its `.git` file or directory; null when there is none to be read. */
export async function readGitDirectory(path: string): Promise<string | null> {
  const dotGit = join(path, ".git");
  try {
    const target = /^gitdir: (.+?)\n*$/s.exec(await readFile(dotGit, "utf8"))?.[1];
    return target ? realpathSync(resolve(path, target)) : null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EISDIR" ? realpathSync(dotGit) : null;
  }
}
