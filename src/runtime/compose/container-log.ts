// Copies what a container prints from the engine into our log, entry by entry. The place reached is written down with each copy, so that the next daemon goes on where this
// one was killed. Missed is only what the engine itself throws away (beyond the size its log may have) before it is copied, and lines around a restart of the daemon after a
// step back of the engine's clock by more than two seconds.
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../../os/clock.ts";
import type { DockerEngine } from "../../os/docker-engine.ts";
import type { LogFrame } from "../../os/docker-log-frames.ts";
import { EngineRefusal } from "../../os/engine-refusal.ts";
import { lengthOf, logPaths, readAt } from "../../os/log-files/log-rotation.ts";
import { createCounted, createSieve, type LogPosition, parsePosition, positionText, renderFrames, startOf } from "./log-position.ts";

export interface ContainerLogOptions {
  engine: DockerEngine;
  clock: Clock;
  container: string;
  /** Of the start whose end is the end of the copying. */
  startedAt: string;
  logPath: string;
  /** A start of the container that this driver just made, not one that is taken over. */
  fresh: boolean;
  /** Other copying of the same container, which has to end first. */
  after: Promise<unknown>;
}

export interface ContainerLog {
  /** Resolves when the container does not run and all it wrote is in the log, or when closed. Never rejects. */
  readonly complete: Promise<void>;
  close(): void;
}

interface Copying extends ContainerLogOptions {
  position: LogPosition;
  /** What the daemon before has copied without writing down the place: the same bytes come again. */
  repeated: Buffer;
  closing: AbortController;
}

const retryMs = 1000;
/** More than one copy ever writes; what is longer was written by somebody else. */
const mostRepeatedBytes = 8 * 1024 * 1024;

export function followContainer(options: ContainerLogOptions): ContainerLog {
  const copying: Copying = { ...options, position: startOf(options.container), repeated: Buffer.alloc(0), closing: new AbortController() };
  return {
    complete: copyToEnd(copying).catch(() => undefined),
    close: () => copying.closing.abort(new Error("the driver is closed")),
  };
}

async function copyToEnd(copying: Copying): Promise<void> {
  const { clock, closing } = copying;
  await copying.after;
  copying.position = readPosition(copying) ?? copying.position;
  if (!copying.fresh) copying.repeated = readRepeated(copying);
  for (;;) {
    try {
      await copyPast(copying);
      if (!(await isRunning(copying))) {
        // It may have written more between the two looks.
        await copyPast(copying);
        return;
      }
      await copyOn(copying);
      if (!(await isRunning(copying))) continue;
    } catch (error) {
      closing.signal.throwIfAborted();
      if (error instanceof EngineRefusal && error.message.includes("not support reading")) return noteUnreadable(copying);
      // The environment is gone, and the log with it.
      if (!existsSync(dirname(copying.logPath))) return;
      // The engine is away, or our disk is full: nothing is lost, the place is known.
      copying.repeated = readRepeated(copying);
    }
    await clock.sleep(retryMs, closing.signal);
  }
}

async function isRunning({ engine, container, startedAt, closing }: Copying): Promise<boolean> {
  const state = (await engine.inspect(container, closing.signal))?.State;
  return state?.Running === true && state.StartedAt === startedAt;
}

/** Copies everything there is by now. */
async function copyPast(copying: Copying): Promise<void> {
  const { position } = copying;
  const sieve = createSieve(position);
  const counted = createCounted(position.anchor);
  const copy = (fresh: LogFrame[]) => append(copying, fresh, { anchor: position.anchor, taken: position.taken + fresh.length });
  let last: LogFrame | undefined;
  for await (const frames of readEntries(copying, false)) {
    for (const frame of frames) counted.add(frame.time);
    last = frames.at(-1) ?? last;
    copy(sieve.fresh(frames));
  }
  copy(sieve.rest());
  copying.repeated = Buffer.alloc(0);
  // From here on the count is that of the engine's log, whatever it has thrown away.
  Object.assign(position, { anchor: counted.anchor, taken: counted.taken, last: last?.time ?? position.last });
  writePosition(copying);
}

/** Copies what comes until the container ends or the connection does. */
async function copyOn(copying: Copying): Promise<void> {
  const { anchor, taken: known } = copying.position;
  const counted = createCounted(anchor);
  let seen = 0;
  for await (const frames of readEntries(copying, true)) {
    for (const frame of frames) counted.add(frame.time);
    const fresh = frames.slice(Math.max(0, known - seen));
    seen += frames.length;
    append(copying, fresh, counted);
  }
}

async function* readEntries({ engine, container, position, closing }: Copying, follow: boolean): AsyncGenerator<LogFrame[]> {
  const details = await engine.inspect(container, closing.signal);
  if (!details) return;
  yield* engine.logs(container, { since: position.anchor, follow, tty: details.Config.Tty }, closing.signal);
}

/** Writes the entries, then the place behind them. */
function append(copying: Copying, frames: readonly LogFrame[], counted: { anchor: bigint; taken: number }): void {
  const last = frames.at(-1);
  if (!last) return;
  const { logPath, position } = copying;
  const file = openSync(logPath, "a", 0o600);
  try {
    const length = fstatSync(file).size;
    // What is repeated was rendered when the log was as long as the place says.
    const from = copying.repeated.length > 0 ? Math.min(length, position.length) : length;
    const midLine = from > 0 && readAt(logPath, from - 1, 1)[0] !== 10;
    const { bytes, open } = renderFrames(frames, { open: position.open, midLine });
    writeWhole(file, withoutRepeated(copying, bytes));
    Object.assign(position, { open, length: fstatSync(file).size, anchor: counted.anchor, taken: counted.taken, last: last.time });
  } finally {
    closeSync(file);
  }
  writePosition(copying);
}

/** What of `bytes` is not in the log yet. */
function withoutRepeated(copying: Copying, bytes: Buffer): Buffer {
  const { repeated } = copying;
  const common = Math.min(repeated.length, bytes.length);
  if (!repeated.subarray(0, common).equals(bytes.subarray(0, common))) {
    copying.repeated = Buffer.alloc(0);
    return bytes;
  }
  copying.repeated = repeated.subarray(common);
  return bytes.subarray(common);
}

function writeWhole(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** Bytes of the log behind the place written down. A log that is shorter was rotated since, and all of it is newer. Lines of wt's own are no copies. */
function readRepeated({ logPath, position }: Copying): Buffer {
  const length = lengthOf(logPath) ?? 0;
  const from = length >= position.length ? position.length : 0;
  if (length - from > mostRepeatedBytes) return Buffer.alloc(0);
  const text = readAt(logPath, from, length - from).toString("latin1");
  return Buffer.from(text.replace(/^\[wt\] .*\n/gm, ""), "latin1");
}

function readPosition({ logPath, container }: Copying): LogPosition | null {
  try {
    const position = parsePosition(readFileSync(logPaths(logPath).position, "latin1"));
    return position?.container === container ? position : null;
  } catch {
    // There is none yet.
    return null;
  }
}

/** Written over in place: a daemon that is killed here leaves the old place or the new one. */
function writePosition({ logPath, position }: Copying): void {
  const file = openSync(logPaths(logPath).position, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    writeSync(file, positionText(position), 0, "latin1");
  } finally {
    closeSync(file);
  }
}

function noteUnreadable({ logPath, fresh }: Copying): void {
  if (!fresh) return;
  const file = openSync(logPath, "a", 0o600);
  try {
    writeWhole(file, Buffer.from("[wt] The `logging:` of this container keeps nothing that could be read here.\n"));
  } finally {
    closeSync(file);
  }
}
