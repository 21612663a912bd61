import type { DoctorFinding } from "../../api/operations.ts";
import { worldPaths } from "../../os/paths.ts";
import { observeGit } from "./git-check.ts";
import { observeResolution } from "./resolution-check.ts";
import { observeShell } from "./shell-check.ts";
import { observeStateDirectory } from "./state-check.ts";

/** What only the caller's side can see: its PATH, its shell, its resolver. */
export async function observeMachine(env: Record<string, string>, options: { full: boolean }): Promise<DoctorFinding[]> {
  const findings = await Promise.all([
    observeGit(env),
    observeStateDirectory(worldPaths(env)),
    observeShell(env),
    observeResolution(env, options),
  ]);
  return findings.flat();
}
