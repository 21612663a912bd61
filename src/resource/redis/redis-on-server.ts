// `server:`: a slice of a Redis that is there already: a user and a key prefix, or a logical database.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { writeFileAtomic } from "../../os/files.ts";
import { ensureMarkedDirectory, foreignDirectory, observeMarkedDirectory, removeMarkedDirectory } from "../../os/marked-directory.ts";
import { textOption } from "../check-options.ts";
import type {
  ResourceCall,
  ResourceConnection,
  ResourceDriver,
  ResourceObservation,
  ResourceSpec,
  ResourceUsage,
} from "../resource-driver.ts";
import { type Claim, databaseClaim, keyPrefix, prefixClaim, removeKeys, type SharedRecord } from "./redis-claims.ts";
import { type RedisLink, sendInTime } from "./redis-link.ts";
import { foreign, noCheckpoints, notMade, stillWritten } from "./redis-on-server-refusals.ts";
import { markOf, newPassword, sharedVariablesOf, variablesOf } from "./redis-record.ts";
import { keysOf, serverPlace, serverUrl, withServer } from "./redis-server-link.ts";

type Verbs = Pick<
  ResourceDriver,
  | "observe"
  | "ensure"
  | "reset"
  | "remove"
  | "retire"
  | "connection"
  | "checkpoint"
  | "restore"
  | "removeCheckpoint"
  | "sleep"
  | "wake"
  | "usage"
  | "adopt"
>;

/** Keys that are measured one by one. */
const mostMeasured = 5_000;

export function createRedisOnServer(): Verbs {
  return {
    observe,
    ensure,
    reset,
    remove,
    retire,
    async connection(spec) {
      const record = await ownRecord(spec);
      return record?.made ? connectionOf(spec, record) : null;
    },
    checkpoint: (spec) => Promise.reject(noCheckpoints(spec)),
    restore: (spec) => Promise.reject(noCheckpoints(spec)),
    removeCheckpoint: async () => undefined,
    sleep: async () => false,
    wake: repair,
    usage,
    // Also while the server is down: that is said when it is looked at.
    adopt: (spec) => repair(spec).catch(() => undefined),
  };
}

function claimOf(spec: ResourceSpec): Claim {
  return textOption(spec.options, "database") === "auto" ? databaseClaim : prefixClaim;
}

async function observe(spec: ResourceSpec): Promise<ResourceObservation> {
  const owner = await observeMarkedDirectory(spec.directory, markOf(spec));
  if (owner === "foreign") return { state: "foreign", reason: foreignDirectory(spec.directory).message };
  const record = owner === "ours" ? readRecord(spec) : null;
  try {
    const whose = await withServer(spec, (link) => claimOf(spec).whose(link, spec, record));
    if (whose === "foreign") return { state: "foreign", reason: foreign(spec).message };
    if (record === null && whose === "absent") return { state: "absent" };
    if (!record?.made) return { state: "broken", reason: `resources.${spec.name} was not made to its end.` };
    if (record.retired) return { state: "broken", reason: "it was put aside; `wt up` brings it back." };
    if (whose === "absent")
      return { state: "broken", reason: `The Redis at ${placeOf(spec)} has forgotten it; \`wt up\` makes it known again.` };
    return { state: "ready", detail: `${sliceOf(spec, record)} on ${placeOf(spec)}` };
  } catch (error) {
    // Of a server that does not answer nobody knows more than what is kept here.
    if (record === null) return { state: "absent" };
    return { state: "broken", reason: WtError.from(error).message };
  }
}

async function ensure(spec: ResourceSpec, call: ResourceCall): Promise<ResourceConnection> {
  call.abort.throwIfAborted();
  const found = await ownRecord(spec);
  if (found?.made) {
    if (found.retired) await bringBack(spec, found);
    else await repair(spec);
    return connectionOf(spec, found);
  }
  return withServer(spec, async (link) => {
    await refuseForeign(link, spec, found);
    await ensureMarkedDirectory(spec.directory, markOf(spec));
    let record: SharedRecord = found ?? { password: newPassword(), database: null, made: false };
    try {
      await writeRecord(spec, record);
      record = await claimOf(spec).take(link, spec, record);
      await writeRecord(spec, record);
      // Of an attempt that a crash cut off.
      await removeKeys(link, await claimOf(spec).places(link, spec, record));
      await seed(spec, record, call);
      await writeRecord(spec, { ...record, made: true });
    } catch (error) {
      await giveBack(link, spec, record).catch((failure) => call.report(WtError.from(failure).message));
      throw error;
    }
    return connectionOf(spec, record);
  });
}

/** Its user, or its number, where the server has forgotten it: without a file for users a restart does that. */
async function repair(spec: ResourceSpec): Promise<void> {
  const record = await ownRecord(spec);
  if (!record?.made || record.retired) return;
  await withServer(spec, async (link) => {
    const whose = await claimOf(spec).whose(link, spec, record);
    if (whose === "foreign") throw foreign(spec);
    if (whose === "absent") await claimOf(spec).take(link, spec, record);
  });
}

/** Its keys stay, and nobody gets at them as its user. Numbered databases are too few for that: they are given back. */
async function retire(spec: ResourceSpec): Promise<boolean> {
  const record = await ownRecord(spec);
  if (!record?.made || claimOf(spec) !== prefixClaim) return false;
  await withServer(spec, async (link) => {
    const whose = await prefixClaim.whose(link, spec, record);
    if (whose === "foreign") throw foreign(spec);
    // Before anything else: a daemon that starts in between must not let anybody in again.
    await writeRecord(spec, { ...record, retired: true });
    // With its mark even where the server has forgotten it, so that nobody else takes what lies there for free.
    if (whose === "absent") await prefixClaim.take(link, spec, record);
    await prefixClaim.endClients(link, spec, record);
  });
  return true;
}

async function bringBack(spec: ResourceSpec, record: SharedRecord): Promise<void> {
  await withServer(spec, async (link) => {
    if ((await prefixClaim.whose(link, spec, record)) === "foreign") throw foreign(spec);
    await prefixClaim.take(link, spec, record);
  });
  await writeRecord(spec, { ...record, retired: false });
}

async function reset(spec: ResourceSpec, call: ResourceCall): Promise<ResourceConnection> {
  const record = await ownRecord(spec);
  if (!record?.made) throw notMade(spec);
  call.abort.throwIfAborted();
  await repair(spec);
  await withServer(spec, async (link) => removeKeys(link, await claimOf(spec).places(link, spec, record)));
  await seed(spec, record, call);
  return connectionOf(spec, record);
}

async function remove(spec: ResourceSpec): Promise<void> {
  if ((await observeMarkedDirectory(spec.directory, markOf(spec))) === "foreign") throw foreignDirectory(spec.directory);
  const record = await ownRecord(spec);
  if (record) await withServer(spec, (link) => removeOwn(link, spec, record));
  // Nothing of it was made here: a server that is down hinders nobody.
  else
    await withServer(spec, (link) => removeOwn(link, spec, null)).catch((error: unknown) => {
      if (WtError.from(error).kind === "refused") throw error;
    });
  await removeMarkedDirectory(spec.directory, markOf(spec));
}

async function removeOwn(link: RedisLink, spec: ResourceSpec, record: SharedRecord | null): Promise<void> {
  const whose = await claimOf(spec).whose(link, spec, record);
  if (whose === "foreign") throw foreign(spec);
  if (record !== null || whose === "ours") await giveBack(link, spec, record ?? emptyRecord);
}

/** Clients go first, so that nobody writes while the keys go; a number is given back last. */
async function giveBack(link: RedisLink, spec: ResourceSpec, record: SharedRecord): Promise<void> {
  const claim = claimOf(spec);
  await claim.endClients(link, spec, record);
  if (!(await removeKeys(link, await claim.places(link, spec, record)))) throw stillWritten(spec, sliceOf(spec, record));
  await claim.release(link, spec, record);
  await removeMarkedDirectory(spec.directory, markOf(spec));
}

/** Also keys under the prefix that nobody has a record of are somebody's. */
async function refuseForeign(link: RedisLink, spec: ResourceSpec, record: SharedRecord | null): Promise<void> {
  const whose = await claimOf(spec).whose(link, spec, record);
  if (whose === "foreign") throw foreign(spec);
  if (record !== null || whose === "ours" || claimOf(spec) !== prefixClaim) return;
  for (const place of await prefixClaim.places(link, spec, emptyRecord)) {
    for await (const _ of keysOf(link, place)) throw foreign(spec);
  }
}

const emptyRecord: SharedRecord = { password: "", database: null, made: false };

async function seed(spec: ResourceSpec, record: SharedRecord, call: ResourceCall): Promise<void> {
  const command = textOption(spec.options, "seed");
  if (command !== null) await call.run(command, connectionOf(spec, record).variables);
  call.abort.throwIfAborted();
}

async function usage(spec: ResourceSpec): Promise<ResourceUsage> {
  const record = await ownRecord(spec);
  if (!record) return { exclusiveBytes: null, sharedBytes: null, how: "it was not made yet" };
  return withServer(spec, async (link) => {
    let [keys, measured, bytes] = [0, 0, 0];
    for (const place of await claimOf(spec).places(link, spec, record)) {
      for await (const found of keysOf(link, place)) {
        keys += found.length;
        for (const key of found.slice(0, Math.max(0, mostMeasured - measured))) {
          bytes += Number((await sendInTime(link, ["MEMORY", "USAGE", key])) ?? 0);
          measured += 1;
        }
      }
    }
    const megabytes = ((bytes * (keys / Math.max(1, measured))) / 1024 ** 2).toFixed(1);
    const how = `${keys} keys, ${measured < keys ? "about " : ""}${megabytes} MB of the memory of the Redis at ${placeOf(spec)}; no disk of its own`;
    return { exclusiveBytes: 0, sharedBytes: null, how };
  });
}

function connectionOf(spec: ResourceSpec, record: SharedRecord): ResourceConnection {
  const url = serverUrl(spec);
  const byNumber = claimOf(spec) === databaseClaim;
  if (byNumber) url.pathname = `/${record.database}`;
  else [url.username, url.password] = [spec.label, record.password];
  const prefix = byNumber ? "" : keyPrefix(spec);
  const values = {
    url: url.href,
    host: url.hostname,
    port: url.port || "6379",
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    prefix,
  };
  const names = { ...variablesOf(spec.options), ...sharedVariablesOf(spec.options) };
  const variables = {
    [names.url]: values.url,
    [names.host]: values.host,
    [names.port]: values.port,
    [names.user]: values.user,
    [names.password]: values.password,
    [names.prefix]: prefix,
  };
  return { variables, values };
}

function sliceOf(spec: ResourceSpec, { database }: SharedRecord): string {
  return claimOf(spec) === databaseClaim ? `database ${database}` : `prefix ${keyPrefix(spec)}`;
}

function placeOf(spec: ResourceSpec): string {
  return serverPlace(serverUrl(spec).href);
}

function recordPath(spec: ResourceSpec): string {
  return join(spec.directory, "on-server.json");
}

function readRecord(spec: ResourceSpec): SharedRecord | null {
  try {
    return JSON.parse(readFileSync(recordPath(spec), "utf8")) as SharedRecord;
  } catch {
    return null;
  }
}

function writeRecord(spec: ResourceSpec, record: SharedRecord): Promise<void> {
  mkdirSync(spec.directory, { recursive: true, mode: 0o700 });
  return writeFileAtomic(recordPath(spec), `${JSON.stringify(record)}\n`, { mode: 0o600 });
}

async function ownRecord(spec: ResourceSpec): Promise<SharedRecord | null> {
  return (await observeMarkedDirectory(spec.directory, markOf(spec))) === "ours" ? readRecord(spec) : null;
}
