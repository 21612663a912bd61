// One server on one data directory: started so that it outlives us, found again by proof, stopped and verified gone.
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import { writeFileAtomic } from "../../os/files.ts";
import { freeBytes } from "../../os/free-bytes.ts";
import { isPortFree, observePortHolder } from "../../os/ports.ts";
import { observeProcess, type ProcessIdentity, readProcessIdentity, signalProcess } from "../../os/process-identity.ts";
import { asRoot } from "./mysql-session.ts";
import { ensureHome, findServers, type Runner, type ServerHome, socketName, spawnInHome } from "./server-home.ts";
import { programTitle, type ServerPrograms } from "./server-programs.ts";
import { serverArguments } from "./server-settings.ts";

export interface ServerStart {
  place: ServerHome;
  programs: ServerPrograms;
  runner: Runner;
  /** null: it listens on its private socket alone. */
  port: number | null;
  settings: Record<string, string>;
  clock: Clock;
  abort?: AbortSignal | undefined;
  /** Called when the server ends, whoever ended it; only while this process lives. */
  onEnd?: () => void;
}

const pollMs = 4;
/** Recovery after a crash may take its time. */
const startDeadlineMs = 300_000;
const largestLogBytes = 10_000_000;

/** Starts the server and waits until it answers queries. Throws `WtError`, and then no server is left. */
export async function startServer(start: ServerStart): Promise<void> {
  const { place, clock, abort } = start;
  abort?.throwIfAborted();
  await endLeftovers(place, clock);
  await ensureHome(place, start.runner);
  await rm(join(place.home, socketName), { force: true });
  if (start.port !== null && !(await isPortFree(start.port))) throw await portTaken(start.port);
  const from = existsSync(place.log) ? statSync(place.log).size : 0;
  const child = spawnServer(start);
  const run = { ended: false };
  child.exited.then(() => {
    run.ended = true;
    start.onEnd?.();
  });
  try {
    const identity = await readProcessIdentity(child.pid);
    if (identity) await writeFileAtomic(place.identity, JSON.stringify(identity), { mode: 0o600 });
    await waitUntilReady(start, run);
  } catch (error) {
    if (!run.ended) child.kill("SIGKILL");
    await child.exited;
    await endLeftovers(place, clock);
    await rm(place.identity, { force: true });
    if (error instanceof WtError || abort?.aborted) throw error;
    throw await startError(start, lastLines(place.log, from));
  }
}

function spawnServer({ place, programs, runner, port, settings }: ServerStart): Bun.Subprocess {
  if (existsSync(place.log) && statSync(place.log).size > largestLogBytes) renameSync(place.log, `${place.log}.1`);
  const log = openSync(place.log, "a", 0o600);
  try {
    const command = (home: string) => [programs.server, ...serverArguments({ home, port, settings, isRoot: runner.kind === "root" })];
    return spawnInHome({ place, runner, command, output: log, detached: true });
  } finally {
    closeSync(log);
  }
}

async function waitUntilReady({ place, clock, abort }: ServerStart, run: { ended: boolean }): Promise<void> {
  const sinceMs = clock.now();
  for (;;) {
    abort?.throwIfAborted();
    if (run.ended) throw new Error("the server ended");
    if ((await readPort(place)) !== null) return;
    if (clock.now() - sinceMs > startDeadlineMs) throw new Error("the server did not become ready");
    await clock.sleep(pollMs, abort);
  }
}

/** The port that the server listens on; null: it does not answer. */
export async function readPort(place: ServerHome): Promise<number | null> {
  const rows = await asRoot(place, (session) => session.query("SELECT @@port AS port")).catch(() => null);
  return rows === null ? null : Number(rows[0]?.port);
}

/** Starts on a port that is free now; it may be taken by somebody else before the server binds it. */
export async function startOnAnyPort(start: Omit<ServerStart, "port">): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = await anyPort();
    try {
      await startServer({ ...start, port });
      return port;
    } catch (error) {
      if (!(error instanceof WtError && error.code === "port_taken") || attempt === 5) throw error;
    }
  }
}

function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** The server of this place if it runs: by the identity we recorded, else the process that works in its data directory. */
export async function findServer(place: ServerHome): Promise<ProcessIdentity | null> {
  const recorded = await readIdentity(place.identity);
  if (recorded && (await observeProcess(recorded)) === "alive") return recorded;
  const [found] = await findServers(place.data);
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

const stopSteps = [
  { signal: "SIGTERM", graceMs: 60_000 },
  { signal: "SIGKILL", graceMs: 10_000 },
] as const;

/** Stops the server, if it runs, with its clients disconnected, and waits until it is gone. True: cleanly, or it did not run. */
export async function stopServer(place: ServerHome, clock: Clock): Promise<boolean> {
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
  await rm(place.identity, { force: true });
  return clean;
}

/** Only one server may work on a data directory; a second one would wait for its locks in vain. */
async function endLeftovers(place: ServerHome, clock: Clock): Promise<void> {
  const sinceMs = clock.now();
  for (;;) {
    const left = await findServers(place.data);
    if (left.length === 0) return;
    if (clock.now() - sinceMs > 15_000) {
      throw new WtError({
        kind: "machine",
        code: "mysql_not_stopped",
        message: `The server in ${place.data} does not stop (process ${left[0]?.pid}).`,
        hints: ["Try again; if it stays, end that process by hand."],
      });
    }
    for (const info of left) {
      const identity = await readProcessIdentity(info.pid);
      if (identity?.startTime === info.startTime) await signalProcess(identity, "SIGKILL");
    }
    await clock.sleep(pollMs);
  }
}

/** A log of InnoDB that is made anew, and what a start notes. */
const leastStartBytes = 16 * 1024 * 1024;

async function startError({ place, programs, port }: ServerStart, lines: string[]): Promise<WtError> {
  const text = lines.join("\n");
  if (port !== null && /Address already in use|Bind on TCP\/IP port/.test(text)) return portTaken(port);
  const details = { log: place.log, lines };
  const errors = lines.filter((line) => /\[ERROR\]|\bFATAL\b|error:/i.test(line));
  // On a full disk there may be no room for the line that says so.
  const silent = errors.length === 0 && freeBytes(place.data) < leastStartBytes;
  if (silent || /No space left on device|error: 28\b|errno: 28\b/i.test(text)) {
    const message = `${programTitle(programs)} did not start: the disk of ${place.data} is full.`;
    return new WtError({ kind: "machine", code: "disk_full", message, hints: ["Free some space, then run `wt up`."], details });
  }
  const last = lines.findLast((line) => line.trim() !== "");
  const reason = (errors.find((line) => !/Aborting/.test(line)) ?? errors[0] ?? last ?? "it printed nothing").replace(
    /^.*?\[ERROR\]\s*(\[MY-\d+\]\s*\[\w+\]\s*)?|^mount: /,
    "",
  );
  return new WtError({
    kind: "machine",
    code: "mysql_start_failed",
    message: `${programTitle(programs)} did not start: ${reason.trim().replace(/\.$/, "")}.`,
    hints: [`Look at ${place.log}.`],
    details,
  });
}

async function portTaken(port: number): Promise<WtError> {
  const holder = await observePortHolder(port);
  const who = holder?.command ? ` by \`${holder.command}\`${holder.pid ? ` (process ${holder.pid})` : ""}` : "";
  return new WtError({
    kind: "machine",
    code: "port_taken",
    message: `The port ${port} of this database is held${who || " by another program"}.`,
    hints: ["End that program, then run `wt up`."],
    details: { port },
  });
}

/** The last lines of a log from a byte on; empty when there are none. */
function lastLines(log: string, from: number, count = 20): string[] {
  try {
    return readFileSync(log).subarray(from).toString("utf8").trimEnd().split("\n").slice(-count);
  } catch {
    return [];
  }
}
