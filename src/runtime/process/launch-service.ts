import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { type JsonValue, WtError } from "../../errors/wt-error.ts";
import type { ServiceSpec } from "../runtime-driver.ts";
import { markText, markVariable } from "./instance-identity.ts";
import { lengthOf, readAt } from "./log-rotation.ts";

/**
 * Starts the command in a session of its own, its output going straight into the log. Throws `WtError` (`machine`), and has then undone all it did.
 * The child is not waited for when this process wants to exit.
 */
export function launchService(spec: ServiceSpec): Bun.Subprocess {
  checkDirectory(spec);
  const log = openLog(spec);
  try {
    const child = Bun.spawn(["/bin/sh", "-c", spec.command], {
      cwd: spec.directory,
      env: { ...spec.env, [markVariable]: markText(spec) },
      stdin: "ignore",
      stdout: log.file,
      stderr: log.file,
      // setsid(2): the process leads its own session and group, and no hangup of our terminal reaches it.
      detached: true,
    });
    child.unref();
    return child;
  } catch (error) {
    log.undo();
    throw startError(spec, error);
  } finally {
    closeSync(log.file);
  }
}

function checkDirectory(spec: ServiceSpec): void {
  let code = "ENOTDIR";
  let cause: unknown;
  try {
    if (statSync(spec.directory).isDirectory()) {
      accessSync(spec.directory, constants.X_OK);
      return;
    }
  } catch (error) {
    code = codeOf(error);
    cause = error;
  }
  const [sentence, hint] =
    code === "ENOENT" || code === "ENOTDIR"
      ? [code === "ENOENT" ? "does not exist" : "is not a directory", `Check \`directory\` of services.${spec.service} in wt.yaml.`]
      : [`cannot be entered (${code})`, `Give yourself access with \`chmod u+x ${spec.directory}\`.`];
  throw new WtError({
    kind: "machine",
    code: code === "ENOENT" || code === "ENOTDIR" ? "directory_missing" : "directory_denied",
    message: `Service ${spec.service} cannot start: its directory ${spec.directory} ${sentence}.`,
    hints: [hint],
    details: { service: spec.service, path: spec.directory },
    cause,
  });
}

interface OpenLog {
  /** Descriptor, appending. */
  file: number;
  /** Removes what opening has made. */
  undo(): void;
}

function openLog(spec: ServiceSpec): OpenLog {
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
    return { file, undo };
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

function logError(spec: ServiceSpec, cause: unknown): WtError {
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

function startError(spec: ServiceSpec, cause: unknown): WtError {
  const code = codeOf(cause);
  const details: { [key: string]: JsonValue } = { service: spec.service };
  if (code === "E2BIG") {
    const message = `Service ${spec.service} cannot start: its command and variables together are longer than the system allows.`;
    return new WtError({ kind: "machine", code: "start_failed", message, hints: ["Shorten the values under `env:`."], details, cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `Service ${spec.service} cannot start: the system refused to run /bin/sh (${reason}).`;
  return new WtError({ kind: "machine", code: "start_failed", message, hints: ["Run `wt doctor`."], details, cause });
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? String(error);
}
