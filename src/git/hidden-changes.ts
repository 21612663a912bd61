// Changes that `git status` does not show: to files marked "assume unchanged" or "skip worktree", and commits that only a submodule holds.
import { existsSync } from "node:fs";
import { copyFile, mkdtemp, readdir, rm, stat, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Git } from "./git.ts";
import { readGitDirectory } from "./repository.ts";
import { ceilingAt, parseStatus } from "./status.ts";

/** Runs `work` with a copy of the worktree's index, as variables for git; the real one is neither changed nor locked. */
export async function withTemporaryIndex<T>(path: string, work: (env: Record<string, string>) => Promise<T>): Promise<T> {
  const gitDirectory = await readGitDirectory(path);
  const folder = await makeFolder(gitDirectory);
  try {
    const index = join(folder, "index");
    const real = gitDirectory ? join(gitDirectory, "index") : "";
    if (real && existsSync(real)) await copyIndex(real, index);
    return await work({ ...ceilingAt(path), ...temporaryIndex(index) });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const prefix = "wt-index-";
/** No work on a copy takes as long. */
const abandonedAfterMs = 3600_000;

/** Beside the real index, so that what a crash leaves goes with the worktree, or with the next copy; elsewhere where git's directory takes no files. */
async function makeFolder(gitDirectory: string | null): Promise<string> {
  if (gitDirectory === null) return mkdtemp(join(tmpdir(), prefix));
  for (const name of await readdir(gitDirectory).catch(() => [])) {
    if (name.startsWith(prefix)) await removeAbandoned(join(gitDirectory, name));
  }
  return mkdtemp(join(gitDirectory, prefix)).catch(() => mkdtemp(join(tmpdir(), prefix)));
}

async function removeAbandoned(path: string): Promise<void> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
  if (Date.now() - mtimeMs > abandonedAfterMs) await rm(path, { recursive: true, force: true }).catch(() => undefined);
}

/**
 * As old as the original, a little older rather: what was written in the same instant as the index git looks at again, and by a younger copy it would
 * take such a file for unchanged.
 */
async function copyIndex(from: string, to: string): Promise<void> {
  const { atime, mtimeMs } = await stat(from);
  await copyFile(from, to);
  await utimes(to, atime, (mtimeMs - 10) / 1000);
}

/** Variables for git: another index file, and no hook that hears of it. */
export function temporaryIndex(file: string): Record<string, string> {
  return { GIT_INDEX_FILE: file, GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "core.hooksPath", GIT_CONFIG_VALUE_0: "/dev/null" };
}

/** Files that are there though git was told not to look at them. */
export async function readUnwatchedFiles(git: Git, path: string): Promise<string[]> {
  const output = await git.run(path, ["ls-files", "-v", "-z"], { env: ceilingAt(path) });
  const marked = output.split("\0").filter((record) => /^[a-zS] /.test(record));
  return marked.map((record) => record.slice(2)).filter((name) => existsSync(join(path, name)));
}

/** In the index of `env`, has git look at `files` again. */
export async function watchFiles(
  git: Git,
  { path, files, env }: { path: string; files: string[]; env: Record<string, string> },
): Promise<void> {
  const stdin = files.map((file) => `${file}\0`).join("");
  for (const mark of ["--no-assume-unchanged", "--no-skip-worktree"]) {
    await git.run(path, ["update-index", mark, "-z", "--stdin"], { stdin, env });
  }
}

/** How many of the files git does not look at differ from the index. */
export async function readUnwatchedChanges(git: Git, path: string): Promise<number> {
  const files = await readUnwatchedFiles(git, path);
  if (files.length === 0) return 0;
  return withTemporaryIndex(path, async (env) => {
    await watchFiles(git, { path, files, env });
    const output = await git.run(path, ["status", "--porcelain=v2", "-z", "--untracked-files=no"], { env });
    const unwatched = new Set(files);
    return parseStatus(output).entries.filter((entry) => unwatched.has(entry.path)).length;
  });
}

/**
 * Whether a submodule of the worktree, at any depth, has changes or commits that are on none of its remotes: its repository lies in the worktree's
 * own git directory and goes with it.
 */
export async function hasSubmoduleWork(git: Git, path: string): Promise<boolean> {
  if (!existsSync(join(path, ".gitmodules"))) return false;
  const staged = await git.run(path, ["ls-files", "--stage", "-z"], { env: ceilingAt(path) });
  const names = staged.split("\0").flatMap((record) => (record.startsWith("160000 ") ? [record.slice(record.indexOf("\t") + 1)] : []));
  for (const name of names) {
    const submodule = join(path, name);
    if (!existsSync(join(submodule, ".git"))) continue;
    const env = ceilingAt(submodule);
    const status = parseStatus(await git.run(submodule, ["status", "--porcelain=v2", "-z", "--untracked-files=normal"], { env }));
    if (status.entries.length > 0) return true;
    // `stas[h]`: a pattern may match nothing, where a plain name that is absent would be an error.
    const tips = ["HEAD", "--branches", "--glob=refs/stas[h]"];
    const loose = await git.run(submodule, ["rev-list", "--max-count=1", ...tips, "--not", "--remotes"], { env });
    if (loose.trim() || (await hasSubmoduleWork(git, submodule))) return true;
  }
  return false;
}
