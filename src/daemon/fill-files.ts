// `copy:` and `clone:`: what git does not bring into a new worktree.
import { constants, existsSync, lstatSync, realpathSync } from "node:fs";
import { copyFile, cp, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { WtError } from "../errors/wt-error.ts";

interface Fill {
  /** The main worktree. */
  from: string;
  to: string;
  abort: AbortSignal;
}

/** Copies files that match, with their modes; what exists in the new worktree (tracked files above all) is left alone. */
export async function copyFiles(fill: Fill & { patterns: string[] }): Promise<void> {
  for (const pattern of fill.patterns) {
    for await (const name of new Bun.Glob(pattern).scan({ cwd: fill.from, dot: true, onlyFiles: true })) {
      fill.abort.throwIfAborted();
      const target = join(fill.to, name);
      if (name.split("/").includes(".git") || isThere(target)) continue;
      refuseLeaving(fill.to, name, "copy");
      await mkdir(dirname(target), { recursive: true });
      await copyFile(join(fill.from, name), target, constants.COPYFILE_FICLONE);
    }
  }
}

/** Copies whole directories, sharing blocks where the file system can; a directory that exists already is left alone. */
export async function cloneDirectories(fill: Fill & { directories: string[] }): Promise<void> {
  for (const name of fill.directories) {
    fill.abort.throwIfAborted();
    const source = join(fill.from, name);
    const target = join(fill.to, name);
    if (!existsSync(source) || !lstatSync(source).isDirectory() || isThere(target)) continue;
    refuseLeaving(fill.to, name, "clone");
    await mkdir(dirname(target), { recursive: true });
    await cp(source, target, { recursive: true, mode: constants.COPYFILE_FICLONE, verbatimSymlinks: true, preserveTimestamps: true });
  }
}

/** A symbolic link that leads nowhere is there too: writing through it would make what it leads to. So is a file where a directory is to be. */
function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}

/** Nobody has approved what is in a branch, so a symbolic link of it must not make us write elsewhere. */
function refuseLeaving(worktree: string, name: string, key: string): void {
  const root = realpathSync(worktree);
  let ancestor = dirname(join(root, name));
  while (!isThere(ancestor)) ancestor = dirname(ancestor);
  const place = existsSync(ancestor) ? realpathSync(ancestor) : null;
  if (place === root || place?.startsWith(`${root}/`)) return;
  throw new WtError({
    kind: "refused",
    code: "path_leaves_worktree",
    message: `${name}, which ${key}: in wt.yaml names, would be written outside of the worktree: ${ancestor.slice(root.length + 1)} is a symbolic link that leads out of it.`,
    hints: [`Take it out of ${key}:, or replace the link by a directory.`],
    details: { path: name },
  });
}
