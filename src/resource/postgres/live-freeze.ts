// A running server held still: every process of it halted by SIGSTOP, and continued afterwards whatever happened. Whose they are is proven by the
// data directory they work in. A server that a killed daemon left frozen is continued by the next one (`thawServer` in `adopt`).
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import { readProcessIdentity, signalProcess } from "../../os/process-identity.ts";
import type { ProcessInfo } from "../../os/process-table.ts";
import { findServer, type ServerPlace } from "./postmaster.ts";
import { findServerProcesses } from "./server-spawn.ts";

const patienceMs = 5_000;

/** Runs `work` while no process of the server moves. Throws `WtError` (`machine`, `postgres_not_frozen`) when one does not halt. */
export async function whileFrozen<T>(place: ServerPlace, clock: Clock, work: () => Promise<T>): Promise<T> {
  try {
    await freeze(place, clock);
    return await work();
  } finally {
    await thawServer(place);
  }
}

/** Continues every halted process of the server; nothing happens where there is none. */
export async function thawServer(place: ServerPlace): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const halted = (await findServerProcesses(place.data)).filter((info) => info.halted);
    if (halted.length === 0) return;
    await signalAll(halted, "SIGCONT");
  }
}

async function freeze(place: ServerPlace, clock: Clock): Promise<void> {
  const deadlineMs = clock.now() + patienceMs;
  // First the one that starts the others.
  const first = await findServer(place);
  if (!first) throw notFrozen(place, "it does not run");
  await signalProcess(first, "SIGSTOP");
  let quietRounds = 0;
  // Two looks that find all halted: what the first process started just before it halted is seen by the second look at the latest.
  while (quietRounds < 2) {
    const moving = (await findServerProcesses(place.data)).filter((info) => !info.halted);
    quietRounds = moving.length === 0 ? quietRounds + 1 : 0;
    if (moving.length === 0) continue;
    if (clock.now() > deadlineMs) throw notFrozen(place, `process ${moving[0]?.pid} does not halt`);
    await signalAll(moving, "SIGSTOP");
    await clock.sleep(1);
  }
}

async function signalAll(processes: ProcessInfo[], signal: "SIGSTOP" | "SIGCONT"): Promise<void> {
  for (const { pid, startTime } of processes) {
    const identity = await readProcessIdentity(pid);
    if (identity?.startTime === startTime) await signalProcess(identity, signal);
  }
}

function notFrozen({ data }: ServerPlace, why: string): WtError {
  return new WtError({
    kind: "machine",
    code: "postgres_not_frozen",
    message: `The PostgreSQL server in ${data} cannot be held still: ${why}.`,
    hints: ["Try again."],
  });
}
