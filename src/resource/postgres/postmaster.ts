// One PostgreSQL server on one data directory: started so that it outlives us, found again by proof, stopped and verified gone.
import { closeSync, existsSync, openSync, renameSync, statSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import { freeBytes } from "../../os/free-bytes.ts";
import { fileIn, sharedPlace } from "../../os/overlay-directory.ts";
import { observePortHolder } from "../../os/ports.ts";
import { observeProcess, type ProcessIdentity, readProcessIdentity, signalProcess } from "../../os/process-identity.ts";
import type { ServerUser } from "../../os/server-user.ts";
import { readCollationLibraries } from "./collation-libraries.ts";
import { adminRole, type ServerSettings, writeSettings } from "./data-directory.ts";
import { checkCollations, checkOrigin, type DataOrigin, readOrigin, writeOrigin } from "./data-origin.ts";
import { checkLower } from "./overlay-data.ts";
import { openSession, PgFailure, type Session, type SessionTarget, withSession } from "./pg-session.ts";
import type { ServerPrograms } from "./server-programs.ts";
import { findServerProcesses, lastLines, spawnOnData } from "./server-spawn.ts";

export interface ServerPlace {
  data: string;
  log: string;
  /** Where the identity of the running server is kept. */
  identity: string;
}

export interface ServerStart {
  place: ServerPlace;
  programs: ServerPrograms;
  user: ServerUser | null;
  settings: ServerSettings;
  clock: Clock;
  abort?: AbortSignal | undefined;
  /** Called when the server ends, whoever ended it; only while this process lives. */
  onEnd?: () => void;
  /** The database that is asked whether the server is ready: the first session of each is slow, so best one that is used next. Default: `postgres`. */
  database?: string;
  /** Runs on the session that found it ready; a failure of it is one of the start. */
  onReady?: (session: Session) => Promise<void>;
}

export function serverPlace(directory: string): ServerPlace {
  return { data: join(directory, "data"), log: join(directory, "server.log"), identity: join(directory, "server.json") };
}

/** A superuser's session on the private socket. */
export function adminTarget(place: ServerPlace, port: number, database = "postgres"): SessionTarget {
  return { socketDirectory: sharedPlace(place.data), port, user: adminRole, database, passwordFile: adminPasswordFile(place) };
}

/** The superuser's password, for a server whose socket is not only ours. */
export function adminPasswordFile(place: ServerPlace): string {
  return join(dirname(place.data), "admin-password");
}

/** Whether the running server listens on its socket alone, as it has noted itself. */
export async function isCarried(place: ServerPlace): Promise<boolean> {
  const lines = (await readFile(fileIn(place.data, "postmaster.pid"), "utf8").catch(() => "")).split("\n");
  // Process, directory, start, port, socket directory, first address that is listened on.
  return lines.length > 6 && lines[5] === "";
}

const pollMs = 3;
const noSuchDatabase = "3D000";
const startDeadlineMs = 120_000;
const largestLogBytes = 10_000_000;

/** Starts the server and waits until it answers queries. Throws `WtError`, and then no server is left. */
export async function startServer(start: ServerStart): Promise<void> {
  const { place, programs, settings, clock, abort } = start;
  abort?.throwIfAborted();
  await endLeftovers(place, clock);
  checkLower(place.data);
  const here = { platform: `${process.platform}-${process.arch}`, collation: await readCollationLibraries(programs.directory) };
  checkOrigin(place.data, here, programs);
  await writeSettings(place.data, settings);
  if (existsSync(place.log) && statSync(place.log).size > largestLogBytes) renameSync(place.log, `${place.log}.1`);
  const log = openSync(place.log, "a", 0o600);
  const from = statSync(place.log).size;
  let child: Bun.Subprocess;
  try {
    child = spawnOnData({
      command: [join(programs.directory, "postgres")],
      data: place.data,
      user: start.user,
      output: log,
      detached: true,
    });
  } finally {
    closeSync(log);
  }
  const run = { ended: false };
  child.exited.then(() => {
    run.ended = true;
    start.onEnd?.();
  });
  try {
    const identity = await readProcessIdentity(child.pid);
    // Half a file after a crash is no harm: the server is then found by its directory.
    if (identity) await writeFile(place.identity, JSON.stringify(identity), { mode: 0o600 });
    await waitUntilReady(start, run);
    await settleOrigin(start, here);
  } catch (error) {
    if (!run.ended) child.kill("SIGQUIT");
    await Promise.race([child.exited, clock.sleep(3_000).then(() => child.kill("SIGKILL"))]);
    await child.exited;
    if (error instanceof WtError || abort?.aborted) throw error;
    throw await startError(start, lastLines(place.log, from));
  }
}

async function settleOrigin({ place, programs, settings }: ServerStart, here: DataOrigin): Promise<void> {
  const origin = readOrigin(place.data);
  if (origin?.collation === here.collation) return;
  if (origin) await checkCollations(place.data, (database) => adminTarget(place, settings.port, database), programs.major);
  writeOrigin(place.data, here);
}

async function waitUntilReady(start: ServerStart, run: { ended: boolean }): Promise<void> {
  const { place, settings, clock, abort } = start;
  const deadlineMs = clock.now() + startDeadlineMs;
  for (;;) {
    abort?.throwIfAborted();
    if (run.ended) throw new Error("the server ended");
    const session = await tryOpen(adminTarget(place, settings.port, start.database));
    if (session) return useFirst(session, start.onReady);
    if (clock.now() > deadlineMs) throw new Error("the server did not become ready");
    await clock.sleep(pollMs, abort);
  }
}

async function useFirst(session: Session, use: ServerStart["onReady"]): Promise<void> {
  try {
    await use?.(session);
  } finally {
    session.close();
  }
}

/** null while the server starts or does not listen yet. */
async function tryOpen(target: SessionTarget): Promise<Session | null> {
  try {
    return await openSession(target);
  } catch (error) {
    // Somebody dropped the database; the server is ready all the same.
    if (error instanceof PgFailure && error.code === noSuchDatabase && target.database !== "postgres") {
      return tryOpen({ ...target, database: "postgres" });
    }
    // 57P03: starting up, or in recovery. Anything else the server says is its last word.
    if (error instanceof PgFailure && error.code !== "57P03") throw error;
    return null;
  }
}

/**
 * The server of this place if it runs: by the identity we recorded, else the process that the data directory names, if it works there.
 * What a killed server left for a moment is not it.
 */
export async function findServer(place: ServerPlace): Promise<ProcessIdentity | null> {
  const recorded = await readIdentity(place.identity);
  if (recorded && (await observeProcess(recorded)) === "alive") return recorded;
  const named = Number.parseInt(await readFile(fileIn(place.data, "postmaster.pid"), "utf8").catch(() => ""), 10);
  if (!Number.isInteger(named)) return null;
  const found = (await findServerProcesses(place.data)).find((info) => info.pid === named);
  return found ? readProcessIdentity(found.pid) : null;
}

async function readIdentity(path: string): Promise<ProcessIdentity | null> {
  try {
    const { pid, startTime, bootId } = JSON.parse(await readFile(path, "utf8")) as ProcessIdentity;
    return Number.isInteger(pid) && Number.isFinite(startTime) && typeof bootId === "string" ? { pid, startTime, bootId } : null;
  } catch {
    return null;
  }
}

/** How a server is asked to stop: clients are disconnected, then without a last checkpoint, then by force. */
const stopSteps = [
  { signal: "SIGINT", graceMs: 30_000 },
  { signal: "SIGQUIT", graceMs: 5_000 },
  { signal: "SIGKILL", graceMs: 5_000 },
] as const;

/** Stops the server, if it runs, and waits until none of its processes is left. True: it was stopped cleanly, or did not run. */
export async function stopServer(place: ServerPlace, clock: Clock): Promise<boolean> {
  const server = await findServer(place);
  let clean = true;
  for (const [index, step] of stopSteps.entries()) {
    if (!server || (await observeProcess(server)) === "ended") break;
    clean = index === 0;
    await signalProcess(server, step.signal);
    const deadlineMs = clock.now() + step.graceMs;
    while ((await observeProcess(server)) !== "ended" && clock.now() < deadlineMs) await clock.sleep(pollMs);
  }
  await endLeftovers(place, clock);
  return clean;
}

/** A server that was killed leaves processes which notice and end by themselves, mostly at once; the next start would be refused until then. */
async function endLeftovers(place: ServerPlace, clock: Clock): Promise<void> {
  const sinceMs = clock.now();
  for (;;) {
    const left = await findServerProcesses(place.data);
    if (left.length === 0) return;
    const waitedMs = clock.now() - sinceMs;
    if (waitedMs > 15_000) {
      throw new WtError({
        kind: "machine",
        code: "postgres_not_stopped",
        message: `The PostgreSQL server in ${place.data} does not stop (process ${left[0]?.pid}).`,
        hints: ["Try again; if it stays, end that process by hand."],
      });
    }
    for (const info of waitedMs > 2_000 ? left : []) {
      const identity = await readProcessIdentity(info.pid);
      if (identity?.startTime === info.startTime) await signalProcess(identity, waitedMs > 5_000 ? "SIGKILL" : "SIGQUIT");
    }
    await clock.sleep(waitedMs < 100 ? pollMs : 25);
  }
}

/** Runs queries of the superuser. */
export function asAdmin<T>(place: ServerPlace, port: number, use: (session: Session) => Promise<T>): Promise<T> {
  return withSession(adminTarget(place, port), use);
}

/** A segment of the log, and what a start notes. */
const leastStartBytes = 16 * 1024 * 1024;

async function startError({ place, programs, settings }: ServerStart, lines: string[]): Promise<WtError> {
  const text = lines.join("\n");
  const reason = /(?:FATAL|PANIC|ERROR):\s+(.*)/.exec(text)?.[1] || lines.findLast((line) => line.trim() !== "") || "it printed nothing";
  const details = { log: place.log, lines };
  if (/could not bind|Address already in use/.test(text)) {
    const holder = await observePortHolder(settings.port);
    const who = holder?.command ? ` by \`${holder.command}\`${holder.pid ? ` (process ${holder.pid})` : ""}` : "";
    const message = `The port ${settings.port} of this database is held${who || " by another program"}.`;
    return new WtError({ kind: "machine", code: "port_taken", message, hints: ["End that program, then run `wt up`."], details });
  }
  // On a full disk there may be no room for the line that says so.
  const full = text.trim() === "" && freeBytes(place.data) < leastStartBytes;
  if (full || /No space left on device|Disk quota exceeded/.test(text)) {
    const message = `PostgreSQL cannot start: the disk of ${place.data} is full.`;
    return new WtError({ kind: "machine", code: "disk_full", message, hints: ["Free some space, then run `wt up`."], details });
  }
  return new WtError({
    kind: "machine",
    code: "postgres_start_failed",
    message: `PostgreSQL ${programs.version} did not start: ${reason.replace(/\.$/, "")}.`,
    hints: [`Its log is ${place.log}.`, "`wt db reset` makes the database anew."],
    details,
  });
}
