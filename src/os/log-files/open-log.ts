import { closeSync, fstatSync, mkdirSync, openSync, rmdirSync, rmSync, statfsSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { lengthOf, readAt } from "./log-rotation.ts";

export interface OpenLog {
  /** Descriptor, appending. */
  file: number;
  close(): void;
  /** Removes what opening has made. */
  undo(): void;
}

/**
 * Opens the log of a service that starts, on a new line. Throws `WtError` (`machine`) when it cannot be written, and has then undone all it did.
 */
export function openLog(spec: { service: string; logPath: string }): OpenLog {
  const path = spec.logPath;
  const existed = lengthOf(path) !== null;
  let madeDirectory: string | undefined;
  let file: number | null = null;
  const undo = () => {
    if (file !== null && !existed) rmSync(path, { force: true });
    if (madeDirectory) removeEmptyDirectories(dirname(path), madeDirectory);
  };
  try {
    madeDirectory = mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    file = openSync(path, "a", 0o600);
    if (!fstatSync(file).isFile()) throw Object.assign(new Error("not a regular file"), { code: "ENOTREG" });
    // A service that can write nothing would die of it later, or run on unseen.
    if (statfsSync(dirname(path)).bavail === 0) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    const length = lengthOf(path) ?? 0;
    // The start before this one may have ended in the middle of a line.
    if (length > 0 && readAt(path, length - 1, 1)[0] !== 10) writeSync(file, "\n");
    const opened = file;
    return { file: opened, close: () => closeSync(opened), undo };
  } catch (error) {
    if (file !== null) closeSync(file);
    undo();
    throw logError(spec, error);
  }
}

function removeEmptyDirectories(deepest: string, highest: string): void {
  try {
    for (let directory = deepest; directory.length >= highest.length; directory = dirname(directory)) rmdirSync(directory);
  } catch {
    // Somebody put something there meanwhile.
  }
}

function logError(spec: { service: string; logPath: string }, cause: unknown): WtError {
  const code = codeOf(cause);
  const details = { service: spec.service, path: spec.logPath };
  if (code === "ENOSPC" || code === "EDQUOT") {
    const message = `Service ${spec.service} cannot start: no space is left on the disk of its log ${spec.logPath}.`;
    return new WtError({ kind: "machine", code: "disk_full", message, hints: ["Free some space, then run `wt up`."], details, cause });
  }
  const why: Record<string, string> = {
    EACCES: "permission denied",
    EPERM: "permission denied",
    EROFS: "the file system is read-only",
    ENOTDIR: "a part of the path is not a directory",
    EEXIST: "a part of the path is not a directory",
    EISDIR: "it is a directory",
    ENOTREG: "it is not a regular file",
  };
  const message = `Service ${spec.service} cannot start: its log ${spec.logPath} cannot be written (${why[code] ?? code}).`;
  return new WtError({
    kind: "machine",
    code: "log_unwritable",
    message,
    hints: ["Run `wt doctor` to check the state directory."],
    details,
    cause,
  });
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? String(error);
}
