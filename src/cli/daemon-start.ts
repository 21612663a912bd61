// Makes sure that exactly our build of the daemon listens. Loaded only when it does not already.
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DaemonView } from "../api/operations.ts";
import type { ClientRequest } from "../client/daemon-client.ts";
import { WtError } from "../errors/wt-error.ts";
import { ownCommand } from "../os/own-command.ts";
import type { WorldPaths } from "../os/paths.ts";
import { isConnectionLost, isNobodyListening, observeDaemon, request } from "./daemon-connection.ts";
import { counted } from "./render/age.ts";
import type { Environment } from "./terminal.ts";

export interface EnsureDaemonOptions {
  paths: WorldPaths;
  env: Environment;
  version: string;
  build: string;
  send: (path: string, request: ClientRequest) => Promise<Response>;
  onNotice: (text: string) => void | Promise<void>;
  daemonCommand?: string[];
  deadlineMs?: number;
}

const startDeadlineMs = 20_000;
const operationsDeadlineMs = 60_000;
const pollMs = 5;

/** Resolves when a daemon of `build` answers. Safe to run in any number of processes at once: the daemon's own lock leaves one. */
export async function ensureDaemon(options: EnsureDaemonOptions): Promise<void> {
  const running = await observeDaemon(options.send);
  if (running?.build === options.build) return;
  if (running) await replace(running, options);
  await start(options);
}

async function replace(old: DaemonView, options: EnsureDaemonOptions): Promise<void> {
  await options.onNotice(`wt: replacing the daemon of another ${kindOf(old, options)}; services keep running.`);
  await untilIdle(old, options);
  // Asked again right before: another command may have replaced it in the meantime, and then there is nothing left to stop.
  const now = await observeDaemon(options.send);
  if (!now || now.build === options.build) return;
  try {
    const response = await options.send("/v1/daemon/stop", request({ services: false }));
    await response.body?.cancel();
  } catch (error) {
    if (!isNobodyListening(error) && !isConnectionLost(error)) throw error;
  }
  const deadline = performance.now() + startDeadlineMs;
  while (performance.now() < deadline) {
    const view = await observeDaemon(options.send);
    if (!view || view.pid !== now.pid) return;
    await Bun.sleep(pollMs);
  }
  throw new WtError({
    kind: "machine",
    code: "daemon_does_not_stop",
    message: `The daemon of another ${kindOf(now, options)}, process ${now.pid}, does not stop.`,
    hints: [`End it: kill ${now.pid} — services keep running, and the next command starts the right one.`],
    details: { pid: now.pid },
  });
}

/** Two builds may carry the same version, which then tells them apart for nobody. */
function kindOf({ version }: DaemonView, own: EnsureDaemonOptions): string {
  return version === own.version ? "build" : `version (${version})`;
}

/** Replacing a daemon in the middle of somebody's `wt create` would roll that back. */
async function untilIdle(old: DaemonView, options: EnsureDaemonOptions): Promise<void> {
  const deadline = performance.now() + operationsDeadlineMs;
  let view: DaemonView | null = old;
  let told = false;
  while (view && view.build !== options.build && view.operationsInFlight > 0) {
    if (performance.now() > deadline) {
      throw new WtError({
        kind: "refused",
        code: "daemon_busy",
        message: `A daemon of another ${kindOf(view, options)} is in the middle of ${counted(view.operationsInFlight, "operation")}.`,
        hints: ["Wait for them to end, or stop it: wt daemon stop"],
      });
    }
    if (!told) await options.onNotice("wt: waiting for the operations that it still works on.");
    told = true;
    await Bun.sleep(50);
    view = await observeDaemon(options.send);
  }
}

async function start(options: EnsureDaemonOptions): Promise<void> {
  const deadlineMs = options.deadlineMs ?? startDeadlineMs;
  const deadline = performance.now() + deadlineMs;
  const log = openLog(options.paths);
  let child = spawnDaemon(options, log.descriptor);
  try {
    while (performance.now() < deadline) {
      const view = await observeDaemon(options.send);
      if (view?.build === options.build) return;
      if (child.exitCode !== null || child.signalCode !== null) {
        if (child.exitCode !== 0) {
          refuseUnwritable(options.paths);
          throw didNotStart(`it ended with ${child.signalCode ?? `code ${child.exitCode}`}`, options.paths, log.size);
        }
        // It found another daemon holding the lock. If that one is just going away, somebody has to start the next.
        await Bun.sleep(50);
        if (!(await observeDaemon(options.send))) child = spawnDaemon(options, log.descriptor);
      }
      await Bun.sleep(pollMs);
    }
    throw didNotStart(`nothing listens after ${Math.round(deadlineMs / 1000)} seconds`, options.paths, log.size);
  } finally {
    closeSync(log.descriptor);
  }
}

function openLog(paths: WorldPaths): { descriptor: number; size: number } {
  try {
    mkdirSync(paths.state, { recursive: true, mode: 0o700 });
    const descriptor = openSync(paths.daemonLog, "a", 0o600);
    return { descriptor, size: statSync(paths.daemonLog).size };
  } catch (cause) {
    throw notWritable(paths.state, "XDG_STATE_HOME", cause);
  }
}

/** About the size of what a new ledger takes. */
const probeBytes = 256 * 1024;

/** The usual reason why a daemon ends at once, and one that it cannot write down: its own directories. */
function refuseUnwritable(paths: WorldPaths): void {
  const places = [
    { path: paths.state, variable: "XDG_STATE_HOME" },
    { path: dirname(paths.socket), variable: "XDG_RUNTIME_DIR" },
  ];
  for (const { path, variable } of places) {
    const probe = join(path, `.probe-${process.pid}`);
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      writeFileSync(probe, Buffer.alloc(probeBytes), { mode: 0o600 });
    } catch (cause) {
      throw notWritable(path, variable, cause);
    } finally {
      rmSync(probe, { force: true });
    }
  }
}

function notWritable(path: string, variable: string, cause: unknown): WtError {
  const code = (cause as NodeJS.ErrnoException | null)?.code ?? "";
  const why = reasons[code] ?? (cause instanceof Error ? cause.message : String(cause));
  const full = code === "ENOSPC" || code === "EDQUOT";
  return new WtError({
    kind: "machine",
    code: full ? "disk_full" : "state_not_writable",
    message: `The directory ${path}, which wt keeps its own files in, cannot be written: ${why}.`,
    hints: [
      full
        ? `Make room on its disk, or choose another place with ${variable}.`
        : `Make it writable, or choose another place with ${variable}.`,
    ],
    details: { path },
    cause,
  });
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  ENOTDIR: "a part of the path is a file",
  EEXIST: "a part of the path is a file",
};

function spawnDaemon(options: EnsureDaemonOptions, logDescriptor: number): Bun.Subprocess {
  const child = Bun.spawn(options.daemonCommand ?? daemonCommand(), {
    // Of its own, so that no worktree is kept busy by the daemon's working directory.
    cwd: "/",
    env: daemonEnvironment(options.env),
    stdio: ["ignore", logDescriptor, logDescriptor],
    // A session of its own: Ctrl-C and a closing terminal do not reach it.
    detached: true,
  });
  child.unref();
  return child;
}

/** This very program, as the daemon. */
export function daemonCommand(): string[] {
  return [...ownCommand(), "daemon", "run"];
}

/**
 * Without what belongs to the one command or worktree that happened to start it. With the mark of an agent that starts the daemon, the servers
 * that the daemon starts for everybody would count as that agent's and end with it.
 */
function daemonEnvironment(env: Environment): Environment {
  const { WT_DIRECTIVE_FILE: _directive, WT_SHELL_SESSION: _session, PWD: _pwd, OLDPWD: _oldPwd, ...others } = env;
  const { WT_INSTANCE: _mark, WT_AGENT: _agent, ...rest } = others;
  return { ...rest, PWD: "/" };
}

function didNotStart(why: string, paths: WorldPaths, logSize: number): WtError {
  const lines = linesSince(paths.daemonLog, logSize);
  return new WtError({
    kind: "machine",
    code: "daemon_did_not_start",
    message: `The daemon did not start: ${why}.`,
    hints: [...lines.slice(-5).map((line) => `  ${line}`), `Its log: ${paths.daemonLog}`],
    details: { log: paths.daemonLog, lines },
  });
}

function linesSince(path: string, offset: number): string[] {
  try {
    const text = readFileSync(path).subarray(offset).toString("utf8");
    return text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .slice(-20);
  } catch {
    return [];
  }
}
