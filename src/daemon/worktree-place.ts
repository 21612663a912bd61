// Where the worktree of a new environment is made.
import { existsSync, readdirSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import type { Config } from "../config/config.ts";
import type { ProjectRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";

export function worktreesDirectory(project: ProjectRecord, config: Config): string {
  if (config.worktrees === null) return `${project.root.replace(/\.git$/, "")}.worktrees`;
  return isAbsolute(config.worktrees) ? config.worktrees : resolve(project.root, config.worktrees);
}

export function refuseOccupiedPath(path: string): void {
  if (!existsSync(path)) return;
  let empty = false;
  try {
    empty = readdirSync(path).length === 0;
  } catch {
    throw occupied(path, "exists and is not a directory");
  }
  if (!empty) throw occupied(path, "exists and is not empty");
}

export function occupied(path: string, how: string): WtError {
  return new WtError({
    kind: "refused",
    code: "path_exists",
    message: `The worktree's path ${path} ${how}.`,
    hints: [`Move it away, or choose another place with worktrees: in wt.yaml (now ${dirname(path)}).`],
    details: { path },
  });
}
