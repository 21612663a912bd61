// What the engine sends of a container's log → its entries, each with the time the engine wrote it down. Pure but for what is held back of an unfinished entry.

export interface LogFrame {
  stream: 1 | 2;
  /** Nanoseconds since 1970. */
  time: bigint;
  /** With its newline; without one where the engine cut a long line, or the program ended in the middle of it. */
  bytes: Uint8Array;
}

/** The engine cuts longer lines into entries of this length. */
const longestEntryBytes = 16 * 1024;
const newline = 10;
const space = 32;

/** Entries in portions as they come. `tty`: plain text of one stream; else eight bytes (stream, length) before each entry. An entry that is torn at the end is left out. */
export async function* readLogFrames(body: AsyncIterable<Uint8Array>, tty: boolean): AsyncGenerator<LogFrame[]> {
  let held = Buffer.alloc(0);
  const take = tty ? takeTtyEntry : takeFrame;
  for await (const chunk of body) {
    held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
    const frames: LogFrame[] = [];
    for (let entry = take(held); entry !== null; entry = take(held)) {
      held = held.subarray(entry.length);
      const frame = parseEntry(entry.stream, entry.content);
      if (frame) frames.push(frame);
    }
    if (frames.length > 0) yield frames;
  }
  // A terminal's last line may have no end; nothing else says that it is one.
  const last = tty ? parseEntry(1, held) : null;
  if (last) yield [last];
}

interface Entry {
  stream: 1 | 2;
  content: Buffer;
  /** Of all that belongs to it. */
  length: number;
}

function takeFrame(bytes: Buffer): Entry | null {
  if (bytes.length < 8) return null;
  const length = 8 + bytes.readUInt32BE(4);
  if (bytes.length < length) return null;
  return { stream: bytes[0] === 2 ? 2 : 1, content: bytes.subarray(8, length), length };
}

function takeTtyEntry(bytes: Buffer): Entry | null {
  const textStart = bytes.indexOf(space) + 1;
  if (textStart === 0) return null;
  const end = bytes.indexOf(newline, textStart);
  const whole = end === -1 ? bytes.length : end + 1;
  const cut = textStart + longestEntryBytes;
  // A cut line goes on with the time of its next piece.
  const length = whole > cut && isTime(bytes.subarray(cut, cut + 64)) ? cut : whole;
  if (end === -1 && length === whole) return null;
  return { stream: 1, content: bytes.subarray(0, length), length };
}

const timePattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

function isTime(bytes: Buffer): boolean {
  const end = bytes.indexOf(space);
  return end > 0 && timePattern.test(bytes.toString("latin1", 0, end));
}

function parseEntry(stream: 1 | 2, content: Buffer): LogFrame | null {
  const end = content.indexOf(space);
  const time = end === -1 ? null : parseEngineTime(content.toString("latin1", 0, end));
  return time === null ? null : { stream, time, bytes: new Uint8Array(content.subarray(end + 1)) };
}

/** RFC 3339 with up to nine digits of a second → nanoseconds since 1970; null for anything else. */
export function parseEngineTime(text: string): bigint | null {
  const match = timePattern.exec(text);
  if (!match) return null;
  const ms = Date.parse(`${match[1]}${match[3]}`);
  return Number.isNaN(ms) ? null : BigInt(ms) * 1_000_000n + BigInt((match[2] ?? "").padEnd(9, "0"));
}
