// How far a container's log has been copied into ours. The engine's entries have no number, their times repeat and are not even in order (two streams are written
// down by two writers), but their order in the engine's log never changes: so the place is "this many entries at or after that time". Pure.
import type { LogFrame } from "../../os/docker-log-frames.ts";

export interface LogPosition {
  container: string;
  /** Entries at or after this time are counted. Nanoseconds since 1970. */
  anchor: bigint;
  /** How many of them were copied. */
  taken: number;
  /** Time of the last one copied. */
  last: bigint;
  /** Length of our log behind it. */
  length: number;
  /** The stream whose line is unfinished; 0: none. */
  open: 0 | 1 | 2;
}

export function startOf(container: string): LogPosition {
  return { container, anchor: 0n, taken: 0, last: 0n, length: 0, open: 0 };
}

/** Always of the same length, so that it can be written over in place. */
const positionTextBytes = 256;

export function positionText(position: LogPosition): string {
  const { container, anchor, taken, last, length, open } = position;
  return `${[1, container, anchor, taken, last, length, open].join(" ").padEnd(positionTextBytes - 1)}\n`;
}

/** Null for anything else, such as a torn one. */
export function parsePosition(text: string): LogPosition | null {
  const match = /^1 ([0-9a-f]{12,64}) (\d{1,20}) (\d{1,15}) (\d{1,20}) (\d{1,15}) ([012]) *\n$/.exec(text);
  if (!match) return null;
  const [, container = "", anchor = "", taken, last = "", length, open] = match;
  return {
    container,
    anchor: BigInt(anchor),
    taken: Number(taken),
    last: BigInt(last),
    length: Number(length),
    open: Number(open) as 0 | 1 | 2,
  };
}

/** Passes on, of all entries at or after the anchor, those that were not copied yet. */
export interface Sieve {
  fresh(frames: readonly LogFrame[]): LogFrame[];
  /** All there is was seen: what has to be copied although fewer entries came than were copied before. */
  rest(): LogFrame[];
}

/** The engine may have thrown old entries away meanwhile (its own rotation); then the time of the last one copied decides. */
export function createSieve({ taken, last }: LogPosition): Sieve {
  let seen = 0;
  /** Passed over so far, but later than the last one copied. */
  let doubtful: LogFrame[] = [];
  return {
    fresh(frames) {
      const found: LogFrame[] = [];
      for (const frame of frames) {
        seen++;
        if (seen > taken) found.push(frame);
        else if (frame.time > last) doubtful.push(frame);
        if (seen !== taken) continue;
        if (frame.time !== last) found.push(...doubtful);
        doubtful = [];
      }
      return found;
    },
    rest() {
      const found = seen < taken ? doubtful : [];
      doubtful = [];
      return found;
    },
  };
}

/** Beyond this many entries the anchor is moved up, as every look starts by reading from there. */
const mostCounted = 4096;
/** So far may entries be out of order. */
const disorderNanos = 2_000_000_000n;

/** Times of the entries that a position counts; moves its anchor. */
export interface Counted {
  add(time: bigint): void;
  readonly anchor: bigint;
  readonly taken: number;
}

export function createCounted(from: bigint): Counted {
  let anchor = from;
  let times: bigint[] = [];
  let newest = 0n;
  let tidyAbove = mostCounted;
  const tidy = () => {
    const next = newest - disorderNanos;
    if (next > anchor) {
      anchor = next;
      times = times.filter((time) => time >= anchor);
    }
    tidyAbove = Math.max(mostCounted, 2 * times.length);
  };
  return {
    add(time) {
      if (time < anchor) return;
      times.push(time);
      if (time > newest) newest = time;
      if (times.length > tidyAbove) tidy();
    },
    get anchor() {
      return anchor;
    },
    get taken() {
      return times.length;
    },
  };
}

/** Entries as they stand in the log: a line that another stream breaks into is ended first. `midLine`: the log does not end with a newline. */
export function renderFrames(
  frames: readonly LogFrame[],
  before: { open: 0 | 1 | 2; midLine: boolean },
): { bytes: Buffer; open: 0 | 1 | 2 } {
  let { open, midLine } = before;
  const parts: Uint8Array[] = [];
  for (const { stream, bytes } of frames) {
    if (bytes.length === 0) continue;
    if (midLine && open !== 0 && open !== stream) parts.push(newline);
    parts.push(bytes);
    midLine = bytes[bytes.length - 1] !== 10;
    open = midLine ? stream : 0;
  }
  return { bytes: Buffer.concat(parts), open };
}

const newline = new Uint8Array([10]);
