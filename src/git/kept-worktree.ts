// A deleted worktree that can come back: its directory and its registration lie side by side in a place of their own, untouched, so that files, index,
// conflicts and a rebase in progress are what they were. Refs hold the commits and the staged contents meanwhile, for git would collect them.
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rmdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { entryAt, removeTree } from "../os/files.ts";
import type { Git } from "./git.ts";
import { readCommonDirectory, readGitDirectory } from "./repository.ts";
import { saveRescue } from "./rescue.ts";
import { ceilingAt } from "./status.ts";
import { pathExists, worktreeLocked, worktreeUnproven } from "./worktree-errors.ts";
import { canonicalPath, readBond } from "./worktree-registration.ts";
import { refuseMain, refuseWorktreesInside } from "./worktrees.ts";

/** Below it are all refs of one kept worktree. */
export function keptRefs(id: string): string {
  return `refs/wt/deleted/${id}`;
}

export interface KeptPlace {
  root: string;
  /** Where the worktree was, and will be. */
  path: string;
  /** Directory that holds what is kept: `worktree` and `registration`. */
  keep: string;
}

/** Where the kept directory lies; null when it lies nowhere. On another file system than the repository it stays beside its old place. */
export function keptDirectoryOf({ path, keep }: Pick<KeptPlace, "path" | "keep">): string | null {
  return [join(keep, "worktree"), besidePlace(path, keep)].find((place) => entryAt(place) !== null) ?? null;
}

function besidePlace(path: string, keep: string): string {
  return join(dirname(path), `.${basename(path).slice(0, 180)}.wt-kept-${basename(keep)}`);
}

/**
 * Takes directory and registration away, by a rename each. Idempotent, after a crash in the middle too. Does not look for changes: see `assessLoss`.
 * Throws as `removeWorktree` does.
 */
export async function keepWorktree(git: Git, { root, path, keep }: KeptPlace): Promise<void> {
  const place = canonicalPath(path);
  const gitCommonDir = await readCommonDirectory(git, root);
  await refuseMain(place, gitCommonDir);
  const bond = await readBond(gitCommonDir, place);
  const { registration } = bond;
  // A directory that somebody made at the old place meanwhile is not looked at: the worktree is away already.
  if (bond.kind === "unproven" && keptDirectoryOf({ path: place, keep }) === null) throw worktreeUnproven(place, bond.because);
  if (registration && registration.lockReason !== null) throw worktreeLocked(place, registration.lockReason);
  await mkdir(keep, { recursive: true });
  if (bond.kind === "bound") {
    await refuseWorktreesInside(gitCommonDir, place);
    await moveDirectory(place, [join(keep, "worktree"), besidePlace(place, keep)]);
  }
  if (!registration) return;
  await rename(registration.directory, join(keep, "registration"));
  await rmdir(dirname(registration.directory)).catch(() => undefined);
}

/** To the first of the places that is on the same file system. */
async function moveDirectory(from: string, [first, beside]: [string, string]): Promise<void> {
  try {
    await rename(from, first);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
    await rename(from, beside);
  }
}

/** The opposite. Idempotent. Throws `refused` (`path_exists`) when something else is at the old place by now. */
export async function returnWorktree(git: Git, { root, path, keep }: KeptPlace): Promise<void> {
  const gitCommonDir = await readCommonDirectory(git, root);
  const place = canonicalPath(path);
  const kept = keptDirectoryOf({ path: place, keep });
  if (kept !== null && entryAt(place) && !(await rmdir(place).then(Boolean, () => false)) && entryAt(place)) {
    throw pathExists(place, "something is there");
  }
  const registration = join(keep, "registration");
  const wanted = await registeredId(kept ?? place);
  // Before anything moves: without it the directory would be no worktree.
  if (!existsSync(registration) && !(wanted && existsSync(join(gitCommonDir, "worktrees", wanted)))) {
    throw worktreeUnproven(place, "what git knew of it was not kept");
  }
  if (existsSync(registration)) {
    const id = freeId(gitCommonDir, wanted ?? basename(place));
    await mkdir(join(gitCommonDir, "worktrees"), { recursive: true });
    if (id !== wanted) await writeFile(join(kept ?? place, ".git"), `gitdir: ${join(gitCommonDir, "worktrees", id)}\n`);
    await rename(registration, join(gitCommonDir, "worktrees", id));
  }
  if (kept !== null) {
    await mkdir(dirname(place), { recursive: true });
    await rename(kept, place);
  }
  const directory = await readGitDirectory(place);
  if (directory !== null) await writeFile(join(directory, "gitdir"), `${join(place, ".git")}\n`);
  const bond = await readBond(gitCommonDir, place);
  if (bond.kind !== "bound") throw worktreeUnproven(place, bond.kind === "unproven" ? bond.because : "it is gone");
  await removeTree(keep);
  await removeEmptyParents(keep);
}

/** `wt/deleted` and `wt` of the repository, as long as nothing else is in them. */
export async function removeEmptyParents(keep: string): Promise<void> {
  for (const directory of [dirname(keep), dirname(dirname(keep))]) await rmdir(directory).catch(() => undefined);
}

/** The name its `.git` file gives the registration, which need not be there. */
async function registeredId(worktree: string): Promise<string | null> {
  const text = await readFile(join(worktree, ".git"), "utf8").catch(() => "");
  const target = /^gitdir: (.+?)\n*$/s.exec(text)?.[1];
  return target ? basename(resolve(worktree, target)) : null;
}

function freeId(gitCommonDir: string, wanted: string): string {
  for (let number = 0; ; number++) {
    const id = number === 0 ? wanted : `${wanted}${number}`;
    if (!existsSync(join(gitCommonDir, "worktrees", id))) return id;
  }
}

/** Commits that git names in files of a worktree's own, and nothing else may hold. */
const stateFiles = [
  "MERGE_HEAD",
  "CHERRY_PICK_HEAD",
  "REVERT_HEAD",
  "REBASE_HEAD",
  "ORIG_HEAD",
  "rebase-merge/orig-head",
  "rebase-merge/onto",
];
const stashFiles = ["rebase-merge/autostash", "rebase-apply/autostash", "MERGE_AUTOSTASH"];

export interface KeepRefsOptions {
  root: string;
  path: string;
  id: string;
  slug: string;
  branch: string | null;
  /** There is more than commits to keep. */
  dirty: boolean;
  nowMs: number;
}

/**
 * Holds what a worktree has under `refs/wt/deleted/<id>/`: `head`, `branch`, the commits of what is in progress, and with `dirty` what is staged and
 * what its files are. Idempotent. Gives the commit of the branch.
 */
export async function keepRefs(git: Git, options: KeepRefsOptions): Promise<string | null> {
  const { root, path, id, branch, dirty } = options;
  const prefix = keptRefs(id);
  const gitDirectory = (await readGitDirectory(path)) ?? "";
  const named: [string, string][] = [
    ["head", "HEAD"],
    ...(branch === null ? [] : [["branch", `refs/heads/${branch}`] as [string, string]]),
  ];
  const texts = await Promise.all(
    [...stateFiles, ...stashFiles].map(async (name) => [`state/${name}`, await readId(join(gitDirectory, name))] as const),
  );
  for (const [name, commit] of texts) if (commit !== null) named.push([name, commit]);
  const stdin = named.map(([, revision]) => `${revision}^{commit}\n`).join("");
  const found = (await git.run(path, ["cat-file", "--batch-check=%(objectname)"], { stdin, env: ceilingAt(path) })).split("\n");
  const refs = named.flatMap(([name], index): [string, string][] => {
    const commit = found[index] ?? "";
    return /^[0-9a-f]{40,64}$/.test(commit) ? [[`${prefix}/${name}`, commit]] : [];
  });
  await dropRefs(git, root, prefix);
  await git.run(root, ["update-ref", "--stdin", "-m", "wt: delete"], {
    stdin: refs.map(([name, commit]) => `update ${name} ${commit}\n`).join(""),
  });
  if (dirty) await saveRescue(git, { ...options, prefix: `${prefix}/work` });
  return refs.find(([name]) => name === `${prefix}/branch`)?.[1] ?? null;
}

async function readId(file: string): Promise<string | null> {
  const text = await readFile(file, "utf8").catch(() => "");
  return /^[0-9a-f]{40,64}/.exec(text)?.[0] ?? null;
}

/** The commit of the branch that is kept; null without one. */
export async function readKeptBranch(git: Git, root: string, id: string): Promise<string | null> {
  return (await git.run(root, ["rev-parse", "--verify", "--quiet", `${keptRefs(id)}/branch`], { allow: [1] })).trim() || null;
}

/** Idempotent. */
export async function dropRefs(git: Git, root: string, prefix: string): Promise<void> {
  const names = (await git.run(root, ["for-each-ref", "--format=%(refname)", `${prefix}/`])).split("\n").filter(Boolean);
  if (names.length === 0) return;
  await git.run(root, ["update-ref", "--no-deref", "--stdin"], { stdin: names.map((name) => `delete ${name}\n`).join("") });
}

/** Directories (with a trailing `/`) and files of a kept worktree that git ignores, relative; the insides of ignored directories are not named. */
export async function readKeptIgnored(git: Git, { root, path, keep }: KeptPlace): Promise<string[]> {
  const place = keptDirectoryOf({ path, keep });
  if (place === null) return [];
  const env = {
    GIT_DIR: join(keep, "registration"),
    GIT_COMMON_DIR: await readCommonDirectory(git, root),
    GIT_WORK_TREE: place,
  };
  const args = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"];
  return (await git.run(place, args, { env })).split("\0").filter(Boolean);
}
