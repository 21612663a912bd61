// `type: redis`: a server process of its own for every environment, asleep while nobody uses it.
import { WtError } from "../../errors/wt-error.ts";
import { readDiskUsage } from "../../os/disk-usage.ts";
import { entryAt, removeTree } from "../../os/files.ts";
import { ensureMarkedDirectory, foreignDirectory, observeMarkedDirectory, removeMarkedDirectory } from "../../os/marked-directory.ts";
import { checkpointPlace } from "../../os/owned-entry.ts";
import { textOption } from "../check-options.ts";
import type {
  DumpFormat,
  DumpWish,
  ResourceCall,
  ResourceConnection,
  ResourceDriver,
  ResourceObservation,
  ResourceSpec,
} from "../resource-driver.ts";
import {
  bringBackOldData,
  fillData,
  keepCheckpoint,
  loadCheckpoint,
  refuseTakenCheckpoint,
  replaceData,
  requireCheckpointOf,
  saveData,
} from "./redis-data.ts";
import { copyDump, rdbOnly, requireRdb } from "./redis-dump.ts";
import { type RedisRecord, readRecord, redisFiles, writeRecord } from "./redis-files.ts";
import { forkRedis, notForkedOnServer, type RedisVerbs } from "./redis-fork.ts";
import { createRedisOnServer } from "./redis-on-server.ts";
import { noFiles } from "./redis-on-server-refusals.ts";
import { isOnServer, parseRedisOptions, redisIdentity, redisVariableNames } from "./redis-options.ts";
import { findRedis, killRedis, saveAndStopRedis, tryLink } from "./redis-process.ts";
import { connectionOf, madeRecord, markOf, newPassword, ownRecord, portOf } from "./redis-record.ts";
import { createServers, never, type RedisResourceOptions, requireAnswer, type Servers, withLink } from "./redis-servers.ts";
import { sleepRedis } from "./redis-sleep.ts";

export function createRedisResource(options: RedisResourceOptions): ResourceDriver {
  const own = createOwnRedis(options);
  const shared = createRedisOnServer();
  const of = (spec: ResourceSpec) => (isOnServer(spec) ? shared : own);
  return {
    ...own,
    identity: redisIdentity,
    variableNames: redisVariableNames,
    observe: (spec) => of(spec).observe(spec),
    ensure: (spec, call) => of(spec).ensure(spec, call),
    fork: (spec, source, call) =>
      isOnServer(spec) || isOnServer(source) ? Promise.reject(notForkedOnServer(spec)) : own.fork(spec, source, call),
    reset: (spec, call) => of(spec).reset(spec, call),
    remove: (spec) => of(spec).remove(spec),
    retire: async (spec) => (await of(spec).retire?.(spec)) ?? false,
    connection: (spec) => of(spec).connection(spec),
    checkpoint: (spec, id) => of(spec).checkpoint(spec, id),
    restore: (spec, id) => of(spec).restore(spec, id),
    removeCheckpoint: (spec, id) => of(spec).removeCheckpoint(spec, id),
    sleep: (spec) => of(spec).sleep(spec),
    wake: (spec) => of(spec).wake(spec),
    usage: (spec) => of(spec).usage(spec),
    adopt: (spec) => of(spec).adopt(spec),
    dump: (spec, wish, call) => (isOnServer(spec) ? Promise.reject(noFiles(spec)) : own.dump(spec, wish, call)),
    load: (spec, path, call) => (isOnServer(spec) ? Promise.reject(noFiles(spec)) : own.load(spec, path, call)),
  };
}

function createOwnRedis(options: RedisResourceOptions) {
  const servers = createServers(options);
  const { exclusive } = servers;
  return {
    type: "redis",
    features: { checkpoints: true, sleep: true, port: true },
    variableNames: redisVariableNames,
    parseOptions: parseRedisOptions,
    observe: (spec) => observe(spec, servers),
    ensure: (spec, call) => exclusive(spec, () => ensure(spec, { call, servers })),
    fork: (spec, source, call) => {
      const everything = (path: string) => ({ path, format: null, schema: true, data: true });
      const verbs: RedisVerbs = {
        observe: (one) => observe(one, servers),
        dump: (one, path) => exclusive(one, async () => void (await dump(one, everything(path), { call, servers }))),
        load: (one, path) => exclusive(one, () => load(one, path, { call, servers })),
        make: (one, fill) => exclusive(one, () => ensure(one, { call, servers, fill })),
      };
      return forkRedis(spec, source, { call, verbs });
    },
    reset: (spec, call) => exclusive(spec, () => reset(spec, call, servers)),
    remove: (spec) => exclusive(spec, () => remove(spec, servers)),
    retire: (spec) => exclusive(spec, () => retire(spec, servers)),
    async connection(spec) {
      const record = await ownRecord(spec);
      return record?.made ? connectionOf(spec, record) : null;
    },
    checkpoint: (spec, id) => exclusive(spec, () => checkpoint(spec, id, servers)),
    restore: (spec, id) => exclusive(spec, () => restore(spec, id, servers)),
    removeCheckpoint: (spec, id) => removeTree(checkpointPlace(spec, id)),
    dump: (spec, wish, call) => exclusive(spec, () => dump(spec, wish, { call, servers })),
    load: (spec, path, call) => exclusive(spec, () => load(spec, path, { call, servers })),
    sleep: (spec) => exclusive(spec, () => sleepRedis(spec, servers)),
    wake: (spec) =>
      exclusive(spec, async () => {
        const record = await ownRecord(spec);
        if (record?.made) await servers.awake(spec, record, never);
      }),
    usage: async (spec) => readDiskUsage([spec.directory]),
    adopt: (spec) =>
      exclusive(spec, async () => {
        const record = await ownRecord(spec);
        if (record?.made && !(await findRedis(spec))) await servers.openDoor(spec);
      }),
    close: () => servers.close(),
  } satisfies ResourceDriver;
}

async function observe(spec: ResourceSpec, servers: Servers): Promise<ResourceObservation> {
  const owner = await observeMarkedDirectory(spec.directory, markOf(spec));
  if (owner === "absent") return { state: "absent" };
  if (owner === "foreign") return { state: "foreign", reason: foreignDirectory(spec.directory).message };
  const record = readRecord(spec);
  if (!record?.made) return { state: "broken", reason: `The Redis of resources.${spec.name} was not made to its end.` };
  if (servers.hasDoor(spec)) return { state: "asleep", detail: null };
  if (!(await findRedis(spec))) {
    return record.asleep
      ? { state: "asleep", detail: null }
      : { state: "broken", reason: `The Redis of resources.${spec.name} has ended.` };
  }
  try {
    await requireAnswer(spec, record);
    return { state: "ready", detail: null };
  } catch (error) {
    return { state: "broken", reason: WtError.from(error).message };
  }
}

interface Ensuring extends Calling {
  /** What a new one begins with, instead of what wt.yaml says. */
  fill?: () => Promise<void>;
}

async function ensure(spec: ResourceSpec, { call, servers, fill }: Ensuring): Promise<ResourceConnection> {
  call.abort.throwIfAborted();
  const found = await ownRecord(spec);
  if (found?.made) {
    await servers.awake(spec, found, call.abort);
    return connectionOf(spec, found);
  }
  await ensureMarkedDirectory(spec.directory, markOf(spec));
  const record = { password: found?.password ?? newPassword(), port: portOf(spec), made: false, asleep: false };
  try {
    await killRedis(spec);
    await removeTree(redisFiles(spec).oldData);
    await writeRecord(spec, record);
    await (fill ? fill() : fillData(spec, call.abort));
    await servers.start(spec, record, call.abort);
    if (!fill) await seed(spec, record, call);
    await writeRecord(spec, { ...record, made: true });
  } catch (error) {
    await killRedis(spec);
    await removeMarkedDirectory(spec.directory, markOf(spec));
    throw error;
  }
  return connectionOf(spec, record);
}

async function reset(spec: ResourceSpec, call: ResourceCall, servers: Servers): Promise<ResourceConnection> {
  const record = await madeRecord(spec);
  call.abort.throwIfAborted();
  await replaceContent(spec, servers, {
    record,
    async replace() {
      await fillData(spec, call.abort);
      await servers.start(spec, record, call.abort);
      await seed(spec, record, call);
    },
  });
  return connectionOf(spec, record);
}

async function restore(spec: ResourceSpec, id: string, servers: Servers): Promise<void> {
  const record = await madeRecord(spec);
  const place = requireCheckpointOf(spec, id);
  const asleep = servers.hasDoor(spec);
  await replaceContent(spec, servers, {
    record,
    async replace() {
      await loadCheckpoint(spec, place);
      if (!asleep) await servers.start(spec, record, never);
    },
  });
}

interface Replacing {
  record: RedisRecord;
  /** Makes the new data and, unless it is to sleep on, starts the server. */
  replace: () => Promise<void>;
}

/** When it fails, the server is back as it was. */
async function replaceContent(spec: ResourceSpec, servers: Servers, { record, replace }: Replacing): Promise<void> {
  const wasAwake = (await findRedis(spec)) !== null;
  if (wasAwake) await stopForGood(spec, record);
  await bringBackOldData(spec);
  try {
    await replaceData(spec, { replace, undo: () => killRedis(spec) });
  } catch (error) {
    if (wasAwake) await servers.start(spec, record, never);
    else await servers.openDoor(spec);
    throw error;
  }
}

async function remove(spec: ResourceSpec, servers: Servers): Promise<void> {
  if ((await observeMarkedDirectory(spec.directory, markOf(spec))) === "ours") {
    await servers.closeDoor(spec);
    await killRedis(spec);
  }
  await removeMarkedDirectory(spec.directory, markOf(spec));
}

async function retire(spec: ResourceSpec, servers: Servers): Promise<boolean> {
  const record = await ownRecord(spec);
  if (!record?.made) return false;
  // What it holds is on disk before it ends.
  if (await findRedis(spec)) {
    await withLink(spec, record, (link) => saveAndStopRedis(spec, link));
    await writeRecord(spec, { ...record, asleep: true });
  }
  await servers.closeDoor(spec);
  return true;
}

async function checkpoint(spec: ResourceSpec, id: string, servers: Servers): Promise<void> {
  const record = await madeRecord(spec);
  refuseTakenCheckpoint(spec, id);
  await writeDump(spec, record, servers);
  await keepCheckpoint(spec, id);
}

/** The dump on disk is what it holds now. */
async function writeDump(spec: ResourceSpec, record: RedisRecord, servers: Servers): Promise<void> {
  const running = (await findRedis(spec)) !== null;
  // Asleep in order, the dump holds everything; after a crash only the server knows.
  if (running || !record.asleep || !entryAt(redisFiles(spec).dump)) {
    await servers.awake(spec, record, never);
    await withLink(spec, record, (link) => saveData(spec, link));
  }
}

interface Calling {
  call: ResourceCall;
  servers: Servers;
}

async function dump(spec: ResourceSpec, wish: DumpWish, { call, servers }: Calling): Promise<DumpFormat> {
  if ((wish.format ?? "rdb") !== "rdb" || !wish.schema || !wish.data) throw rdbOnly(spec);
  const record = await madeRecord(spec);
  call.abort.throwIfAborted();
  await writeDump(spec, record, servers);
  await copyDump(redisFiles(spec).dump, wish.path, call.abort);
  return "rdb";
}

async function load(spec: ResourceSpec, path: string, { call, servers }: Calling): Promise<void> {
  const record = await madeRecord(spec);
  requireRdb(path);
  call.abort.throwIfAborted();
  await replaceContent(spec, servers, {
    record,
    // Started in any case: only the server can say whether it can read it.
    async replace() {
      await loadCheckpoint(spec, path);
      await servers.start(spec, record, call.abort);
    },
  });
}

async function seed(spec: ResourceSpec, record: RedisRecord, call: ResourceCall): Promise<void> {
  const command = textOption(spec.options, "seed");
  if (command !== null) await call.run(command, connectionOf(spec, record).variables);
  call.abort.throwIfAborted();
}

/** Saves what it holds where it can, then ends it: only for what is about to be replaced. */
async function stopForGood(spec: ResourceSpec, record: RedisRecord): Promise<void> {
  const link = await tryLink(spec, record.password);
  try {
    if (link) await saveAndStopRedis(spec, link);
  } catch {
    // A full disk must not keep somebody from going back to a smaller state.
  } finally {
    link?.close();
  }
  await killRedis(spec);
}
