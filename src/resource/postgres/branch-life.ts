// The waking and sleeping of branches. One server or one listener holds each branch's port, never both: a server that a connection woke stays on its
// private socket, and the listener goes on holding the port and carries connections there, so that none is ever refused. One that was told to start
// owns its port and serves on without us. Everything about one branch happens one after another.
import { existsSync } from "node:fs";
import { connect, type Socket } from "node:net";
import type { Clock } from "../../os/clock.ts";
import type { ServerUser } from "../../os/server-user.ts";
import { withSocketPath } from "../../os/socket-path.ts";
import { listenForWake, reached, type WakeListener } from "../../os/wake-listener.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { type BranchRecord, readBranchRecord } from "./branch-record.ts";
import { isEmptied, isIdle, lookEveryMs, sleepOptions } from "./branch-watch.ts";
import { appRole, readMajor } from "./data-directory.ts";
import type { Session } from "./pg-session.ts";
import {
  adminPasswordFile,
  adminTarget,
  asAdmin,
  findServer,
  isCarried,
  type ServerPlace,
  serverPlace,
  startServer,
  stopServer,
} from "./postmaster.ts";
import type { ServerPrograms } from "./server-programs.ts";
import { errorMessage } from "./wake-refusal.ts";

export interface Branch {
  spec: ResourceSpec;
  place: ServerPlace;
  queue: Promise<unknown>;
  /** Holds the port while the server sleeps, and while connections are carried to its socket. */
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
  awaken(branch: Branch, record: BranchRecord, how?: AwakenOptions): Promise<void>;
  /** Stops the server if it runs, and holds its port. */
  layDown(branch: Branch, record: BranchRecord): Promise<void>;
  /** Lays down what nobody uses; false: it is in use. */
  rest(branch: Branch, record: BranchRecord): Promise<boolean>;
  /** Stops the server and gives the port back. */
  halt(branch: Branch): Promise<void>;
  /** Those whose servers run, as far as is known. */
  awake(): ResourceSpec[];
  /** Forgets a branch that was removed. */
  forget(branch: Branch): void;
  close(): Promise<void>;
}

export interface AwakenOptions {
  abort?: AbortSignal | undefined;
  /** Done as the superuser as soon as the server answers. */
  prepare?: (session: Session) => Promise<void>;
}

export interface BranchLifeOptions {
  clock: Clock;
  user: () => ServerUser | null;
  programs: (major: number) => Promise<ServerPrograms>;
  report: (error: unknown) => void;
  /** Looks after the room on the disk, which what starts and stops needs. */
  disk: { relieve(): void; admit(directory: string): void };
}

const bindTries = 100;
/** A socket whose queue is full says so at once. */
const reachTries = 400;
const reachPauseMs = 5;

/** Two seconds in all: a server that takes longer is busy with recovery, and whoever connects waits for that. */
const answerTries = 40;
const answerPauseMs = 50;

export function createBranchLife(options: BranchLifeOptions): BranchLife {
  const life: Life = { ...options, branches: new Map(), closed: false };
  return {
    branch: (spec) => branchOf(life, spec),
    exclusively: (spec, work) => exclusively(life, spec, work),
    awaken: (branch, record, how) => awaken(life, branch, { ...how, record }),
    layDown: (branch, record) => layDown(life, branch, record),
    rest: (branch, record) => rest(life, branch, record),
    halt: (branch) => halt(life, branch),
    awake: () => [...life.branches.values()].filter(({ watch }) => watch !== null).map(({ spec }) => spec),
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
    await exclusively(life, spec, async (branch) => {
      const record = await readBranchRecord(spec.directory);
      if (!life.closed && record?.complete) await awaken(life, branch, { record, byConnection: true });
    });
  } catch (error) {
    life.report(error);
  }
}

interface Awakening extends AwakenOptions {
  record: BranchRecord;
  byConnection?: boolean;
}

async function awaken(life: Life, branch: Branch, wish: Awakening): Promise<void> {
  const { record, prepare } = wish;
  if (!(await standingServer(life, branch, record))) await start(life, branch, wish);
  else if (prepare) await asAdmin(branch.place, record.port, prepare);
  branch.problem = null;
  if (await isCarried(branch.place)) {
    await listen(life, branch, record);
    branch.listener?.carry(() => reachSocket(life, branch, record));
  } else if (branch.listener) {
    await branch.listener.release();
    branch.listener.handOver();
    branch.bridges.push(branch.listener);
    branch.listener = null;
  }
  watch(life, branch);
}

async function start(life: Life, branch: Branch, { record, abort, byConnection, prepare }: Awakening): Promise<void> {
  const { place, spec } = branch;
  // Before the port is given free: finding programs may take a moment.
  const major = readMajor(place.data) ?? record.major;
  const programs = await life.programs(major);
  // A branch made before the superuser had a password is carried nowhere.
  const carried = byConnection === true && existsSync(adminPasswordFile(place));
  if (!carried) await branch.listener?.release();
  try {
    life.disk.admit(spec.directory);
    const settings = { major, port: record.port, label: spec.label, settings: sleepOptions(branch).settings, carried };
    const onEnd = () => void settleEnded(life, spec);
    const first = { database: appRole, ...(prepare ? { onReady: prepare } : {}) };
    await startServer({ place, programs, user: life.user(), settings, clock: life.clock, abort, onEnd, ...first });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    branch.listener?.refuse(`worldtree could not wake this database: ${reason}`);
    if (!carried) {
      await branch.listener?.close();
      branch.listener = null;
    }
    if (record.complete) await listen(life, branch, record);
    branch.problem = reason;
    throw error;
  }
}

/** Rejects when nothing listens on the socket. */
async function reachSocket({ clock }: Life, { place }: Branch, { port }: BranchRecord): Promise<Socket> {
  const { socketDirectory } = adminTarget(place, port);
  for (let attempt = 1; ; attempt++) {
    try {
      return await withSocketPath(socketDirectory, `.s.PGSQL.${port}`, (path) => reached(connect({ path, allowHalfOpen: true })));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN" || attempt >= reachTries) throw error;
    }
    await clock.sleep(reachPauseMs);
  }
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
  branch.listener?.hold();
  life.disk.relieve();
  await stopServer(branch.place, life.clock);
  await listen(life, branch, record);
}

async function halt(life: Life, branch: Branch): Promise<void> {
  stopWatching(branch);
  for (const listener of listenersOf(branch)) await listener.close();
  branch.listener = null;
  branch.bridges = [];
  life.disk.relieve();
  await stopServer(branch.place, life.clock);
}

async function rest(life: Life, branch: Branch, record: BranchRecord): Promise<boolean> {
  if (await findServer(branch.place)) {
    // Whoever connects from now on waits, and wakes it again.
    branch.listener?.hold();
    let emptied = false;
    try {
      emptied = await isEmptied(branch, record);
    } finally {
      if (!emptied) await awaken(life, branch, { record });
    }
    if (!emptied) return false;
  }
  await layDown(life, branch, record);
  return true;
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
  Object.assign(branch, { watch: abort, lastActiveMs: clock.now(), mark: "" });
  const round = async () => {
    const record = await readBranchRecord(branch.spec.directory);
    if (abort.signal.aborted || !record?.complete) return;
    if (!(await findServer(branch.place))) return void settleEnded(life, branch.spec);
    if (await isIdle(branch, record, clock.now())) await rest(life, branch, record);
  };
  const loop = async () => {
    while (!abort.signal.aborted) {
      await clock.sleep(lookEveryMs(branch), abort.signal);
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
