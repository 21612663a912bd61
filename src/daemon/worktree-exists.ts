import { existsSync } from "node:fs";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { isWorktreeThere } from "../git/worktree-remains.ts";

/** Programs that still run may make the directory of a deleted worktree anew; without its `.git` it is missing all the same. */
export function worktreeExists(environment: EnvironmentRecord): boolean {
  // The main worktree's `.git` may be anywhere (`core.worktree`).
  return environment.main ? existsSync(environment.path) : isWorktreeThere(environment.path);
}
