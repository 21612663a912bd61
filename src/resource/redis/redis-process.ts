// One server process: started so that it outlives us, found again by pid, start time and boot, or by the directory it works in.
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { WtError } from "../../errors/wt-error.ts";
import { writeFileAtomic } from "../../os/files.ts";
import { isPortFree } from "../../os/ports.ts";
import { observeProcess, type ProcessIdentity, readProcessIdentity, signalProcess } from "../../os/process-identity.ts";
import { readProcessTable } from "../../os/process-table.ts";
import { textOption } from "../check-options.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { hasAppendOnlyFile, readIdentity, redisConfig, redisFiles, writeIdentity } from "./redis-files.ts";
import { openRedisLink, type RedisAddress, type RedisLink, RedisReplyError, sendInTime } from "./redis-link.ts";
import type { RedisProgram } from "./redis-program.ts";

export interface Starting {
  spec: ResourceSpec;
  program: RedisProgram;
  password: string;
  port: number;
  abort: AbortSignal;
  /** Called the moment before the server takes the port. */
  beforePort: () => Promise<void>;
}

/** `sockaddr_un` of macOS holds 104 bytes with the end. */
const longestSocketPath = 103;
const pollMs = 4;
const loadPatienceMs = 300_000;
const stopPatienceMs = 60_000;

/** Starts it, waits until its data is loaded, then gives it the port. Throws `WtError` (`machine`), and then no process of it is left. */
export async function startRedis(starting: Starting): Promise<void> {
  const { spec, program, port, password } = starting;
  const files = redisFiles(spec);
  const late = program.movesPort && canUseSocket(spec);
  mkdirSync(files.data, { recursive: true, mode: 0o700 });
  await rm(files.socket, { force: true });
  const config = redisConfig({ spec, password, port: late ? 0 : port, socket: canUseSocket(spec) });
  await writeFileAtomic(files.config, config, { mode: 0o600 });
  if (!late) {
    await starting.beforePort();
    // It will be asked over its port: a stranger there must not be told the password.
    if (!(await isPortFree(port))) throw portError(starting);
  }
  const child = spawnServer(spec, program);
  try {
    const identity = await readProcessIdentity(child.pid);
    if (identity) await writeIdentity(spec, identity);
    const link = await waitUntilLoaded(starting, child);
    try {
      if (late) await takePort(starting, link);
      if (textOption(spec.options, "persist") === "append") await appendOnly(spec, link, child);
    } finally {
      link.close();
    }
  } catch (error) {
    child.kill("SIGKILL");
    await child.exited;
    await rm(files.process, { force: true });
    throw error;
  }
}

function spawnServer(spec: ResourceSpec, program: RedisProgram): Bun.Subprocess {
  const files = redisFiles(spec);
  const log = openSync(files.log, "w", 0o600);
  try {
    const child = Bun.spawn([program.path, files.config], {
      cwd: files.data,
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
      stdio: ["ignore", log, log],
      // A session of its own: it outlives us, and no hangup of our terminal reaches it.
      detached: true,
    });
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

async function waitUntilLoaded(starting: Starting, child: Bun.Subprocess): Promise<RedisLink> {
  const deadlineMs = performance.now() + loadPatienceMs;
  for (;;) {
    starting.abort.throwIfAborted();
    if (child.exitCode !== null || child.signalCode !== null) throw startError(starting);
    const link = await tryLink(starting.spec, starting.password);
    if (link) {
      const loaded = await sendInTime(link, ["PING"]).then(
        () => true,
        (error) => !(error instanceof RedisReplyError) && Promise.reject(error),
      );
      if (loaded) return link;
      link.close();
    }
    if (performance.now() > deadlineMs) throw startError(starting);
    await setTimeout(pollMs);
  }
}

async function takePort(starting: Starting, link: RedisLink): Promise<void> {
  await starting.beforePort();
  try {
    await sendInTime(link, ["CONFIG", "SET", "port", String(starting.port)]);
  } catch (error) {
    if (!(error instanceof RedisReplyError)) throw error;
    throw portError(starting);
  }
}

/** Turned on in the running server it writes all data into a new file first. */
async function appendOnly(spec: ResourceSpec, link: RedisLink, child: Bun.Subprocess): Promise<void> {
  if (hasAppendOnlyFile(spec)) return;
  await sendInTime(link, ["CONFIG", "SET", "appendonly", "yes"]);
  while (child.exitCode === null) {
    const info = String(await sendInTime(link, ["INFO", "persistence"]));
    if (/aof_rewrite_in_progress:0/.test(info) && /aof_rewrite_scheduled:0/.test(info) && hasAppendOnlyFile(spec)) return;
    await setTimeout(pollMs);
  }
}

/** The server's process, proven to be ours; null when it does not run. */
export async function findRedis(spec: ResourceSpec): Promise<ProcessIdentity | null> {
  const known = readIdentity(spec);
  if (known && (await observeProcess(known)) === "alive") return known;
  const found = await findByDirectory(redisFiles(spec).data);
  if (found) await writeIdentity(spec, found);
  return found;
}

/** A crash between the start and its record leaves a server that only its working directory tells from others (on Linux). */
async function findByDirectory(data: string): Promise<ProcessIdentity | null> {
  const place = statSync(data, { throwIfNoEntry: false });
  if (!place || process.platform !== "linux") return null;
  for (const info of await readProcessTable()) {
    if (!info.alive || !/^(redis|valkey)-server/.test(info.name)) continue;
    try {
      const at = statSync(`/proc/${info.pid}/cwd`);
      if (at.ino === place.ino && at.dev === place.dev) return await readProcessIdentity(info.pid);
    } catch {
      // It has ended meanwhile, or belongs to somebody else.
    }
  }
  return null;
}

/** Ends it, verified; what it holds is not saved. Throws `WtError` (`machine`) when it does not end. */
export async function killRedis(spec: ResourceSpec): Promise<void> {
  const identity = await findRedis(spec);
  if (identity) {
    await signalProcess(identity, "SIGKILL");
    await waitForEnd(identity, 10_000);
  }
  for (const path of [redisFiles(spec).process, redisFiles(spec).socket]) await rm(path, { force: true });
}

/** Saves everything, then ends it. Throws `WtError` (`machine`) when it cannot save; it runs on then. */
export async function saveAndStopRedis(spec: ResourceSpec, link: RedisLink): Promise<void> {
  const identity = await findRedis(spec);
  const refusal = await sendInTime(link, ["SHUTDOWN", "SAVE"], stopPatienceMs).then(
    () => null,
    (error: Error) => (error instanceof RedisReplyError ? error : null),
  );
  if (refusal) throw saveError(spec, refusal);
  if (identity) await waitForEnd(identity, stopPatienceMs);
  for (const path of [redisFiles(spec).process, redisFiles(spec).socket]) await rm(path, { force: true });
}

export function saveError(spec: ResourceSpec, cause: Error): WtError {
  return new WtError({
    kind: "machine",
    code: "redis_save",
    message: `The Redis of resources.${spec.name} cannot save its data: ${cause.message.replace(/\.$/, "")}.`,
    hints: [`Look at ${redisFiles(spec).log}; is the disk full?`],
    cause,
  });
}

async function waitForEnd(identity: ProcessIdentity, patienceMs: number): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  while ((await observeProcess(identity)) === "alive") {
    if (performance.now() > deadlineMs) {
      throw new WtError({
        kind: "machine",
        code: "process_remains",
        message: `The Redis server with pid ${identity.pid} does not end.`,
        hints: [`Look at it with \`ps ${identity.pid}\`, then try again.`],
      });
    }
    await setTimeout(pollMs);
  }
}

/** A connection to the running server; null when it does not answer. */
export async function tryLink(spec: ResourceSpec, password: string): Promise<RedisLink | null> {
  const address: RedisAddress = canUseSocket(spec) ? { path: redisFiles(spec).socket } : { host: "127.0.0.1", port: spec.port ?? 0 };
  return openRedisLink(address, password).catch(() => null);
}

function canUseSocket(spec: ResourceSpec): boolean {
  return Buffer.byteLength(redisFiles(spec).socket) <= longestSocketPath;
}

function portError({ spec, port }: Starting): WtError {
  return new WtError({
    kind: "machine",
    code: "port_held",
    message: `Port ${port}, which belongs to resources.${spec.name}, is held by another program.`,
    hints: [`Find it with \`ss -ltnp 'sport = :${port}'\`, end it, then try again.`],
    details: { port },
  });
}

function startError(starting: Starting): WtError {
  const { spec, program } = starting;
  const lines = lastLines(redisFiles(spec).log);
  if (lines.some((line) => /Address already in use/.test(line))) return portError(starting);
  return new WtError({
    kind: "machine",
    code: "redis_start",
    message: `The Redis of resources.${spec.name} did not start (${program.path} ${program.version}).`,
    hints: [...lines.map((line) => `  ${line}`), "Mend what it complains about, then try again."],
    details: { log: lines.join("\n") },
  });
}

function lastLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").slice(-8);
  } catch {
    return [];
  }
}
