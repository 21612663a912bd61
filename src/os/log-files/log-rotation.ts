// Rotation of a log that its writers keep open: copy what is there to `<log>.1`, then truncate in place. Their O_APPEND descriptors go on at the start.
// Between the last look at the length and the truncation lie microseconds; what is written just then is lost. Nothing else ever is.
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { parseTimeIndex, type TimeIndex, timeMarkLine } from "./time-index.ts";

/** Everything kept beside a log, the log itself first. `position`: how far it was copied from where a container writes. */
export function logPaths(path: string) {
  return {
    log: path,
    times: `${path}.times`,
    previous: `${path}.1`,
    previousTimes: `${path}.1.times`,
    copy: `${path}.1.tmp`,
    position: `${path}.position`,
  };
}

const portionBytes = 256 * 1024;

/** Beyond this much growth during the last synchronous look, a writer is faster than we can copy and loses the rest. */
const mostCatchUpBytes = 64 * 1024 * 1024;

/** Copies from `from` to the end as it is now, without blocking; `finishRotation` does the rest. */
export async function copyLog(path: string, from: number): Promise<void> {
  const { copy } = logPaths(path);
  const source = await open(path, "r");
  try {
    const target = await open(copy, "w", 0o600);
    try {
      const buffer = new Uint8Array(portionBytes);
      const end = (await source.stat()).size;
      for (let at = from; at < end; ) {
        const { bytesRead } = await source.read(buffer, 0, Math.min(portionBytes, end - at), at);
        if (bytesRead === 0) break;
        await target.writeFile(buffer.subarray(0, bytesRead));
        at += bytesRead;
      }
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Copies what came since, truncates, puts the copy and its index in place. Synchronous, so that no reader sees it half done. Gives back the length at the end. */
export function finishRotation(path: string, from: number): number {
  const { copy, previous } = logPaths(path);
  const source = openSync(path, "r+");
  const target = openSync(copy, "a", 0o600);
  try {
    const buffer = new Uint8Array(portionBytes);
    const first = from + fstatSync(target).size;
    let at = first;
    while (at < fstatSync(source).size && at - first < mostCatchUpBytes) {
      const count = readSync(source, buffer, 0, portionBytes, at);
      if (count === 0) break;
      writeWhole(target, buffer.subarray(0, count));
      at += count;
    }
    ftruncateSync(source, 0);
    rotateTimes(path, from, at);
    renameSync(copy, previous);
    return at;
  } finally {
    closeSync(source);
    closeSync(target);
  }
}

function writeWhole(target: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(target, bytes, at);
}

function rotateTimes(path: string, from: number, length: number): void {
  const { times, previousTimes } = logPaths(path);
  if (from > 0) {
    const shifted = shiftedIndex(readTimes(times, length), from);
    writeFileSync(times, shifted.map(timeMarkLine).join(""), { mode: 0o600 });
  }
  rmSync(previousTimes, { force: true });
  try {
    renameSync(times, previousTimes);
  } catch {
    // There was no index; the times of these lines are then guessed from the file's own.
  }
}

export function shiftedIndex(index: TimeIndex, from: number): TimeIndex {
  return index.map((mark) => ({ ...mark, offset: Math.max(0, mark.offset - from) }));
}

/** An index file; empty when there is none. */
export function readTimes(path: string, length: number): TimeIndex {
  try {
    return parseTimeIndex(readFileSync(path, "latin1"), length);
  } catch {
    return [];
  }
}

/** Finishes or takes back a rotation that a crash interrupted, as far as the disk lets it. */
export function recoverRotation(path: string): void {
  try {
    finishOrUndo(path);
  } catch {
    // A disk that is full or read-only: the log itself can still be read.
  }
}

function finishOrUndo(path: string): void {
  const { copy, previous, times, previousTimes } = logPaths(path);
  const copied = lengthOf(copy);
  if (copied === null) return;
  // The log begins as the copy does, or is far longer (only its end was copied): it was not truncated yet, so the copy is not needed.
  if (copied === 0 || isBeginningOf(copy, path) || (lengthOf(path) ?? 0) > 2 * copied) {
    rmSync(copy, { force: true });
    return;
  }
  const lastOffset = readTimes(times, Number.MAX_SAFE_INTEGER).at(-1)?.offset ?? 0;
  if (lastOffset > (lengthOf(path) ?? 0)) renameSync(times, previousTimes);
  renameSync(copy, previous);
}

export function removeIndex(path: string): void {
  try {
    rmSync(logPaths(path).times, { force: true });
  } catch {
    // It does not fit the log any more and will be passed over.
  }
}

function isBeginningOf(copy: string, path: string): boolean {
  const compared = Math.min(64 * 1024, lengthOf(copy) ?? 0);
  if ((lengthOf(path) ?? 0) < (lengthOf(copy) ?? 0)) return false;
  return readAt(copy, 0, compared).equals(readAt(path, 0, compared));
}

/** Up to `count` bytes from `offset`; fewer at the end, none when the file is missing. */
export function readAt(path: string, offset: number, count: number): Buffer {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return Buffer.alloc(0);
  }
  try {
    const buffer = Buffer.alloc(count);
    return buffer.subarray(0, readSync(file, buffer, 0, count, offset));
  } finally {
    closeSync(file);
  }
}

/** Null when there is no such file, or none that can be seen. */
export function lengthOf(path: string): number | null {
  return statOf(path)?.size ?? null;
}

export function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}
