import { accessSync, closeSync, constants, statSync } from "node:fs";
import { type JsonValue, WtError } from "../../errors/wt-error.ts";
import { openLog } from "../../os/log-files/open-log.ts";
import type { ServiceSpec } from "../runtime-driver.ts";
import { markText, markVariable } from "./instance-identity.ts";

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
