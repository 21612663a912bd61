import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  branchAmbiguous,
  branchNameConflict,
  branchNameInvalid,
  defaultBranchUnknown,
  fromUnknown,
  fromWithExistingBranch,
  noCommits,
} from "./branch-errors.ts";
import { branchNameProblem } from "./branch-name.ts";
import { retryConfigLock } from "./config-lock.ts";
import { type Git, gitStderr } from "./git.ts";
import { findDefaultBranch, readCommonDirectory } from "./repository.ts";
import { branchCheckedOut } from "./worktree-errors.ts";
import { readRegistrations } from "./worktree-registration.ts";

/** `branch` is the local branch that the worktree will have: for `origin/foo` it is `foo`. Commits are full ids. */
export type BranchPlan =
  /** It exists. */
  | { kind: "local"; branch: string; commit: string }
  /** It is made from, and tracks, a remote-tracking branch; `ref` is `refs/remotes/origin/foo`. */
  | { kind: "remote"; branch: string; remote: string; ref: string; commit: string }
  /** It is made at `commit`, which is what `from` meant. */
  | { kind: "new"; branch: string; from: string; commit: string };

export interface PlanBranchOptions {
  root: string;
  branch: string;
  from: string | null;
}

/**
 * What `wt create <branch>` means here: a local branch is checked out, else a remote one tracked, else a new one starts from `from` or the default branch.
 * Changes nothing. Throws `refused`: `branch_name_invalid`, `branch_checked_out`, `from_unknown`, `from_with_existing_branch`, `no_commits`,
 * `branch_name_conflict` (with a longer, shorter or differently cased name), `branch_ambiguous` (on several remotes), `default_branch_unknown`.
 */
export async function planBranch(git: Git, { root, branch: asked, from }: PlanBranchOptions): Promise<BranchPlan> {
  const problem = branchNameProblem(asked);
  if (problem) throw branchNameInvalid(asked, problem);
  const [settings] = await Promise.all([readSettings(git, root), checkName(git, root, asked)]);
  // Most often the branch is new: its base is looked up meanwhile.
  const base = from === null ? findDefaultBranch(git, root, settings.defaultBranch) : null;
  base?.catch(() => undefined);
  let found = await readRefs(git, { root, branch: asked, remotes: settings.remotes, from });
  let branch = asked;
  const named = found.local ? undefined : settings.remotes.find((remote) => asked.startsWith(`${remote}/`) && found.asRemote.has(remote));
  if (named !== undefined) {
    branch = asked.slice(named.length + 1);
    const shortProblem = branchNameProblem(branch);
    if (shortProblem) throw branchNameInvalid(branch, shortProblem);
    found = await readRefs(git, { root, branch, remotes: [named], from });
  }
  if (from !== null && (found.local || found.remotes.size > 0)) throw fromWithExistingBranch(branch, from);
  if (found.local) {
    if (found.local.worktree) throw branchCheckedOut(branch, found.local.worktree);
    return { kind: "local", branch, commit: found.local.commit };
  }
  refuseConflicts(branch, found, settings.ignoreCase);
  const remote = chooseRemote(branch, [...found.remotes.keys()], settings.defaultRemote);
  if (remote !== null) {
    return { kind: "remote", branch, remote, ref: `refs/remotes/${remote}/${branch}`, commit: found.remotes.get(remote) ?? "" };
  }
  return planNewBranch(git, { root, branch, from, fromCommit: found.from, base });
}

export interface DeleteBranchOptions {
  root: string;
  branch: string;
  expectedCommit: string;
}

/**
 * Deletes the branch only if it still points at `expectedCommit` (`raced`) and no worktree has it, works on it in a rebase or bisects it
 * (`checked_out`), and its section of the configuration with it. Idempotent. Does not look whether it is merged: see `assessLoss`.
 */
export async function deleteBranch(
  git: Git,
  { root, branch, expectedCommit }: DeleteBranchOptions,
): Promise<"deleted" | "checked_out" | "raced" | "absent"> {
  const ref = `refs/heads/${branch}`;
  const before = await readLocalBranch(git, root, branch);
  if (before) {
    if (before.commit !== expectedCommit) return "raced";
    const gitCommonDir = await readCommonDirectory(git, root);
    if (before.worktree || (await isInUse(gitCommonDir, ref))) return "checked_out";
    try {
      await git.run(root, ["update-ref", "--no-deref", "-d", ref, expectedCommit]);
    } catch (error) {
      const now = await readLocalBranch(git, root, branch);
      if (now?.commit === expectedCommit) throw error;
      if (now) return "raced";
    }
    if (await isCheckedOutAfterAll(git, root, branch)) {
      // A worktree took it between the look and the deletion: without its branch that worktree would look like one without commits.
      await git.run(root, ["update-ref", "--no-deref", ref, expectedCommit, "0".repeat(expectedCommit.length)]);
      return "checked_out";
    }
  }
  await removeBranchSettings(git, root, branch);
  return before ? "deleted" : "absent";
}

interface Settings {
  remotes: string[];
  ignoreCase: boolean;
  defaultBranch: string;
  defaultRemote: string | null;
}

async function readSettings(git: Git, root: string): Promise<Settings> {
  const names = "^(remote\\..*\\.(url|fetch)|core\\.ignorecase|init\\.defaultbranch|checkout\\.defaultremote)$";
  const output = await git.run(root, ["config", "-z", "--get-regexp", names], { allow: [1] });
  const remotes = new Set<string>();
  const values = new Map<string, string>();
  for (const record of output.split("\0")) {
    const [key = "", value = ""] = record.split("\n", 2);
    const remote = /^remote\.(.*)\.(?:url|fetch)$/s.exec(key)?.[1];
    if (remote) remotes.add(remote);
    else values.set(key, value);
  }
  return {
    remotes: [...remotes],
    ignoreCase: /^(true|yes|on|1)$/i.test(values.get("core.ignorecase") ?? ""),
    defaultBranch: values.get("init.defaultbranch") ?? "",
    defaultRemote: values.get("checkout.defaultremote") ?? null,
  };
}

async function checkName(git: Git, root: string, branch: string): Promise<void> {
  try {
    await git.run(root, ["check-ref-format", "--branch", branch]);
  } catch (error) {
    if (gitStderr(error) === null) throw error;
    throw branchNameInvalid(branch, "git does not allow it");
  }
}

interface LocalBranch {
  commit: string;
  /** Where it is checked out, or null. */
  worktree: string | null;
}

interface FoundRefs {
  local: LocalBranch | null;
  /** Local branches below `<branch>/`, and those that differ in case only. */
  similar: string[];
  /** Existing branches that are a leading part of the name: `a` for `a/b`. */
  parents: string[];
  /** Remotes with this branch, and its commit there. */
  remotes: Map<string, string>;
  /** Remotes for which the whole name is `<remote>/<branch>` of a branch there. */
  asRemote: Map<string, string>;
  from: string | null;
}

/** Two processes at once (three with `from`), however many names there are to look up. */
async function readRefs(
  git: Git,
  { root, branch, remotes, from }: { root: string; branch: string; remotes: string[]; from: string | null },
): Promise<FoundRefs> {
  const parts = branch.split("/");
  const parents = parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
  const names = [
    ...parents.map((parent) => `refs/heads/${parent}`),
    ...remotes.map((remote) => `refs/remotes/${remote}/${branch}`),
    `refs/remotes/${branch}`,
  ];
  const format = "--format=%(refname)%00%(objectname)%00%(worktreepath)";
  const [local, objects, start] = await Promise.all([
    git.run(root, ["for-each-ref", "--ignore-case", format, `refs/heads/${branch}`]),
    parents.length + remotes.length === 0
      ? ""
      : git.run(root, ["cat-file", "--batch-check=%(objectname)"], { stdin: `${names.join("\n")}\n` }),
    // Apart from the others, because some of what a user may write (`main@{upstream}`) ends the whole answer.
    from === null || from.startsWith("-") || from.includes("\0")
      ? ""
      : git.run(root, ["rev-parse", "--quiet", "--verify", `${from}^{commit}`], { allow: [1, 128] }),
  ]);
  const ids = objects.split("\n").map((line) => (/^[0-9a-f]{40,64}$/.test(line) ? line : null));
  const found: FoundRefs = { local: null, similar: [], parents: [], remotes: new Map(), asRemote: new Map(), from: null };
  for (const line of local.split("\n")) {
    const [name = "", commit = "", worktree = ""] = line.split("\0");
    if (name === `refs/heads/${branch}`) found.local = { commit, worktree: worktree || null };
    else if (name) found.similar.push(name.slice("refs/heads/".length));
  }
  found.parents = parents.filter((_, index) => ids[index]);
  for (const [index, remote] of remotes.entries()) {
    const commit = ids[parents.length + index];
    if (commit) found.remotes.set(remote, commit);
  }
  const asRemote = ids[parents.length + remotes.length];
  if (asRemote) for (const remote of remotes) if (branch.startsWith(`${remote}/`)) found.asRemote.set(remote, asRemote);
  // A range (`a..b`) gives several ids.
  found.from = /^[0-9a-f]{40,64}\n?$/.test(start) ? start.trim() : null;
  return found;
}

async function readLocalBranch(git: Git, root: string, branch: string): Promise<LocalBranch | null> {
  const found = await git.run(root, ["for-each-ref", "--format=%(refname)%00%(objectname)%00%(worktreepath)", `refs/heads/${branch}`]);
  for (const line of found.split("\n")) {
    const [name, commit = "", worktree = ""] = line.split("\0");
    if (name === `refs/heads/${branch}`) return { commit, worktree: worktree || null };
  }
  return null;
}

function refuseConflicts(branch: string, found: FoundRefs, ignoreCase: boolean): void {
  const parent = found.parents[0];
  if (parent !== undefined) {
    throw branchNameConflict({ branch, existing: parent }, `git cannot have the branches ${parent} and ${branch} at once`);
  }
  const child = found.similar.find((name) => name.startsWith(`${branch}/`));
  if (child !== undefined)
    throw branchNameConflict({ branch, existing: child }, `git cannot have the branches ${child} and ${branch} at once`);
  const twin = ignoreCase ? found.similar.find((name) => name.toLowerCase() === branch.toLowerCase()) : undefined;
  if (twin !== undefined) throw branchNameConflict({ branch, existing: twin }, `this file system does not tell ${twin} from ${branch}`);
}

function chooseRemote(branch: string, remotes: string[], preferred: string | null): string | null {
  if (remotes.length <= 1) return remotes[0] ?? null;
  const chosen = [preferred, "origin"].find((remote) => remote !== null && remotes.includes(remote));
  if (chosen) return chosen;
  throw branchAmbiguous(branch, remotes);
}

interface NewBranch {
  root: string;
  branch: string;
  from: string | null;
  fromCommit: string | null;
  base: ReturnType<typeof findDefaultBranch> | null;
}

async function planNewBranch(git: Git, { root, branch, from, fromCommit, base: asking }: NewBranch): Promise<BranchPlan> {
  if (from !== null) {
    if (fromCommit) return { kind: "new", branch, from, commit: fromCommit };
    if (!(await hasCommits(git, root))) throw noCommits(root);
    throw fromUnknown(branch, from);
  }
  const base = await asking;
  if (base?.commit) return { kind: "new", branch, from: base.name, commit: base.commit };
  for (const name of base ? [`refs/heads/${base.name}`, `refs/remotes/origin/${base.name}`] : []) {
    const commit = (await git.run(root, ["rev-parse", "--quiet", "--verify", `${name}^{commit}`], { allow: [1, 128] })).trim();
    if (commit) return { kind: "new", branch, from: name.replace(/^refs\/(heads|remotes)\//, ""), commit };
  }
  if (!(await hasCommits(git, root))) throw noCommits(root);
  throw defaultBranchUnknown(branch);
}

async function hasCommits(git: Git, root: string): Promise<boolean> {
  if (await git.run(root, ["rev-parse", "--quiet", "--verify", "HEAD^{commit}"], { allow: [1, 128] })) return true;
  return (await git.run(root, ["for-each-ref", "--count=1", "--format=%(refname)", "refs/heads", "refs/remotes"])).trim() !== "";
}

async function isCheckedOutAfterAll(git: Git, root: string, branch: string): Promise<boolean> {
  const output = await git.run(root, ["worktree", "list", "--porcelain"]);
  return output.split("\n").includes(`branch refs/heads/${branch}`);
}

/** A rebase or bisect has its branch in hand though HEAD is detached, and moves it when it ends. */
async function isInUse(gitCommonDir: string, ref: string): Promise<boolean> {
  const directories = [gitCommonDir, ...(await readRegistrations(gitCommonDir)).map((it) => it.directory)];
  return directories.some((directory) => {
    const read = (name: string) => (existsSync(join(directory, name)) ? readFileSync(join(directory, name), "utf8") : "");
    if (["rebase-merge/head-name", "rebase-apply/head-name"].some((name) => read(name).trim() === ref)) return true;
    if (read("rebase-merge/update-refs").split("\n").includes(ref)) return true;
    return `refs/heads/${read("BISECT_START").trim()}` === ref;
  });
}

async function removeBranchSettings(git: Git, root: string, branch: string): Promise<void> {
  try {
    await retryConfigLock(() => git.run(root, ["config", "--local", "--remove-section", `branch.${branch}`]));
  } catch (error) {
    if (!/no such section/i.test(gitStderr(error) ?? "")) throw error;
  }
}
