// One log as this daemon watches it: how long it has grown, when, and how often it was rotated. Readers and the index follow from that.
import { appendFileSync, type FSWatcher, rmSync, type Stats, watch } from "node:fs";
import type { Clock } from "../clock.ts";
import {
  copyLog,
  finishRotation,
  lengthOf,
  logPaths,
  readAt,
  readTimes,
  recoverRotation,
  removeIndex,
  shiftedIndex,
  statOf,
} from "./log-rotation.ts";
import { parseTimeIndex, type TimeIndex, timeMarkLine } from "./time-index.ts";

export interface LogState {
  /** One more for each rotation, two more when the contents have gone: only the epoch just before the current one can be read in `<log>.1`. */
  epoch: number;
  /** Bytes of the current file that the index covers. */
  length: number;
  /** The file before it, null without one; `from` bytes were dropped at its beginning. */
  previous: { length: number; from: number; modifiedMs: number } | null;
  /** A service is known to write here. */
  live: boolean;
  /** How often a service that writes here has ended: an unfinished last line is then all there will be. */
  endings: number;
  /** Changes whenever anything else here does. */
  version: number;
}

export interface LogFile {
  readonly path: string;
  readonly state: Readonly<LogState>;
  /** Looks at the file now. */
  refresh(): void;
  serviceStarted(): void;
  serviceEnded(): void;
  /** The index of an epoch that can be read; kept in memory from the first call to `releaseIndexes`. */
  index(epoch: number): TimeIndex;
  releaseIndexes(): void;
  /** Resolves when `state.version` is no longer `version`, or when `abort` fires. */
  changed(version: number, abort: AbortSignal): Promise<void>;
  /** Deletes the log and all beside it. */
  remove(): void;
  close(): void;
}

export interface LogFileOptions {
  clock: Clock;
  rotateBytes: number;
}

/** At most one mark of the index per this much time. */
const markEveryMs = 50;
/** A look without being told, for file systems that tell nothing. */
const pollMs = 2000;
const pollWithoutWatcherMs = 500;
/** Beyond this many times `rotateBytes`, only the end is kept: copying all of it could fill the disk. */
const longestCopy = 4;

/** Everything that changes while a log is open. */
interface Watched {
  readonly path: string;
  readonly paths: ReturnType<typeof logPaths>;
  readonly options: LogFileOptions;
  readonly closing: AbortController;
  readonly waiting: Set<() => void>;
  readonly state: LogState;
  indexes: { current: TimeIndex; previous: TimeIndex | null } | null;
  watcher: FSWatcher | null;
  inode: number | null;
  lastMarkMs: number;
  lookPlanned: boolean;
  rotating: boolean;
  rotateAbove: number;
  /** The index file ends in the middle of a line. */
  indexTorn: boolean;
}

export function openLogFile(path: string, options: LogFileOptions): LogFile {
  const log: Watched = {
    path,
    paths: logPaths(path),
    options,
    closing: new AbortController(),
    waiting: new Set(),
    state: { epoch: 1, length: 0, previous: null, live: false, endings: 0, version: 0 },
    indexes: null,
    watcher: null,
    inode: null,
    lastMarkMs: 0,
    lookPlanned: false,
    rotating: false,
    rotateAbove: options.rotateBytes,
    indexTorn: false,
  };
  resume(log);
  poll(log).catch(() => undefined);
  return {
    path,
    state: log.state,
    refresh: () => refresh(log),
    serviceStarted() {
      log.state.live = true;
      refresh(log);
    },
    serviceEnded() {
      refresh(log);
      log.state.live = false;
      log.state.endings++;
      tell(log);
    },
    index: (epoch) => loadIndex(log, epoch),
    releaseIndexes() {
      log.indexes = null;
    },
    changed: (version, abort) => changed(log, version, abort),
    remove() {
      for (const each of Object.values(log.paths)) rmSync(each, { force: true });
      log.inode = null;
      startOver(log);
    },
    close() {
      log.closing.abort();
      log.watcher?.close();
      log.watcher = null;
      tell(log);
    },
  };
}

/** Takes up where the watcher before this one left off, in this process or in one that was killed. */
function resume(log: Watched): void {
  const { path, paths, state } = log;
  recoverRotation(path);
  const previous = statOf(paths.previous);
  if (previous) state.previous = { length: previous.size, from: 0, modifiedMs: previous.mtimeMs };
  const stats = statOf(path);
  const size = stats?.size ?? 0;
  const timesLength = lengthOf(paths.times) ?? 0;
  const ending = readAt(paths.times, Math.max(0, timesLength - 4096), 4096).toString("latin1");
  log.indexTorn = ending !== "" && !ending.endsWith("\n");
  const wholeLines = timesLength > 4096 ? ending.slice(ending.indexOf("\n") + 1) : ending;
  const covered = parseTimeIndex(wholeLines, Number.MAX_SAFE_INTEGER).at(-1)?.offset ?? 0;
  if (covered > size) removeIndex(path);
  else state.length = covered;
  if (stats && size > state.length) mark(log, { timeMs: Math.round(stats.mtimeMs), offset: size, unwatched: true });
  refresh(log);
}

async function poll(log: Watched): Promise<void> {
  while (!log.closing.signal.aborted) {
    await log.options.clock.sleep(log.watcher ? pollMs : pollWithoutWatcherMs, log.closing.signal);
    refresh(log);
  }
}

function refresh(log: Watched): void {
  const { state } = log;
  if (log.closing.signal.aborted) return;
  const stats = statOf(log.path);
  const replaced = stats !== null && log.inode !== null && stats.ino !== log.inode;
  follow(log, stats);
  const size = stats?.size ?? 0;
  if (size < state.length || (replaced && state.length > 0)) startOver(log);
  if (size > state.length) mark(log, { timeMs: log.options.clock.now(), offset: size, unwatched: false });
  if (size > log.rotateAbove && !log.rotating) void rotate(log);
}

/** Has the kernel tell about growth of the file that is there now. */
function follow(log: Watched, stats: Stats | null): void {
  if (log.watcher !== null && log.inode === stats?.ino) return;
  log.watcher?.close();
  log.watcher = null;
  log.inode = stats?.ino ?? null;
  if (!stats) return;
  try {
    const watcher = watch(log.path, { persistent: false }, () => lookSoon(log));
    watcher.on("error", () => {
      watcher.close();
      if (log.watcher === watcher) log.watcher = null;
    });
    log.watcher = watcher;
  } catch {
    // Too many watches, or a file system without them: polling finds the growth.
    log.watcher = null;
  }
}

function lookSoon(log: Watched): void {
  if (log.lookPlanned || log.closing.signal.aborted) return;
  const { clock } = log.options;
  const waitMs = Math.min(markEveryMs, log.lastMarkMs + markEveryMs - clock.now());
  if (waitMs <= 0) {
    refresh(log);
    return;
  }
  log.lookPlanned = true;
  const look = () => {
    log.lookPlanned = false;
    refresh(log);
  };
  void clock.sleep(waitMs, log.closing.signal).then(look, () => undefined);
}

function mark(log: Watched, entry: { timeMs: number; offset: number; unwatched: boolean }): void {
  log.state.length = entry.offset;
  log.lastMarkMs = log.options.clock.now();
  log.indexes?.current.push(entry);
  try {
    appendFileSync(log.paths.times, (log.indexTorn ? "\n" : "") + timeMarkLine(entry), { mode: 0o600 });
    log.indexTorn = false;
  } catch {
    // A full disk costs the times of lines, not the lines.
    log.indexTorn = true;
  }
  tell(log);
}

function tell(log: Watched): void {
  log.state.version++;
  for (const wake of [...log.waiting]) wake();
}

/** The contents have gone: somebody truncated, deleted or replaced the file. */
function startOver(log: Watched): void {
  log.state.epoch += 2;
  log.state.length = 0;
  log.state.previous = null;
  if (log.indexes) log.indexes = { current: [], previous: null };
  removeIndex(log.path);
  tell(log);
}

async function rotate(log: Watched): Promise<void> {
  const { path, paths, state } = log;
  const { clock, rotateBytes } = log.options;
  log.rotating = true;
  const epoch = state.epoch;
  const from = state.length > longestCopy * rotateBytes ? lineStart(path, state.length - rotateBytes) : 0;
  try {
    await copyLog(path, from);
    if (log.closing.signal.aborted || state.epoch !== epoch) {
      rmSync(paths.copy, { force: true });
      return;
    }
    const length = finishRotation(path, from);
    if (log.indexes) {
      const complete = [...log.indexes.current, { timeMs: clock.now(), offset: length, unwatched: false }];
      log.indexes = { current: [], previous: shiftedIndex(complete, from) };
    }
    state.epoch++;
    state.previous = { length: length - from, from, modifiedMs: clock.now() };
    log.rotateAbove = rotateBytes;
    mark(log, { timeMs: clock.now(), offset: 0, unwatched: false });
  } catch {
    // No room for the copy: the log grows on, and the next attempt is made when it has grown by as much again.
    recoverRotation(path);
    log.rotateAbove = state.length + rotateBytes;
  } finally {
    log.rotating = false;
  }
  refresh(log);
}

/** The start of the line after `offset`, if one starts soon. */
function lineStart(path: string, offset: number): number {
  return offset + readAt(path, offset, 64 * 1024).indexOf(10) + 1;
}

function loadIndex(log: Watched, epoch: number): TimeIndex {
  log.indexes ??= { current: readTimes(log.paths.times, log.state.length), previous: null };
  if (epoch === log.state.epoch) return log.indexes.current;
  log.indexes.previous ??= readTimes(log.paths.previousTimes, log.state.previous?.length ?? 0);
  return log.indexes.previous;
}

function changed(log: Watched, version: number, abort: AbortSignal): Promise<void> {
  if (log.state.version !== version || abort.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = () => {
      log.waiting.delete(wake);
      abort.removeEventListener("abort", wake);
      resolve();
    };
    log.waiting.add(wake);
    abort.addEventListener("abort", wake, { once: true });
  });
}
