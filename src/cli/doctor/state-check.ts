import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DoctorFinding } from "../../api/operations.ts";
import type { WorldPaths } from "../../os/paths.ts";

/** Writes a file and removes it again: permissions alone do not show a full or read-only disk. */
export async function observeStateDirectory({ state }: WorldPaths): Promise<DoctorFinding[]> {
  const probe = join(state, `.doctor-${process.pid}`);
  try {
    await mkdir(state, { recursive: true, mode: 0o700 });
    await writeFile(probe, "x".repeat(4096), { mode: 0o600 });
    await rm(probe);
    return [{ code: "state_directory", level: "ok", message: `${state} can be written.`, fix: null }];
  } catch (error) {
    await rm(probe, { force: true }).catch(() => undefined);
    return [
      {
        code: "state_not_writable",
        level: "error",
        message: `${state} cannot be written: ${error instanceof Error ? error.message : String(error)}.`,
        fix: "Make it writable, free disk space, or choose another with XDG_STATE_HOME.",
      },
    ];
  }
}
