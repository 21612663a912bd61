// When a log had grown to which length: the services write plain bytes, so this is all that is known about the time of a line. Pure.

export interface TimeMark {
  timeMs: number;
  /** Length of the log at that time, or since the last mark up to it. */
  offset: number;
  /** Nobody watched since the mark before: the growth happened at some time in between. */
  unwatched: boolean;
}

export type TimeIndex = TimeMark[];

/** One line of the index file. */
export function timeMarkLine(mark: TimeMark): string {
  return `${Math.round(mark.timeMs)} ${mark.offset}${mark.unwatched ? " ~" : ""}\n`;
}

/** Never fails: a torn or foreign line, or one that does not fit a log of `length` bytes, is passed over. Offsets grow strictly, except at the very start. */
export function parseTimeIndex(text: string, length: number): TimeIndex {
  const index: TimeIndex = [];
  for (const line of text.split("\n").slice(0, -1)) {
    const match = /^(\d{1,15}) (\d{1,15})( ~)?$/.exec(line);
    if (!match) continue;
    const mark = { timeMs: Number(match[1]), offset: Number(match[2]), unwatched: match[3] !== undefined };
    const last = index.at(-1);
    if (mark.offset > length || (last && mark.offset < last.offset)) continue;
    index.push(mark);
  }
  return index;
}

/** When the byte before `end` was written, as well as is known; `fallbackMs` where the index ends before it. */
export function timeAt(index: TimeIndex, end: number, fallbackMs: number): number {
  const at = firstReaching(index, end);
  const mark = index[at];
  if (!mark) return fallbackMs;
  const before = index[at - 1];
  if (!mark.unwatched || !before || mark.offset <= before.offset) return mark.timeMs;
  const share = (end - before.offset) / (mark.offset - before.offset);
  return Math.round(before.timeMs + share * (mark.timeMs - before.timeMs));
}

/** An offset before which nothing was written at `sinceMs` or later. */
export function offsetBefore(index: TimeIndex, sinceMs: number): number {
  for (let at = index.length - 1; at >= 0; at--) {
    const mark = index[at];
    if (mark && mark.timeMs < sinceMs) return mark.offset;
  }
  return 0;
}

/** Position of the first mark whose offset is at least `end`. */
function firstReaching(index: TimeIndex, end: number): number {
  let low = 0;
  let high = index.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((index[middle]?.offset ?? 0) >= end) high = middle;
    else low = middle + 1;
  }
  return low;
}
