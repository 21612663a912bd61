import { setImmediate } from "node:timers/promises";
import { createLineSplitter, type SplitLine } from "./line-splitter.ts";
import type { LogFile } from "./log-file.ts";
import { logPaths, readAt } from "./log-rotation.ts";
import { offsetBefore, timeAt } from "./time-index.ts";

export interface LogQuery {
  logPath: string;
  /** Last N lines; null: all kept. */
  tail: number | null;
  sinceMs: number | null;
  follow: boolean;
}

export interface LogEntry {
  timeMs: number;
  line: string;
}

interface Place {
  epoch: number;
  offset: number;
}

const portionBytes = 128 * 1024;

/** Lines of a log and of the one before it, in order; see `RuntimeDriver.logs`. An unfinished last line is given when nobody can finish it any more, or without `follow`. */
export async function* readLog(file: LogFile, query: LogQuery, abort: AbortSignal): AsyncGenerator<LogEntry> {
  file.refresh();
  const until = query.follow ? null : { epoch: file.state.epoch, offset: file.state.length };
  const cursor = createCursor(file, startPlace(file, query), until);
  const sinceMs = query.sinceMs ?? Number.NEGATIVE_INFINITY;
  const recent = (entries: LogEntry[]) => entries.filter((entry) => entry.timeMs >= sinceMs);
  let history: LogEntry[] | null = query.tail === null ? null : [];
  // Nobody writes here: then an unfinished line stays as it is.
  let endings = file.state.live ? file.state.endings : -1;
  while (!abort.aborted) {
    const version = file.state.version;
    const entries = cursor.next();
    if (entries !== null) {
      if (history === null) yield* recent(entries);
      else history = lastOf([...history, ...recent(entries)], query.tail ?? 0);
      await setImmediate();
      continue;
    }
    const unfinished = !query.follow || file.state.endings !== endings ? recent(cursor.flush()) : [];
    endings = file.state.endings;
    yield* history === null ? unfinished : lastOf([...history, ...unfinished], query.tail ?? 0);
    history = null;
    if (!query.follow) return;
    await file.changed(version, abort);
  }
}

function lastOf<Item>(items: Item[], count: number): Item[] {
  return count >= items.length ? items : items.slice(items.length - count);
}

interface Cursor {
  /** Reads one portion; null when everything there is was read. */
  next(): LogEntry[] | null;
  /** The unfinished line. */
  flush(): LogEntry[];
}

function createCursor(file: LogFile, start: Place, until: Place | null): Cursor {
  const paths = logPaths(file.path);
  const splitter = createLineSplitter();
  let place = start;

  const timed = (lines: SplitLine[], epoch: number): LogEntry[] => {
    if (lines.length === 0) return [];
    const { state } = file;
    const readable = epoch === state.epoch || (epoch === state.epoch - 1 && state.previous !== null);
    const index = readable ? file.index(epoch) : [];
    const fallbackMs = index.at(-1)?.timeMs ?? state.previous?.modifiedMs ?? 0;
    return lines.map(({ line, end }) => ({ timeMs: timeAt(index, end, fallbackMs), line }));
  };

  /** The contents went on in a newer file: what is still to come starts there. */
  const moveOn = (): LogEntry[] => {
    const { epoch, previous } = file.state;
    if (place.epoch === epoch - 1 && previous) {
      place = { epoch, offset: 0 };
      return [];
    }
    const lost = timed(splitter.flush(), place.epoch);
    place = previous && place.epoch < epoch - 1 ? { epoch: epoch - 1, offset: previous.from } : { epoch, offset: 0 };
    return lost;
  };

  return {
    next() {
      const { state } = file;
      if (until && place.epoch > until.epoch) return null;
      const current = place.epoch === state.epoch;
      if (!current && !(place.epoch === state.epoch - 1 && state.previous)) return moveOn();
      const from = current ? 0 : (state.previous?.from ?? 0);
      const length = current ? state.length : (state.previous?.length ?? 0) + from;
      const end = until && place.epoch === until.epoch ? Math.min(length, until.offset) : length;
      const offset = Math.max(place.offset, from);
      const bytes = readAt(current ? paths.log : paths.previous, offset - from, Math.min(portionBytes, Math.max(0, end - offset)));
      if (bytes.length === 0) return current || (until && place.epoch === until.epoch) ? null : moveOn();
      place = { epoch: place.epoch, offset: offset + bytes.length };
      // The index of a shortened file counts from its own beginning.
      return timed(splitter.push(bytes, offset - from), place.epoch);
    },
    flush: () => timed(splitter.flush(), place.epoch),
  };
}

/** Where to start so that nothing asked for is missed; the rest is filtered out line by line. */
function startPlace(file: LogFile, query: LogQuery): Place {
  const { state } = file;
  const oldest: Place = state.previous ? { epoch: state.epoch - 1, offset: 0 } : { epoch: state.epoch, offset: 0 };
  return later(tailPlace(file, query.tail, oldest), sincePlace(file, query.sinceMs, oldest));
}

function tailPlace(file: LogFile, tail: number | null, oldest: Place): Place {
  if (tail === null) return oldest;
  const { state } = file;
  const paths = logPaths(file.path);
  const here = afterNewlines(paths.log, state.length, Math.max(1, tail + endsLine(paths.log, state.length)));
  // Where lines are missing here, the last newline there only ends the line before them.
  if (here.missing === 0 || !state.previous) return { epoch: state.epoch, offset: here.offset };
  const there = afterNewlines(paths.previous, state.previous.length, here.missing);
  return { epoch: oldest.epoch, offset: there.offset + state.previous.from };
}

function sincePlace(file: LogFile, sinceMs: number | null, oldest: Place): Place {
  if (sinceMs === null) return oldest;
  const { state } = file;
  const paths = logPaths(file.path);
  const index = file.index(state.epoch);
  const begunBefore = (index[0]?.timeMs ?? Number.POSITIVE_INFINITY) < sinceMs;
  if (begunBefore || !state.previous) {
    return { epoch: state.epoch, offset: afterNewlines(paths.log, offsetBefore(index, sinceMs), 1).offset };
  }
  const offset = offsetBefore(file.index(oldest.epoch), sinceMs);
  return { epoch: oldest.epoch, offset: afterNewlines(paths.previous, offset, 1).offset + state.previous.from };
}

function later(first: Place, second: Place): Place {
  if (first.epoch !== second.epoch) return first.epoch > second.epoch ? first : second;
  return first.offset > second.offset ? first : second;
}

/** An empty log has no unfinished line either. */
function endsLine(path: string, length: number): 0 | 1 {
  return length === 0 || readAt(path, length - 1, 1)[0] === 10 ? 1 : 0;
}

/** The place behind the `count`th newline before `end`, counted backwards; the start, and how many are missing, when there are fewer. */
export function afterNewlines(path: string, end: number, count: number): { offset: number; missing: number } {
  let missing = count;
  for (let to = end; to > 0; ) {
    const from = Math.max(0, to - portionBytes);
    const bytes = readAt(path, from, to - from);
    for (let at = bytes.lastIndexOf(10); at !== -1; at = at === 0 ? -1 : bytes.lastIndexOf(10, at - 1)) {
      if (--missing === 0) return { offset: from + at + 1, missing: 0 };
    }
    to = from;
  }
  return { offset: 0, missing };
}
