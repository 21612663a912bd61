// The waking and sleeping of branches: one server or one listener holds each branch's port, never both, and everything about one branch
// happens one after another.
import type { Clock } from "../../os/clock.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { readActivity } from "./activity.ts";
import { type BranchRecord, readBranchRecord } from "./branch-record.ts";
import { type BranchOptions, postgresOptions } from "./postgres-options.ts";
import { asAdmin, findServer, type ServerPlace, serverPlace, startServer, stopServer } from "./postmaster.ts";
import type { ServerPrograms } from "./server-programs.ts";
import type { ServerUser } from "./system-user.ts";
import { listenForWake, type WakeListener } from "./wake-listener.ts";

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

export function createBranchLife({ clock, user, programs, report }: BranchLifeOptions): BranchLife {
  const branches = new Map<string, Branch>();
  let closed = false;

  const branch = (spec: ResourceSpec): Branch => {
    const known = branches.get(spec.directory);
    if (known) {
      known.spec = spec;
      return known;
    }
    const place = serverPlace(spec.directory);
    const fresh = { listener: null, bridges: [], problem: null, watch: null, lastActiveMs: 0, mark: "", listeners: [] };
    const made: Branch = { spec, place, queue: Promise.resolve(), ...fresh };
    branches.set(spec.directory, made);
    return made;
  };

  const exclusively = <T>(spec: ResourceSpec, work: (branch: Branch) => Promise<T>): Promise<T> => {
    const one = branch(spec);
    const result = one.queue.then(() => work(one));
    one.queue = result.catch(() => undefined);
    return result;
  };

  const listen = async (one: Branch, record: BranchRecord): Promise<void> => {
    if (one.listener || closed) return;
    for (let attempt = 1; ; attempt++) {
      try {
        one.listener = await listenForWake(record.port, () => void wakeByConnection(one.spec));
        one.problem = null;
        return;
      } catch (error) {
        if (attempt < bindTries) await clock.sleep(10);
        else {
          one.problem = `its port ${record.port} cannot be held: ${error instanceof Error ? error.message : String(error)}`;
          return;
        }
      }
    }
  };

  const wakeByConnection = async (spec: ResourceSpec): Promise<void> => {
    try {
      await clock.sleep(gatherMs);
      await exclusively(spec, async (one) => {
        const record = await readBranchRecord(spec.directory);
        if (!closed && record?.complete) await awaken(one, record);
      });
    } catch (error) {
      report(error);
    }
  };

  const awaken = async (one: Branch, record: BranchRecord, abort?: AbortSignal): Promise<void> => {
    if (!(await findServer(one.place))) {
      await one.listener?.release();
      try {
        await startServer({
          place: one.place,
          programs: await programs(record.major),
          user: user(),
          settings: { major: record.major, port: record.port, label: one.spec.label, settings: optionsOf(one.spec).settings },
          clock,
          ...(abort ? { abort } : {}),
          onEnd: () => void settleEnded(one.spec),
        });
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        one.listener?.refuse(`worldtree could not wake this database: ${reason}`);
        await dropListener(one);
        if (record.complete) await listen(one, record);
        one.problem = reason;
        throw error;
      }
    }
    one.problem = null;
    if (one.listener) {
      // Where the server ran already nobody took the port; otherwise this is a second release and does nothing.
      await one.listener.release();
      one.listener.handOver();
      one.bridges.push(one.listener);
      one.listener = null;
    }
    watch(one);
  };

  const dropListener = async (one: Branch) => {
    const { listener } = one;
    one.listener = null;
    await listener?.release();
    if (listener) one.bridges.push(listener);
  };

  const layDown = async (one: Branch, record: BranchRecord) => {
    one.watch?.abort();
    one.watch = null;
    await stopServer(one.place, clock);
    await listen(one, record);
  };

  const halt = async (one: Branch) => {
    one.watch?.abort();
    one.watch = null;
    const listeners = [...one.bridges, ...(one.listener ? [one.listener] : [])];
    one.listener = null;
    one.bridges = [];
    for (const listener of listeners) await listener.close();
    await stopServer(one.place, clock);
  };

  const look = async (one: Branch, record: BranchRecord) => {
    const idleMs = optionsOf(one.spec).sleepMs ?? defaultIdleMs;
    const asked = { major: record.major, listeners: one.listeners, idleMs };
    const activity = await asAdmin(one.place, record.port, (session) => readActivity(session, asked));
    one.listeners = activity.listeners;
    return activity;
  };

  const rest = async (one: Branch, record: BranchRecord): Promise<boolean> => {
    if (!(await findServer(one.place))) {
      await listen(one, record);
      return true;
    }
    if ((await look(one, record)).inUse) return false;
    await layDown(one, record);
    return true;
  };

  /** After a server ended: if nobody meant it to, its port is held, and the next connection starts it again. */
  const settleEnded = async (spec: ResourceSpec): Promise<void> => {
    if (closed || !branches.has(spec.directory)) return;
    await exclusively(spec, async (one) => {
      const record = await readBranchRecord(spec.directory);
      if (closed || !record?.complete || one.listener || (await findServer(one.place))) return;
      one.watch?.abort();
      one.watch = null;
      await listen(one, record);
    }).catch(report);
  };

  /** Looks rarely whether the server is used; lays it down after the idle time. */
  const watch = (one: Branch) => {
    if (one.watch || closed) return;
    const abort = new AbortController();
    one.watch = abort;
    one.lastActiveMs = clock.now();
    one.mark = "";
    const { sleepMs } = optionsOf(one.spec);
    const pauseMs = Math.min(60_000, Math.max(100, (sleepMs ?? defaultIdleMs) / 4));
    const round = async (current: Branch) => {
      const record = await readBranchRecord(current.spec.directory);
      if (abort.signal.aborted || !record) return;
      if (!(await findServer(current.place))) return void settleEnded(current.spec);
      if (sleepMs === null) return;
      const { inUse, mark } = await look(current, record);
      if (inUse || mark !== current.mark) current.lastActiveMs = clock.now();
      current.mark = mark;
      if (clock.now() - current.lastActiveMs >= sleepMs) await layDown(current, record);
    };
    const loop = async () => {
      while (!abort.signal.aborted) {
        await clock.sleep(pauseMs, abort.signal);
        await exclusively(one.spec, round).catch(report);
      }
    };
    loop().catch(() => undefined);
  };

  return {
    branch,
    exclusively,
    awaken,
    layDown,
    rest,
    halt,
    forget: (one) => void branches.delete(one.spec.directory),
    async close() {
      closed = true;
      for (const one of branches.values()) {
        one.watch?.abort();
        await one.queue;
        for (const listener of [...one.bridges, ...(one.listener ? [one.listener] : [])]) await listener.close();
      }
      branches.clear();
    },
  };
}

function optionsOf(spec: ResourceSpec): BranchOptions {
  const options = postgresOptions(spec.options);
  // A branch that is there lives on with the defaults when wt.yaml says something else by now.
  return options.mode === "branch" ? options : ({ sleepMs: defaultIdleMs, settings: {} } as unknown as BranchOptions);
}
