// What stands in the private directory of one Redis: record, configuration, data, checkpoints, socket, log.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { entryAt, writeFileAtomic } from "../../os/files.ts";
import type { ProcessIdentity } from "../../os/process-identity.ts";
import { textOption } from "../check-options.ts";
import type { ResourceSpec } from "../resource-driver.ts";

export interface RedisFiles {
  record: string;
  process: string;
  config: string;
  /** The server's working directory. */
  data: string;
  dump: string;
  /** The data of before, while a reset is under way. */
  oldData: string;
  checkpoints: string;
  socket: string;
  log: string;
}

export function redisFiles(spec: ResourceSpec): RedisFiles {
  const at = (name: string) => join(spec.directory, name);
  return {
    record: at("server.json"),
    process: at("process.json"),
    config: at("redis.conf"),
    data: at("data"),
    dump: at("data/dump.rdb"),
    oldData: at("data.old"),
    checkpoints: at("checkpoints"),
    socket: at("s"),
    log: at("redis.log"),
  };
}

export interface RedisRecord {
  password: string;
  port: number;
  /** False until it was filled for the first time, and while a reset is under way. */
  made: boolean;
  /** It was put to sleep in order: the dump holds everything. */
  asleep: boolean;
}

export function readRecord(spec: ResourceSpec): RedisRecord | null {
  const read = readJson(redisFiles(spec).record) as RedisRecord | null;
  return typeof read?.password === "string" ? read : null;
}

export function writeRecord(spec: ResourceSpec, record: RedisRecord): Promise<void> {
  return writeFileAtomic(redisFiles(spec).record, `${JSON.stringify(record)}\n`, { mode: 0o600 });
}

export function readIdentity(spec: ResourceSpec): ProcessIdentity | null {
  const read = readJson(redisFiles(spec).process) as ProcessIdentity | null;
  return typeof read?.pid === "number" && typeof read.startTime === "number" ? read : null;
}

export function writeIdentity(spec: ResourceSpec, identity: ProcessIdentity): Promise<void> {
  return writeFileAtomic(redisFiles(spec).process, `${JSON.stringify(identity)}\n`, { mode: 0o600 });
}

/** Whether there is an append-only file to load; one that was never finished does not count, or its emptiness would hide the dump. */
export function hasAppendOnlyFile(spec: ResourceSpec): boolean {
  const { data } = redisFiles(spec);
  return [join(data, "appendonlydir/appendonly.aof.manifest"), join(data, "appendonly.aof")].some((path) => entryAt(path) !== null);
}

export interface ConfigInput {
  spec: ResourceSpec;
  password: string;
  /** 0: it listens on its socket alone. */
  port: number;
  /** Whether the socket's path fits what the system allows. */
  socket: boolean;
}

/** Written before every start. Only what every Redis since version 6 knows. */
export function redisConfig({ spec, password, port, socket }: ConfigInput): string {
  const persist = textOption(spec.options, "persist") ?? "snapshot";
  const maxMemory = textOption(spec.options, "max_memory");
  return [
    "bind 127.0.0.1",
    "protected-mode yes",
    `port ${port}`,
    ...(socket ? [`unixsocket ${quoted(redisFiles(spec).socket)}`, "unixsocketperm 700"] : []),
    `requirepass ${quoted(password)}`,
    `dir ${quoted(redisFiles(spec).data)}`,
    "dbfilename dump.rdb",
    persist === "snapshot" ? "save 300 1 60 1000" : 'save ""',
    // Turned on later when there is no such file yet: a server that starts with it ignores the dump.
    `appendonly ${persist === "append" && hasAppendOnlyFile(spec) ? "yes" : "no"}`,
    "appendfsync everysec",
    "daemonize no",
    'logfile ""',
    "loglevel notice",
    "always-show-logo no",
    "databases 16",
    ...(maxMemory === null ? [] : [`maxmemory ${maxMemory}`, "maxmemory-policy allkeys-lru"]),
    "",
  ].join("\n");
}

/** Redis reads `"…"` with the escapes of C. */
export function quoted(text: string): string {
  const written = (byte: number) => {
    const character = String.fromCharCode(byte);
    if (character === '"' || character === "\\") return `\\${character}`;
    return byte < 0x20 || byte > 0x7e ? `\\x${byte.toString(16).padStart(2, "0")}` : character;
  };
  return `"${[...Buffer.from(text)].map(written).join("")}"`;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}
