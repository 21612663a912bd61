// What is left of a worktree whose `.git` is gone: somebody removed it while a program in it still wrote files.
import { existsSync } from "node:fs";
import { readdir, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { entryAt, moveToTrash } from "../os/files.ts";
import type { Git } from "./git.ts";
import { directoryUnusable, worktreeInside } from "./worktree-errors.ts";
import { canonicalPath, discardDirectory, readRegistrations } from "./worktree-registration.ts";

/** A linked worktree is there while its `.git` is. One that may not be looked at counts as there. */
export function isWorktreeThere(path: string): boolean {
  try {
    return entryAt(join(path, ".git")) !== null;
  } catch {
    return true;
  }
}

const filesNamed = 20;

/** Up to 20 files (relative) in the directory of a worktree that is gone, without those the main worktree's rules ignore; none when it is there. */
export async function readRemains(git: Git, { root, path }: { root: string; path: string }): Promise<string[]> {
  if (isWorktreeThere(path) || !entryAt(path)?.isDirectory()) return [];
  const files: string[] = [];
  let level = [""];
  while (level.length > 0 && files.length < filesNamed) {
    const below = await Promise.all(level.map((directory) => readNames(path, directory)));
    const names = below.flat();
    const ignored = await readIgnored(git, root, names);
    const counting = names.filter((name) => !ignored.has(name));
    files.push(...counting.filter((name) => !name.endsWith("/")));
    level = counting.filter((name) => name.endsWith("/"));
  }
  return files.slice(0, filesNamed);
}

/**
 * Takes the directory of a worktree that is gone out of the way by one rename: to `kept` when files in it count, else to `trash`. Gives the place
 * where files are kept. Idempotent; does nothing where the worktree is there. Throws `refused` (`worktree_inside`).
 */
export async function moveRemains(
  git: Git,
  { root, path, gitCommonDir, trash, kept }: { root: string; path: string; gitCommonDir: string; trash: string; kept: string },
): Promise<string | null> {
  const place = canonicalPath(path);
  if (isWorktreeThere(place) || !entryAt(place)?.isDirectory() || gitCommonDir.startsWith(`${place}/`)) return null;
  const inside = (await readRegistrations(gitCommonDir)).find((it) => it.path?.startsWith(`${place}/`) && existsSync(it.path));
  if (inside?.path) throw worktreeInside(place, inside.path);
  if ((await readRemains(git, { root, path: place })).length === 0) {
    await discardDirectory(place, trash);
    return null;
  }
  try {
    return (await moveToTrash(place, kept)) ?? (await moveBeside(place));
  } catch (error) {
    throw directoryUnusable(dirname(place), error);
  }
}

/** Where the repository is on another file system. */
async function moveBeside(place: string): Promise<string> {
  const beside = join(dirname(place), `${basename(place).slice(0, 200)}.kept.${crypto.randomUUID().slice(0, 8)}`);
  await rename(place, beside);
  return beside;
}

/** Directories end with `/`. */
async function readNames(root: string, directory: string): Promise<string[]> {
  const entries = await readdir(join(root, directory), { withFileTypes: true });
  return entries.map((entry) => `${directory}${entry.name}${entry.isDirectory() ? "/" : ""}`);
}

async function readIgnored(git: Git, root: string, names: string[]): Promise<Set<string>> {
  if (names.length === 0) return new Set();
  // 128: a bare repository has no rules for a directory that is none of its worktrees.
  const output = await git.run(root, ["check-ignore", "--no-index", "-z", "--stdin"], { stdin: names.join("\0"), allow: [1, 128] });
  return new Set(output.split("\0"));
}
