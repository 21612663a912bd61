// `copy:` and `clone:`: what git does not bring into a new worktree.
import { constants, existsSync, lstatSync } from "node:fs";
import { copyFile, cp, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";

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
      if (name.split("/").includes(".git") || existsSync(target)) continue;
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
    if (!existsSync(source) || !lstatSync(source).isDirectory() || existsSync(target)) continue;
    await mkdir(dirname(target), { recursive: true });
    await cp(source, target, { recursive: true, mode: constants.COPYFILE_FICLONE, verbatimSymlinks: true, preserveTimestamps: true });
  }
}
