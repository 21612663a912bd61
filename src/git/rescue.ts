import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Git } from "./git.ts";
import { readUnwatchedFiles, watchFiles, withTemporaryIndex } from "./hidden-changes.ts";
import { readGitDirectory } from "./repository.ts";
import { ceilingAt, parseStatus } from "./status.ts";

export interface SaveRescueOptions {
  root: string;
  path: string;
  slug: string;
  branch: string | null;
  nowMs: number;
  /** Another place for the refs, which are free. */
  prefix?: string;
  /** Default `rescue`. */
  purpose?: "rescue" | "checkpoint";
  scope?: FileScope;
}

/** Which files of a worktree are meant; default: changed and untracked ones. */
export interface FileScope {
  /** Files that git ignores too. */
  ignored: boolean;
  /** Paths to leave out, relative. */
  except: readonly string[];
}

/**
 * Keeps everything a worktree holds under `refs/wt/rescue/<slug>/<time>/`, changing neither its files nor its index: `head` (the commit it is on; not
 * for a branch without commits), `index` (what is staged; not while files are in conflict) and `worktree` (tracked changes and untracked files; ignored
 * ones and the insides of other repositories are not kept, and the message says which those are). Gives the full names of the refs.
 * Throws when anything could not be saved; then there is no ref.
 */
export async function saveRescue(
  git: Git,
  { root, path, slug, branch, nowMs, prefix: given, purpose = "rescue", scope }: SaveRescueOptions,
): Promise<string[]> {
  const env = ceilingAt(path);
  const head = (await git.run(path, ["rev-parse", "--quiet", "--verify", "HEAD^{commit}"], { env, allow: [1] })).trim() || null;
  const skipped = await readSkipped(git, path);
  return withTemporaryIndex(path, async (indexEnv) => {
    const parents = head === null ? [] : [head];
    const prefix = given ?? (await freePrefix(git, { root, slug, nowMs }));
    const about = { prefix, path, branch, skipped, purpose };
    const refs: [string, string][] = head === null ? [] : [[`${prefix}/head`, head]];
    const staged = await writeStagedTree(git, path, indexEnv);
    if (staged !== null)
      refs.push([`${prefix}/index`, await writeCommit(git, { path, tree: staged, parents, message: indexMessage(about), nowMs })]);
    const tree = await writeWorktreeTree(git, { path, skipped, env: indexEnv, scope });
    refs.push([`${prefix}/worktree`, await writeCommit(git, { path, tree, parents, message: worktreeMessage(about), nowMs })]);
    await createRefs(git, root, { refs, purpose });
    return refs.map(([name]) => name);
  });
}

export interface SaveBranchRescueOptions {
  root: string;
  slug: string;
  branch: string;
  nowMs: number;
}

/** Keeps a branch's commits at `refs/wt/rescue/<slug>/<time>/branch`, whose full name it gives; `git branch <name> <ref>` brings it back. */
export async function saveBranchRescue(git: Git, { root, slug, branch, nowMs }: SaveBranchRescueOptions): Promise<string> {
  const commit = (await git.run(root, ["rev-parse", "--verify", `refs/heads/${branch}^{commit}`])).trim();
  const ref = `${await freePrefix(git, { root, slug, nowMs })}/branch`;
  await createRefs(git, root, { refs: [[ref, commit]], purpose: "rescue" });
  return ref;
}

/** No hook of the repository can refuse a rescue (with a temporary index none runs anyway), and no line-ending rule a file. */
const quiet = ["-c", "core.hooksPath=/dev/null", "-c", "core.safecrlf=false", "-c", "advice.addEmbeddedRepo=false"];

export interface Skipped {
  /** Untracked directories that are repositories of their own. */
  repositories: string[];
  /** Submodules with changes of their own. */
  submodules: string[];
}

/** What `saveRescue` cannot keep. */
export async function readSkipped(git: Git, path: string): Promise<Skipped> {
  const args = ["status", "--porcelain=v2", "-z", "--untracked-files=all", "--ignore-submodules=none"];
  const { entries } = parseStatus(await git.run(path, args, { env: ceilingAt(path) }));
  return {
    // With every untracked file named, a directory is named only where git does not look inside.
    repositories: entries.filter((entry) => entry.kind === "untracked" && entry.path.endsWith("/")).map((entry) => entry.path),
    submodules: entries.filter((entry) => /^S.(M.|.U)$/.test(entry.submodule)).map((entry) => entry.path),
  };
}

/** null while files are in conflict: then there is no tree to be made of the index. */
async function writeStagedTree(git: Git, path: string, env: Record<string, string>): Promise<string | null> {
  const unmerged = await git.run(path, ["ls-files", "--unmerged", "-z"], { env });
  return unmerged === "" ? (await git.run(path, ["write-tree"], { env })).trim() : null;
}

/** In the index of `env`, which is then like the files. */
export async function writeWorktreeTree(
  git: Git,
  { path, skipped, env, scope }: { path: string; skipped: Skipped; env: Record<string, string>; scope?: FileScope | undefined },
): Promise<string> {
  const unwatched = await readUnwatchedFiles(git, path);
  if (unwatched.length > 0) await watchFiles(git, { path, files: unwatched, env });
  const left = [...skipped.repositories, ...(scope?.except ?? [])];
  const pathspecs = [".", ...left.map((name) => `:(exclude,top,literal)${name.replace(/\/$/, "")}`)];
  const sparse = [...((await isSparse(path)) ? ["--sparse"] : []), ...(scope?.ignored ? ["--force"] : [])];
  const stdin = pathspecs.map((it) => `${it}\0`).join("");
  await git.run(path, [...quiet, "add", "--all", ...sparse, "--pathspec-from-file=-", "--pathspec-file-nul"], { env, stdin });
  return (await git.run(path, ["write-tree"], { env })).trim();
}

async function isSparse(path: string): Promise<boolean> {
  const gitDirectory = await readGitDirectory(path);
  return gitDirectory !== null && existsSync(join(gitDirectory, "info/sparse-checkout"));
}

interface CommitParts {
  path: string;
  tree: string;
  parents: string[];
  message: string;
  nowMs: number;
}

async function writeCommit(git: Git, { path, tree, parents, message, nowMs }: CommitParts): Promise<string> {
  const date = `${Math.floor(nowMs / 1_000)} +0000`;
  const env = {
    ...ceilingAt(path),
    GIT_AUTHOR_NAME: "worldtree",
    GIT_AUTHOR_EMAIL: "worldtree@localhost",
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: "worldtree",
    GIT_COMMITTER_EMAIL: "worldtree@localhost",
    GIT_COMMITTER_DATE: date,
  };
  const args = ["commit-tree", "--no-gpg-sign", tree, ...parents.flatMap((parent) => ["-p", parent]), "-F", "-"];
  return (await git.run(path, args, { env, stdin: message })).trim();
}

/** Names are free when no ref is below them; two rescues in one millisecond get neighbouring times. */
async function freePrefix(git: Git, { root, slug, nowMs }: { root: string; slug: string; nowMs: number }): Promise<string> {
  for (let timeMs = nowMs; ; timeMs++) {
    const prefix = `refs/wt/rescue/${slug}/${basicTime(timeMs)}`;
    if ((await git.run(root, ["for-each-ref", "--count=1", "--format=%(refname)", prefix])).trim() === "") return prefix;
  }
}

/** ISO 8601 without separators: `20260102T030405.006Z`. */
function basicTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]/g, "");
}

/** All or none. */
async function createRefs(git: Git, root: string, { refs, purpose }: { refs: [string, string][]; purpose: string }): Promise<void> {
  const stdin = refs.map(([name, commit]) => `create ${name} ${commit}\n`).join("");
  await git.run(root, [...quiet, "update-ref", "--stdin", "-m", `wt: ${purpose}`], { stdin });
}

interface About {
  prefix: string;
  path: string;
  branch: string | null;
  skipped: Skipped;
  purpose: "rescue" | "checkpoint";
}

const titles = { rescue: "Rescue", checkpoint: "Checkpoint" };

function indexMessage({ path, branch, prefix, purpose }: About): string {
  return `${titles[purpose]}: what was staged in ${path}\n\nBranch: ${branch ?? "(detached HEAD)"}\nTo look at it: git diff ${prefix}/head ${prefix}/index\n`;
}

function worktreeMessage({ path, branch, prefix, skipped, purpose }: About): string {
  const lines = [
    `${titles[purpose]}: changed and untracked files of ${path}`,
    "",
    `Branch: ${branch ?? "(detached HEAD)"}`,
    "",
    "To get everything back in a worktree of its own:",
    `  git worktree add --detach <directory> ${prefix}/worktree`,
    "or the files into the current one:",
    `  git restore --source=${prefix}/worktree --worktree -- .`,
  ];
  if (skipped.repositories.length > 0)
    lines.push("", "Not kept, because they are repositories of their own:", ...skipped.repositories.map((it) => `  ${it}`));
  if (skipped.submodules.length > 0)
    lines.push("", "Submodules whose own changes are not kept:", ...skipped.submodules.map((it) => `  ${it}`));
  return `${lines.join("\n")}\n`;
}
