// Deleted worktrees are renamed into the repository's own git directory (same file system, instant) and removed in the background.
import { readdir, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ProjectRecord } from "../environment/ledger.ts";
import { exec } from "../os/exec.ts";
import { entryAt } from "../os/files.ts";
import type { World } from "./world.ts";

export function trashDirectory(project: ProjectRecord): string {
  return join(project.gitCommonDir, "wt", "trash");
}

/** Takes what is not ours to remove and stands in the way. */
export function keptDirectory(project: ProjectRecord): string {
  return join(project.gitCommonDir, "wt", "kept");
}

/** After the last worktree: the directory that was made for all of them, not one that wt.yaml names. */
export async function removeEmptyParent(project: ProjectRecord, worktree: string): Promise<void> {
  const parent = dirname(worktree);
  if (basename(parent) === `${basename(project.root.replace(/\.git$/, ""))}.worktrees`) await removeEmpty(parent);
}

/** Idempotent; also run at daemon start for what a crash left. Errors go to the daemon's log: the next run tries again. */
export async function emptyTrash(world: World, project: ProjectRecord): Promise<void> {
  await world.locks
    .run(`trash:${project.gitCommonDir}`, async () => {
      const directory = trashDirectory(project);
      const names = await readdir(directory).catch(() => []);
      const targets = names.map((name) => join(directory, name));
      if (names.length > 0) await removeAll(world, project, targets);
      if (await removeEmpty(directory)) await removeEmpty(dirname(directory));
    })
    .catch(world.report);
}

async function removeAll(world: World, project: ProjectRecord, targets: string[]): Promise<void> {
  const result = await exec(["nice", "-n", "19", "rm", "-rf", "--", ...targets], { cwd: project.gitCommonDir, env: world.env });
  if (result.code === 0) return;
  if (/Permission denied|Operation not permitted/.test(result.stderr)) await removeWithEngine(world, project);
  const left = targets.filter((path) => entryAt(path) !== null);
  if (left.length > 0) world.report(new Error(`could not empty ${trashDirectory(project)}: ${result.stderr.trim()}`));
}

/** Containers write as root into a worktree whose user is not; without an engine there is nobody else to ask. */
async function removeWithEngine(world: World, project: ProjectRecord): Promise<void> {
  const directory = trashDirectory(project);
  const names = await readdir(directory).catch(() => []);
  await world.stack.removeFiles({ directory, names }, AbortSignal.timeout(removalMs)).catch(() => undefined);
}

/** A large tree on a slow disk takes its time; nobody waits for it. */
export const removalMs = 30 * 60_000;

async function removeEmpty(directory: string): Promise<boolean> {
  return rmdir(directory).then(
    () => true,
    () => false,
  );
}
