// Deleted worktrees are renamed into the repository's own git directory (same file system, instant) and removed in the background.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ProjectRecord } from "../environment/ledger.ts";
import { exec } from "../os/exec.ts";
import type { World } from "./world.ts";

export function trashDirectory(project: ProjectRecord): string {
  return join(project.gitCommonDir, "wt", "trash");
}

/** Idempotent; also run at daemon start for what a crash left. Errors go to the daemon's log: the next run tries again. */
export async function emptyTrash(world: World, project: ProjectRecord): Promise<void> {
  await world.locks
    .run(`trash:${project.gitCommonDir}`, async () => {
      const directory = trashDirectory(project);
      const names = await readdir(directory).catch(() => []);
      if (names.length === 0) return;
      const targets = names.map((name) => join(directory, name));
      const result = await exec(["nice", "-n", "19", "rm", "-rf", "--", ...targets], { cwd: project.gitCommonDir, env: world.env });
      if (result.code !== 0) world.report(new Error(`could not empty ${directory}: ${result.stderr.trim()}`));
    })
    .catch(world.report);
}
