// The waking and sleeping of branches: one server or one listener holds each branch's port, never both, and everything about one branch
// happens one after another.
import type { Clock } from "../../os/clock.ts";
import type { ServerUser } from "../../os/server-user.ts";
import { listenForWake, type WakeListener } from "../../os/wake-listener.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { type Activity, readActivity } from "./activity.ts";
import { type BranchRecord, readBranchRecord } from "./branch-record.ts";
import { readMajor } from "./data-directory.ts";
import { type BranchOptions, postgresOptions } from "./postgres-options.ts";
import { asAdmin, findServer, type ServerPlace, serverPlace, startServer, stopServer } from "./postmaster.ts";
import type { ServerPrograms } from "./server-programs.ts";
import { errorMessage } from "./wake-refusal.ts";

export interface Branch {
  spec: ResourceSpec;
  place: ServerPlace;
  queue: Promise<unknown>;
  /** Holds the port while the server sleeps. */
  listener: WakeListener | null;
  /** Earlier listeners whose handed-over connections may still run. */
  bridges: WakeListener[];
  /** Why it can neither run nor sleep. */
  problem: string | null;
  watch: AbortController | null;
  lastActiveMs: number;
  mark: string;
  listeners: string[];
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
  user: () => ServerUser | null;
  programs: (major: number) => Promise<ServerPrograms>;
  report: (error: unknown) => void;
}

/** Connections of one pool come within a moment; those that are there when the listener goes are handed over, later ones meet a closed door. */
const gatherMs = 4;
const defaultIdleMs = 10 * 60_000;
const bindTries = 100;

/** Two seconds in all: a server that takes longer is busy with recovery, and whoever connects waits for that. */
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
  const fresh = { listener: null, bridges: [], problem: null, watch: null, lastActiveMs: 0, mark: "", listeners: [] };
  const made: Branch = { spec, place: serverPlace(spec.directory), queue: Promise.resolve(), ...fresh };
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
  for (let attempt = 1; ; attempt++) {
    try {
      branch.listener = await listenForWake({
        port: record.port,
        onWake: () => void wakeByConnection(life, branch.spec),
        firstWord: "client",
        encodeRefusal: errorMessage,
      });
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
    await life.clock.sleep(gatherMs);
    await exclusively(life, spec, async (branch) => {
      const record = await readBranchRecord(spec.directory);
      if (!life.closed && record?.complete) await awaken(life, branch, { record, abort: undefined });
    });
  } catch (error) {
    life.report(error);
  }
}

interface Awakening {
  record: BranchRecord;
  abort: AbortSignal | undefined;
}

async function awaken(life: Life, branch: Branch, { record, abort }: Awakening): Promise<void> {
  if (!(await standingServer(life, branch, record))) {
    // Before the port is given free: finding programs may take a moment.
    const major = readMajor(branch.place.data) ?? record.major;
    const programs = await life.programs(major);
    await branch.listener?.release();
    try {
      const settings = { major, port: record.port, label: branch.spec.label, settings: optionsOf(branch.spec).settings };
      const onEnd = () => void settleEnded(life, branch.spec);
      await startServer({ place: branch.place, programs, user: life.user(), settings, clock: life.clock, abort, onEnd });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      branch.listener?.refuse(`worldtree could not wake this database: ${reason}`);
      await branch.listener?.close();
      branch.listener = null;
      if (record.complete) await listen(life, branch, record);
      branch.problem = reason;
      throw error;
    }
  }
  branch.problem = null;
  if (branch.listener) {
    await branch.listener.release();
    branch.listener.handOver();
    branch.bridges.push(branch.listener);
    branch.listener = null;
  }
  watch(life, branch);
}

/** A server that was killed a moment ago still looks like one: only what answers is worth keeping, and what is dying is waited for. */
async function standingServer(life: Life, branch: Branch, record: BranchRecord): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    if (!(await findServer(branch.place))) return false;
    const answers = await asAdmin(branch.place, record.port, async () => true).catch(() => false);
    if (answers || attempt >= answerTries) return true;
    await life.clock.sleep(answerPauseMs);
  }
}

async function layDown(life: Life, branch: Branch, record: BranchRecord): Promise<void> {
  stopWatching(branch);
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
  if ((await findServer(branch.place)) && (await look(branch, record)).inUse) return false;
  await layDown(life, branch, record);
  return true;
}

async function look(branch: Branch, record: BranchRecord): Promise<Activity> {
  const idleMs = optionsOf(branch.spec).sleepMs ?? defaultIdleMs;
  const asked = { major: record.major, listeners: branch.listeners, idleMs };
  const activity = await asAdmin(branch.place, record.port, (session) => readActivity(session, asked));
  branch.listeners = activity.listeners;
  return activity;
}

/** After a server ended: if nobody meant it to, its port is held, and the next connection starts it again. */
async function settleEnded(life: Life, spec: ResourceSpec): Promise<void> {
  if (life.closed || !life.branches.has(spec.directory)) return;
  await exclusively(life, spec, async (branch) => {
    const record = await readBranchRecord(spec.directory);
    if (life.closed || !record?.complete || branch.listener || (await findServer(branch.place))) return;
    stopWatching(branch);
    await listen(life, branch, record);
  }).catch(life.report);
}

/** Looks rarely whether the server is used; lays it down after the idle time. */
function watch(life: Life, branch: Branch): void {
  if (branch.watch || life.closed) return;
  const { clock } = life;
  const abort = new AbortController();
  Object.assign(branch, { watch: abort, lastActiveMs: clock.now(), mark: "" });
  const { sleepMs } = optionsOf(branch.spec);
  const pauseMs = Math.min(60_000, Math.max(100, (sleepMs ?? defaultIdleMs) / 4));
  const round = async () => {
    const record = await readBranchRecord(branch.spec.directory);
    if (abort.signal.aborted || !record?.complete) return;
    if (!(await findServer(branch.place))) return void settleEnded(life, branch.spec);
    if (sleepMs === null) return;
    const { inUse, mark } = await look(branch, record);
    if (inUse || mark !== branch.mark) branch.lastActiveMs = clock.now();
    branch.mark = mark;
    if (clock.now() - branch.lastActiveMs >= sleepMs) await layDown(life, branch, record);
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

function optionsOf(spec: ResourceSpec): BranchOptions {
  const options = postgresOptions(spec.options);
  // A branch that is there lives on with the defaults when wt.yaml says something else by now.
  return options.mode === "branch" ? options : ({ sleepMs: defaultIdleMs, settings: {} } as unknown as BranchOptions);
}
