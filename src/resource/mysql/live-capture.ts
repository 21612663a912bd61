// The present content of a branch, copied while its clients stay: the server's one process is halted for that moment, so that the copy is of one
// instant, and its start recovers it as after a crash.
import { readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import { type ProcessIdentity, readProcessIdentity, signalProcess } from "../../os/process-identity.ts";
import { parseProcStat, readProcess } from "../../os/process-table.ts";
import { copyData } from "./branch-content.ts";
import type { Branch } from "./branch-life.ts";
import type { BranchParts } from "./branch-making.ts";
import { findServer } from "./mysql-server.ts";
import { asRoot } from "./mysql-session.ts";
import { findServers } from "./server-home.ts";

export interface CaptureWish {
  /** Absent. */
  to: string;
  abort?: AbortSignal | undefined;
}

/** Gives how it was done, for people. Throws `WtError`, and then nothing is left at `to`. */
export async function captureData(parts: BranchParts, branch: Branch, { to, abort }: CaptureWish): Promise<string> {
  const { clock, path, templates } = parts;
  const { place } = branch;
  const { method } = await templates.cloneMethod(dirname(to));
  const copying = { method, from: place.data, to, path, abort };
  const server = await findServer(place);
  if (!server) {
    await copyData(copying);
    return "it was asleep, so its files were copied as they are";
  }
  // Tables that no log protects (MyISAM) are written out; only what is written to them right now would be missing.
  await asRoot(place, (session) => session.query("FLUSH TABLES")).catch(() => undefined);
  const sinceMs = clock.now();
  try {
    await halt(server, place.data, clock);
    await copyData(copying);
  } finally {
    await thaw(place.data);
  }
  return `its server was held still for ${Math.round(clock.now() - sinceMs)} ms`;
}

/** Continues a server that a killed daemon left halted; one that runs does not notice. */
export async function thaw(data: string): Promise<void> {
  for (const { pid, startTime } of await findServers(data)) {
    const identity = await readProcessIdentity(pid);
    if (identity?.startTime === startTime) await signalProcess(identity, "SIGCONT");
  }
}

const patienceMs = 5_000;

async function halt(server: ProcessIdentity, data: string, clock: Clock): Promise<void> {
  await signalProcess(server, "SIGSTOP");
  const deadlineMs = clock.now() + patienceMs;
  for (;;) {
    const info = await readProcess(server.pid);
    const same = typeof info === "object" && info.startTime === server.startTime;
    if (same && info.halted && everyThreadHalted(server.pid)) return;
    if (!same || clock.now() > deadlineMs) {
      const message = `The server in ${data} cannot be held still.`;
      throw new WtError({ kind: "machine", code: "mysql_not_frozen", message, hints: ["Try again."] });
    }
    await clock.sleep(1);
  }
}

/** A thread in the middle of a write goes on until that is done. Where the system does not list threads, the process stands for them. */
function everyThreadHalted(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) => {
      const info = parseProcStat(readFileSync(`/proc/${pid}/task/${thread}/stat`, "latin1"), 1);
      return info === null || info.halted || !info.alive;
    });
  } catch {
    return process.platform !== "linux";
  }
}
