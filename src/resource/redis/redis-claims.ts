// What of a shared Redis is an environment's: a user that reaches one key prefix, or a logical database. Each carries the environment's mark on the
// server, so that it is told from what others made there.
import { createHash } from "node:crypto";
import { WtError } from "../../errors/wt-error.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { type RedisLink, type RedisReply, RedisReplyError, sendInTime } from "./redis-link.ts";
import { markOf } from "./redis-record.ts";
import { filledDatabases, keysOf, serverPlace, serverUrl } from "./redis-server-link.ts";

const mostRounds = 20;

export type Owner = "absent" | "ours" | "foreign";

/** What is kept of it beside the server. */
export interface SharedRecord {
  password: string;
  /** Of `database: auto`, once one was found. */
  database: number | null;
  /** False until it was filled for the first time. */
  made: boolean;
  /** It was put aside with its keys; absent in records from before there was such a thing. */
  retired?: boolean;
}

export interface Claim {
  whose(link: RedisLink, spec: ResourceSpec, record: SharedRecord | null): Promise<Owner>;
  /** Makes it ours where it is absent; gives the record to keep. */
  take(link: RedisLink, spec: ResourceSpec, record: SharedRecord): Promise<SharedRecord>;
  /** Nobody who was connected writes any more. Only of what is ours or absent. */
  endClients(link: RedisLink, spec: ResourceSpec, record: SharedRecord): Promise<void>;
  /** Gives it back. Only of what is ours or absent. */
  release(link: RedisLink, spec: ResourceSpec, record: SharedRecord): Promise<void>;
  /** Where its keys are. */
  places(link: RedisLink, spec: ResourceSpec, record: SharedRecord): Promise<{ database: number; match: string }[]>;
}

export function keyPrefix(spec: ResourceSpec): string {
  return `${spec.label}:`;
}

/** Redis 6 and later: a user of its own, who reaches keys and channels of its prefix and no command that others feel. */
export const prefixClaim: Claim = {
  async whose(link, spec) {
    const user = await sendInTime(link, ["ACL", "GETUSER", spec.label]);
    if (user === null) return "absent";
    return JSON.stringify(user).includes(ownerKey(spec)) ? "ours" : "foreign";
  },
  async take(link, spec, record) {
    const info = String(await sendInTime(link, ["INFO", "server"]));
    const [, major = 0, minor = 0] = /^redis_version:(\d+)\.(\d+)/m.exec(info)?.map(Number) ?? [];
    await sendInTime(link, ["ACL", "SETUSER", spec.label, ...userRules(spec, record, { major, minor })]);
    await saveUsers(link);
    return record;
  },
  async endClients(link, spec) {
    await sendInTime(link, ["ACL", "SETUSER", spec.label, "off"]);
    // It is a number of clients, or an error where there is none.
    await sendInTime(link, ["CLIENT", "KILL", "USER", spec.label]);
    await saveUsers(link);
  },
  async release(link, spec) {
    await sendInTime(link, ["ACL", "DELUSER", spec.label]);
    await saveUsers(link);
  },
  async places(link, spec) {
    return (await filledDatabases(link)).map((database) => ({ database, match: `${keyPrefix(spec)}*` }));
  },
};

/** Listing and emptying what all share, scripts of all included, is left out; INFO is what clients ask before they start. */
function userRules(spec: ResourceSpec, record: SharedRecord, version: { major: number; minor: number }): string[] {
  const hash = createHash("sha256").update(record.password).digest("hex");
  const newer = version.major > 6 || (version.major === 6 && version.minor >= 2);
  return [
    ...["reset", "on", `#${hash}`, `~${keyPrefix(spec)}*`, `~${ownerKey(spec)}`],
    ...(newer ? ["resetchannels", `&${keyPrefix(spec)}*`] : []),
    ...["+@all", "-@admin", "-@dangerous", "+info", "-script", "+script|load", "+script|exists"],
    ...(version.major >= 7 ? ["-function"] : ["+client|setname", "+client|getname", "+client|id"]),
  ];
}

/** Without a file for users the server forgets them when it restarts; then they are made again. */
async function saveUsers(link: RedisLink): Promise<void> {
  try {
    await sendInTime(link, ["ACL", "SAVE"]);
  } catch (error) {
    if (!(error instanceof RedisReplyError)) throw error;
  }
}

/** No key: a pattern among the user's own that says whose the user is. */
function ownerKey(spec: ResourceSpec): string {
  return `wt-owner:${ownerOf(spec)}`;
}

function ownerOf(spec: ResourceSpec): string {
  return createHash("sha256").update(markOf(spec)).digest("hex").slice(0, 32);
}

/** Hash in database 0: number → owner. Of every machine that uses the server, so that no two take the same. */
export const databasesKey = "wt:databases";

/** `database: auto`: any Redis. Whoever knows the server reaches all of it; only the number keeps environments apart. */
export const databaseClaim: Claim = {
  async whose(link, spec, record) {
    if (record?.database == null) return "absent";
    const owner = await inDatabase(link, 0, ["HGET", databasesKey, String(record.database)]);
    return owner === null ? "absent" : owner === ownerOf(spec) ? "ours" : "foreign";
  },
  async take(link, spec, record) {
    const database = record.database ?? (await ownDatabase(link, spec)) ?? (await freeDatabase(link, spec));
    await inDatabase(link, 0, ["HSETNX", databasesKey, String(database), ownerOf(spec)]);
    return { ...record, database };
  },
  async endClients(link, spec, record) {
    const database = record.database ?? (await ownDatabase(link, spec));
    if (database === null) return;
    for (const id of await clientsOf(link, database)) await sendInTime(link, ["CLIENT", "KILL", "ID", id]).catch(unlessGone);
  },
  async release(link, spec, record) {
    const database = record.database ?? (await ownDatabase(link, spec));
    if (database === null) return;
    await inDatabase(link, 0, ["HDEL", databasesKey, String(database)]);
  },
  places: async (_, __, { database }) => (database === null ? [] : [{ database, match: "*" }]),
};

/** One that a crash left without a record. */
async function ownDatabase(link: RedisLink, spec: ResourceSpec): Promise<number | null> {
  const entries = (await inDatabase(link, 0, ["HGETALL", databasesKey])) as string[];
  const at = entries.findIndex((value, index) => index % 2 === 1 && value === ownerOf(spec));
  return at === -1 ? null : Number(entries[at - 1]);
}

/** An empty one that nobody has claimed. What has keys without a claim belongs to somebody. */
async function freeDatabase(link: RedisLink, spec: ResourceSpec): Promise<number> {
  for (let database = 1; ; database++) {
    const size = await inDatabase(link, database, ["DBSIZE"]).catch((error: unknown) => {
      if (error instanceof RedisReplyError && /out of range|invalid DB|not allowed/i.test(error.message)) throw noDatabase(spec, database);
      throw error;
    });
    if (size !== 0) continue;
    const taken = await inDatabase(link, 0, ["HSETNX", databasesKey, String(database), ownerOf(spec)]);
    if (taken !== 1) continue;
    if ((await inDatabase(link, database, ["DBSIZE"])) === 0) return database;
    await inDatabase(link, 0, ["HDEL", databasesKey, String(database)]);
  }
}

async function clientsOf(link: RedisLink, database: number): Promise<string[]> {
  const own = String(await sendInTime(link, ["CLIENT", "ID"]));
  const lines = String(await sendInTime(link, ["CLIENT", "LIST"])).split("\n");
  return lines.flatMap((line) => {
    const id = /^id=(\d+) /.exec(line)?.[1];
    return id !== undefined && id !== own && line.includes(` db=${database} `) ? [id] : [];
  });
}

function unlessGone(error: unknown): void {
  if (!(error instanceof RedisReplyError && /No such client/i.test(error.message))) throw error;
}

async function inDatabase(link: RedisLink, database: number, words: string[]): Promise<RedisReply> {
  await sendInTime(link, ["SELECT", String(database)]);
  return sendInTime(link, words);
}

/** False when somebody writes faster than it is emptied. */
export async function removeKeys(link: RedisLink, places: readonly { database: number; match: string }[]): Promise<boolean> {
  let empty = true;
  for (const place of places) {
    empty = false;
    for (let round = 0; round < mostRounds && !empty; round++) {
      empty = true;
      for await (const keys of keysOf(link, place)) {
        empty = false;
        await sendInTime(link, ["UNLINK", ...keys]).catch((error: unknown) => {
          // Before version 4 there was only this one.
          if (error instanceof RedisReplyError && /unknown command/i.test(error.message)) return sendInTime(link, ["DEL", ...keys]);
          throw error;
        });
      }
    }
    if (!empty) return false;
  }
  return empty;
}

function noDatabase(spec: ResourceSpec, count: number): WtError {
  return new WtError({
    kind: "machine",
    code: "redis_databases_taken",
    message: `resources.${spec.name}: none of the ${count} databases of the Redis at ${serverPlace(serverUrl(spec).href)} is free.`,
    hints: [
      "Raise `databases` in its redis.conf, or delete environments that you no longer need: wt list --all",
      `From Redis 6 on leave \`database: auto\` out: a key prefix for each environment has no limit.`,
    ],
  });
}
