// A file that only takes room. When the disk is almost full it goes, so that servers can start, write down what they hold, and stop; it is made again
// when there is room. Without it a full disk could only be left by killing, and servers that were killed need room to recover.
import { closeSync, existsSync, openSync, renameSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "./clock.ts";
import { spaceFloorBytes } from "./disk-error.ts";
import { exec } from "./exec.ts";

export interface Ballast {
  /** Cheap: gives the room free where there is almost none left. */
  relieve(): void;
  /** Makes it where there is room for it, and looks after it until `stop`. */
  watch(): void;
  stop(): void;
}

export interface BallastOptions {
  /** One of them on each file system is enough; one that is absent is passed over. */
  directories: readonly string[];
  clock: Clock;
  bytes?: number;
  pauseMs?: number;
  report: (error: unknown) => void;
}

const defaultBytes = 96 * 1024 * 1024;
/** Less is almost none: a server's buffers and a few segments of its log. */
const lowBytes = 32 * 1024 * 1024;
const defaultPauseMs = 1_000;

export function createBallast({ directories, clock, bytes = defaultBytes, pauseMs = defaultPauseMs, report }: BallastOptions): Ballast {
  let watching: AbortController | null = null;
  const each = (work: (file: string, directory: string) => void) => {
    for (const directory of directories) {
      try {
        if (existsSync(directory)) work(join(directory, "ballast"), directory);
      } catch (error) {
        report(error);
      }
    }
  };
  const relieve = () =>
    each((file, directory) => {
      if (freeBytes(directory) < lowBytes) rmSync(file, { force: true });
    });
  const make = async () => {
    const devices = new Set<number>();
    for (const directory of directories) {
      const device = statSync(directory, { throwIfNoEntry: false })?.dev;
      if (device === undefined || devices.has(device)) continue;
      devices.add(device);
      const file = join(directory, "ballast");
      if (!existsSync(file) && freeBytes(directory) > spaceFloorBytes + bytes) await fill(file, bytes);
    }
  };
  return {
    relieve,
    watch() {
      if (watching) return;
      const abort = new AbortController();
      watching = abort;
      const loop = async () => {
        while (!abort.signal.aborted) {
          relieve();
          await make().catch(report);
          await clock.sleep(pauseMs, abort.signal);
        }
      };
      loop().catch((error) => (abort.signal.aborted ? undefined : report(error)));
    },
    stop() {
      watching?.abort();
      watching = null;
    },
  };
}

function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

async function fill(file: string, bytes: number): Promise<void> {
  const partial = `${file}.partial`;
  try {
    const env = { PATH: "/usr/bin:/bin", LC_ALL: "C" };
    const result = await exec(["fallocate", "-l", String(bytes), partial], { cwd: "/", env }).catch(() => null);
    if (result?.code !== 0) writeNoise(partial, bytes);
    renameSync(partial, file);
  } finally {
    rmSync(partial, { force: true });
  }
}

/** Where blocks cannot be reserved; zeros could be packed away. */
function writeNoise(file: string, bytes: number): void {
  const descriptor = openSync(file, "w", 0o600);
  try {
    const noise = crypto.getRandomValues(new Uint8Array(65_536));
    for (let written = 0; written < bytes; ) written += writeSync(descriptor, noise, 0, Math.min(noise.length, bytes - written));
  } finally {
    closeSync(descriptor);
  }
}
