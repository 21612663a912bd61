// The servers of one driver: each awake, or asleep behind a door that wakes it.
import type { Socket } from "node:net";
import { WtError } from "../../errors/wt-error.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { bringBackOldData, wasReplacing } from "./redis-data.ts";
import { type RedisRecord, redisFiles, writeRecord } from "./redis-files.ts";
import { type RedisLink, RedisReplyError, sendInTime } from "./redis-link.ts";
import { findRedis, saveAndStopRedis, startRedis, tryLink } from "./redis-process.ts";
import { findRedisProgram } from "./redis-program.ts";
import { ownRecord, portOf } from "./redis-record.ts";
import { openWakeDoor, type WakeDoor } from "./wake-door.ts";

export const never = new AbortController().signal;

export interface RedisResourceOptions {
  /** Where programs are looked for: its PATH. */
  env: Readonly<Record<string, string | undefined>>;
  /** An error that nobody waits for: a wake that failed. */
  report?: (error: unknown) => void;
}

export interface Servers {
  /** One thing at a time for one resource; a connection may wake it at any moment. */
  exclusive<Result>(spec: ResourceSpec, work: () => Promise<Result>): Promise<Result>;
  /** Runs and owns its port afterwards; unless it did so before, it is started. */
  awake(spec: ResourceSpec, record: RedisRecord, abort: AbortSignal): Promise<void>;
  /** Of a server that does not run, with the data as it stands there. */
  start(spec: ResourceSpec, record: RedisRecord, abort: AbortSignal): Promise<void>;
  /** Sleeping: the port is ours. Throws `WtError` (`machine`, `port_held`). */
  openDoor(spec: ResourceSpec): Promise<void>;
  closeDoor(spec: ResourceSpec): Promise<void>;
  hasDoor(spec: ResourceSpec): boolean;
  close(): Promise<void>;
}

export function createServers({ env, report = () => undefined }: RedisResourceOptions): Servers {
  const doors = new Map<string, WakeDoor>();
  const handed = new Set<Socket>();
  const queues = new Map<string, Promise<unknown>>();
  let closed = false;

  const exclusive = <Result>(spec: ResourceSpec, work: () => Promise<Result>): Promise<Result> => {
    const before = queues.get(spec.directory) ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(work);
    queues.set(spec.directory, mine);
    const forget = () => queues.get(spec.directory) === mine && queues.delete(spec.directory);
    mine.then(forget, forget);
    return mine;
  };

  const start = async (spec: ResourceSpec, record: RedisRecord, abort: AbortSignal) => {
    const program = await findRedisProgram(env);
    const door = doors.get(spec.directory);
    const port = portOf(spec);
    await startRedis({ spec, program, password: record.password, port, abort, beforePort: async () => door?.release() });
    doors.delete(spec.directory);
    door?.handOver();
    await writeRecord(spec, { ...record, port, asleep: false });
  };

  const awake = async (spec: ResourceSpec, record: RedisRecord, abort: AbortSignal) => {
    const running = (await findRedis(spec)) !== null;
    if (running && record.port === portOf(spec) && !wasReplacing(spec)) return requireAnswer(spec, record);
    if (running) await withLink(spec, record, (link) => saveAndStopRedis(spec, link));
    await bringBackOldData(spec);
    return start(spec, record, abort);
  };

  const wakeByUse = async (spec: ResourceSpec) => {
    const record = await ownRecord(spec);
    const door = doors.get(spec.directory);
    if (closed || !door || !record?.made) return;
    try {
      await awake(spec, record, never);
    } catch (error) {
      report(error);
      door.refuse(WtError.from(error).message);
      doors.delete(spec.directory);
      await door.close();
      await openDoor(spec).catch(report);
    }
  };

  const openDoor = async (spec: ResourceSpec) => {
    if (closed || doors.has(spec.directory)) return;
    const onUse = () => void exclusive(spec, () => wakeByUse(spec)).catch(report);
    try {
      doors.set(spec.directory, await openWakeDoor({ port: portOf(spec), onUse, handed }));
    } catch (cause) {
      throw portHeld(spec, cause);
    }
  };

  const closeDoor = async (spec: ResourceSpec) => {
    const door = doors.get(spec.directory);
    doors.delete(spec.directory);
    await door?.close();
  };

  return {
    exclusive,
    awake,
    start,
    openDoor,
    closeDoor,
    hasDoor: (spec) => doors.has(spec.directory),
    async close() {
      closed = true;
      await Promise.all([...queues.values()].map((work) => work.catch(() => undefined)));
      await Promise.all([...doors.values()].map((door) => door.close()));
      doors.clear();
      for (const socket of handed) socket.destroy();
    },
  };
}

export async function withLink<Result>(
  spec: ResourceSpec,
  record: RedisRecord,
  work: (link: RedisLink) => Promise<Result>,
): Promise<Result> {
  const link = await tryLink(spec, record.password);
  if (!link) throw silent(spec);
  try {
    return await work(link);
  } finally {
    link.close();
  }
}

/** An error reply is an answer too: it loads its data, or a script keeps it busy. */
export async function requireAnswer(spec: ResourceSpec, record: RedisRecord): Promise<void> {
  await withLink(spec, record, (link) =>
    sendInTime(link, ["PING"], 2_000).catch((error) => {
      if (!(error instanceof RedisReplyError)) throw silent(spec);
    }),
  );
}

function portHeld(spec: ResourceSpec, cause: unknown): WtError {
  return new WtError({
    kind: "machine",
    code: "port_held",
    message: `Port ${portOf(spec)}, which belongs to resources.${spec.name}, is held by another program.`,
    hints: [`Find it with \`ss -ltnp 'sport = :${portOf(spec)}'\`, end it, then try again.`],
    details: { port: portOf(spec) },
    cause,
  });
}

function silent(spec: ResourceSpec): WtError {
  return new WtError({
    kind: "machine",
    code: "redis_silent",
    message: `The Redis of resources.${spec.name} runs but does not answer.`,
    hints: [`Look at ${redisFiles(spec).log}.`],
  });
}
