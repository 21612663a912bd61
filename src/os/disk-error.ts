// A full or read-only disk shows itself in many ways; the user gets one sentence.
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { WtError } from "../errors/wt-error.ts";

/** The same error, or the sentence about the disk when that was the cause. */
export function diskError(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? "";
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof WtError && !error.code.endsWith("_copy_failed")) return error;
  if (code === "ENOSPC" || code === "EDQUOT" || /No space left on device|Disk quota exceeded/.test(text))
    return diskFull(path, null, error);
  if (code === "EROFS" || code === "EACCES" || /Read-only file system/.test(text)) {
    const message = `The database cannot be made: ${dirname(path)} cannot be written.`;
    return new WtError({ kind: "machine", code: "directory_read_only", message, hints: ["Run `wt doctor`."], cause: error });
  }
  return error;
}

/** Below this nothing new is made: a full disk would take the other databases down too. */
export const spaceFloorBytes = 256 * 1024 * 1024;

/** Throws `WtError` (`disk_full`) when making this would leave too little. */
export function checkFreeSpace(directory: string, neededBytes: number): void {
  const { bavail, bsize } = statfsSync(directory);
  if (bavail * bsize < neededBytes + spaceFloorBytes) throw diskFull(directory, { freeBytes: bavail * bsize, neededBytes }, undefined);
}

function diskFull(path: string, room: { freeBytes: number; neededBytes: number } | null, cause: unknown): WtError {
  const mebi = (bytes: number) => `${Math.ceil(bytes / (1024 * 1024))} MB`;
  const why = room ? ` has ${mebi(room.freeBytes)} free, and ${mebi(room.neededBytes + spaceFloorBytes)} are needed` : " is full";
  return new WtError({
    kind: "machine",
    code: "disk_full",
    message: `The database cannot be made: the disk of ${path}${why}.`,
    hints: ["Free some space (`wt delete` of branches that are done), then run `wt up`."],
    cause,
  });
}
