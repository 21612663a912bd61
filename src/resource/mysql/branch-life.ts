// The waking and sleeping of branches. One server or one listener holds each branch's port, never both: a server that a connection woke listens
// elsewhere, and the listener goes on holding the port and carries connections there, so that none is ever refused. One that was told to start owns
// its port and serves on without us. Everything about one branch happens one after another.
import { connect } from "node:net";
import type { Clock } from "../../os/clock.ts";
import { listenForWake, reached, type WakeListener } from "../../os/wake-listener.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { type Activity, closeIdle, readActivity } from "./activity.ts";
import { type BranchRecord, readBranchRecord } from "./branch-record.ts";
import { type BranchOptions, defaultSleepMs, mysqlOptions } from "./mysql-options.ts";
import { findServer, readPort, startOnAnyPort, startServer, stopServer } from "./mysql-server.ts";
import { asRoot } from "./mysql-session.ts";
import { type Runner, type ServerHome, serverHome } from "./server-home.ts";
import type { Flavor, ServerPrograms } from "./server-programs.ts";
import { encodeRefusal } from "./wake-refusal.ts";

export interface Branch {
  spec: ResourceSpec;
  place: ServerHome;
  queue: Promise<unknown>;
  /** Holds the port while the server sleeps, and while connections are carried to it. */
  listener: WakeListener | null;
  /** Earlier listeners whose handed-over connections may still run. */
  bridges: WakeListener[];
  /** Why it can neither run nor sleep. */
  problem: string | null;
  watch: AbortController | null;
  lastActiveMs: number;
  connections: number;
}

export interface BranchLife {
  branch(spec: ResourceSpec): Branch;
  /** Runs `work` after everything else about this branch. */
  exclusively<T>(spec: ResourceSpec, work: (branch: Branch) => Promise<T>): Promise<T>;
  /** Starts the server unless it runs; connections that waited are handed over. Throws `WtError`. */
  awaken(branch: Branch, record: BranchRecord, abort?: AbortSignal): Promise<void>;
  /** Stops the server if it runs, and holds its port. */
  layDown(branch: Branch, record: BranchRecord): Promise<void>;
  /** Lays down what nobody uses; false: it is in use. */
  rest(branch: Branch, record: BranchRecord): Promise<boolean>;
  /** Stops the server and gives the port back. */
  halt(branch: Branch): Promise<void>;
  /** Forgets a branch that was removed. */
  forget(branch: Branch): void;
  close(): Promise<void>;
}

export interface BranchLifeOptions {
  clock: Clock;
  runner: () => Runner;
  /** For data that this version made. */
  programsFor: (made: { flavor: Flavor; version: string }) => Promise<ServerPrograms>;
  report: (error: unknown) => void;
}

const bindTries = 100;
/** Two seconds in all: a server that takes longer is busy, and whoever connects waits for that. */
const answerTries = 40;
const answerPauseMs = 50;

export function createBranchLife(options: BranchLifeOptions): BranchLife {
  const life: Life = { ...options, branches: new Map(), closed: false };
  return {
    branch: (spec) => branchOf(life, spec),
    exclusively: (spec, work) => exclusively(life, spec, work),
    awaken: (branch, record, abort) => awaken(life, branch, { record, abort }),
    layDown: (branch, record) => layDown(life, branch, record),
    rest: (branch, record) => rest(life, branch, record),
    halt: (branch) => halt(life, branch),
    forget: (branch) => void life.branches.delete(branch.spec.directory),
    async close() {
      life.closed = true;
      for (const branch of life.branches.values()) {
        branch.watch?.abort();
        await branch.queue;
        for (const listener of listenersOf(branch)) await listener.close();
      }
      life.branches.clear();
    },
  };
}

interface Life extends BranchLifeOptions {
  branches: Map<string, Branch>;
  closed: boolean;
}

function branchOf({ branches }: Life, spec: ResourceSpec): Branch {
  const known = branches.get(spec.directory);
  if (known) {
    known.spec = spec;
    return known;
  }
  const fresh = { listener: null, bridges: [], problem: null, watch: null, lastActiveMs: 0, connections: 0 };
  const made: Branch = { spec, place: serverHome(spec.directory), queue: Promise.resolve(), ...fresh };
  branches.set(spec.directory, made);
  return made;
}

function exclusively<T>(life: Life, spec: ResourceSpec, work: (branch: Branch) => Promise<T>): Promise<T> {
  const branch = branchOf(life, spec);
  const result = branch.queue.then(() => work(branch));
  branch.queue = result.catch(() => undefined);
  return result;
}

async function listen(life: Life, branch: Branch, record: BranchRecord): Promise<void> {
  if (branch.listener || life.closed) return;
  const onWake = () => void wakeByConnection(life, branch.spec);
  for (let attempt = 1; ; attempt++) {
    try {
      branch.listener = await listenForWake({ port: record.port, onWake, firstWord: "server", encodeRefusal });
      branch.problem = null;
      return;
    } catch (error) {
      if (attempt < bindTries) await life.clock.sleep(10);
      else {
        branch.problem = `its port ${record.port} cannot be held: ${error instanceof Error ? error.message : String(error)}`;
        return;
      }
    }
  }
}

async function wakeByConnection(life: Life, spec: ResourceSpec): Promise<void> {
  try {
    await exclusively(life, spec, async (branch) => {
      const record = await readBranchRecord(spec.directory);
      if (!life.closed && record?.complete) await awaken(life, branch, { record, abort: undefined, byConnection: true });
    });
  } catch (error) {
    life.report(error);
  }
}

interface Awakening {
  record: BranchRecord;
  abort: AbortSignal | undefined;
  byConnection?: boolean;
}

async function awaken(life: Life, branch: Branch, awakening: Awakening): Promise<void> {
  const { record } = awakening;
  if (!(await standingServer(life, branch))) await startBranch(life, branch, awakening);
  branch.problem = null;
  const port = (await readPort(branch.place)) ?? record.port;
  if (port !== record.port) {
    await listen(life, branch, record);
    branch.listener?.carry(() => reached(connect({ host: "127.0.0.1", port, allowHalfOpen: true })));
  } else if (branch.listener) {
    await branch.listener.release();
    branch.listener.handOver();
    branch.bridges.push(branch.listener);
    branch.listener = null;
  }
  watch(life, branch);
}

async function startBranch(life: Life, branch: Branch, { record, abort, byConnection = false }: Awakening): Promise<void> {
  const { clock } = life;
  const { place, spec } = branch;
  try {
    const programs = await life.programsFor(record);
    const onEnd = () => void settleEnded(life, spec);
    const start = { place, programs, runner: life.runner(), settings: optionsOf(spec).settings, clock, abort, onEnd };
    // Whoever else connects while it starts waits too.
    if (byConnection) return void (await startOnAnyPort(start));
    await branch.listener?.release();
    await startServer({ ...start, port: record.port });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    branch.listener?.refuse(`worldtree could not wake this database: ${reason}`);
    if (!byConnection) {
      await branch.listener?.close();
      branch.listener = null;
    }
    if (record.complete) await listen(life, branch, record);
    branch.problem = reason;
    throw error;
  }
}

/** A server that was killed a moment ago still looks like one: only what answers is worth keeping, and what is dying is waited for. */
async function standingServer(life: Life, branch: Branch): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    if (!(await findServer(branch.place))) return false;
    if ((await readPort(branch.place)) !== null || attempt >= answerTries) return true;
    await life.clock.sleep(answerPauseMs);
  }
}

async function layDown(life: Life, branch: Branch, record: BranchRecord): Promise<void> {
  stopWatching(branch);
  branch.listener?.hold();
  await stopServer(branch.place, life.clock);
  await listen(life, branch, record);
}

async function halt(life: Life, branch: Branch): Promise<void> {
  stopWatching(branch);
  for (const listener of listenersOf(branch)) await listener.close();
  branch.listener = null;
  branch.bridges = [];
  await stopServer(branch.place, life.clock);
}

async function rest(life: Life, branch: Branch, record: BranchRecord): Promise<boolean> {
  if (await findServer(branch.place)) {
    // Whoever connects from now on waits, and wakes it again.
    branch.listener?.hold();
    let emptied = false;
    try {
      const { inUse, idle } = await look(branch);
      emptied = inUse === null && (await asRoot(branch.place, (session) => closeIdle(session, idle)));
    } finally {
      if (!emptied) await awaken(life, branch, { record, abort: undefined });
    }
    if (!emptied) return false;
  }
  await layDown(life, branch, record);
  return true;
}

function look(branch: Branch): Promise<Activity> {
  const idleMs = optionsOf(branch.spec).sleepMs ?? defaultSleepMs;
  return asRoot(branch.place, (session) => readActivity(session, idleMs));
}

/** After a server ended: if nobody meant it to, its port is held, and the next connection starts it again. */
async function settleEnded(life: Life, spec: ResourceSpec): Promise<void> {
  if (life.closed || !life.branches.has(spec.directory)) return;
  await exclusively(life, spec, async (branch) => {
    // Retired meanwhile: its port belongs to nobody.
    if (life.branches.get(spec.directory) !== branch) return;
    const record = await readBranchRecord(spec.directory);
    if (life.closed || !record?.complete || (await findServer(branch.place))) return;
    stopWatching(branch);
    branch.listener?.hold();
    await listen(life, branch, record);
  }).catch(life.report);
}

/** Looks rarely whether the server is used; lays it down after the idle time. */
function watch(life: Life, branch: Branch): void {
  if (branch.watch || life.closed) return;
  const { clock } = life;
  const abort = new AbortController();
  Object.assign(branch, { watch: abort, lastActiveMs: clock.now(), connections: 0 });
  const { sleepMs } = optionsOf(branch.spec);
  const pauseMs = Math.min(60_000, Math.max(100, (sleepMs ?? defaultSleepMs) / 4));
  const round = async () => {
    const record = await readBranchRecord(branch.spec.directory);
    if (abort.signal.aborted || !record?.complete) return;
    if (!(await findServer(branch.place))) return void settleEnded(life, branch.spec);
    if (sleepMs === null) return;
    const { inUse, connections } = await look(branch);
    if (inUse !== null || connections !== branch.connections + 1) branch.lastActiveMs = clock.now();
    branch.connections = connections;
    if (clock.now() - branch.lastActiveMs < sleepMs) return;
    // Somebody came in this very moment.
    if (!(await rest(life, branch, record))) branch.lastActiveMs = clock.now();
  };
  const loop = async () => {
    while (!abort.signal.aborted) {
      await clock.sleep(pauseMs, abort.signal);
      await exclusively(life, branch.spec, round).catch(life.report);
    }
  };
  loop().catch(() => undefined);
}

function stopWatching(branch: Branch): void {
  branch.watch?.abort();
  branch.watch = null;
}

function listenersOf(branch: Branch): WakeListener[] {
  return branch.listener ? [...branch.bridges, branch.listener] : branch.bridges;
}

function optionsOf(spec: ResourceSpec): Pick<BranchOptions, "sleepMs" | "settings"> {
  const options = mysqlOptions(spec.options);
  // A branch that is there lives on with the defaults when wt.yaml says something else by now.
  return options.mode === "branch" ? options : { sleepMs: defaultSleepMs, settings: {} };
}
