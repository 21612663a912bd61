// One database that fills the disk must not take the others down. When there is almost no room left, a ballast is given free, the server whose data
// grew most is stopped, and it is kept stopped until there is room again. Where none grew somebody else fills the disk, and only the ballast helps.
import { lstatSync, readdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { createBallast } from "../../os/ballast.ts";
import type { Clock } from "../../os/clock.ts";
import { spaceFloorBytes } from "../../os/disk-error.ts";
import { layersOf } from "../../os/overlay-directory.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { serverPlace } from "./postmaster.ts";

export interface DiskGuard {
  /** Looks after the disk from now on; more than once is fine. */
  watch(): void;
  /** Gives the ballast free where there is almost no room. Cheap. */
  relieve(): void;
  /** Before a server starts; watches from then on. Throws `WtError` (`disk_full`) for one that is kept stopped. */
  admit(directory: string): void;
  /** A person wants this one to start whatever comes. */
  forgive(directory: string): void;
  close(): void;
}

export interface DiskGuardOptions {
  stateDirectory: string;
  clock: Clock;
  /** Those whose servers run. */
  running: () => ResourceSpec[];
  stop: (spec: ResourceSpec) => Promise<void>;
  report: (error: unknown) => void;
}

/** Below this the sizes are looked at, so that it is known later who grew. */
const watchfulBytes = 1024 ** 3;
const lowBytes = 48 * 1024 ** 2;
const leastGrowthBytes = 16 * 1024 ** 2;
const calmPauseMs = 2_000;
const watchfulPauseMs = 150;
const sampleEveryMs = 2_000;

export function createDiskGuard({ stateDirectory, clock, running, stop, report }: DiskGuardOptions): DiskGuard {
  const ballast = createBallast({ directories: [join(stateDirectory, "postgres"), stateDirectory], clock, report });
  const kept = new Set<string>();
  const sizes = new Map<string, number>();
  let sampledMs = Number.NEGATIVE_INFINITY;
  let watching: AbortController | null = null;

  const sample = () => {
    if (clock.now() - sampledMs < sampleEveryMs) return;
    sampledMs = clock.now();
    for (const { directory } of running()) sizes.set(directory, sizes.get(directory) ?? allocatedBytes(directory));
  };
  const stopGrown = async (specs: ResourceSpec[]) => {
    const grown = specs.map((spec) => ({ spec, bytes: allocatedBytes(spec.directory) - (sizes.get(spec.directory) ?? 0) }));
    const most = grown.toSorted((one, other) => other.bytes - one.bytes)[0];
    if (!most || !sizes.has(most.spec.directory) || most.bytes < leastGrowthBytes) return;
    kept.add(most.spec.directory);
    await stop(most.spec);
  };
  const round = async (): Promise<number> => {
    const specs = running();
    const free = Math.min(...[...specs.map(({ directory }) => directory), stateDirectory].map(freeBytes));
    if (free > watchfulBytes) {
      sizes.clear();
      kept.clear();
      return calmPauseMs;
    }
    sample();
    if (free < lowBytes) {
      await stopGrown(specs.filter(({ directory }) => !kept.has(directory) && freeBytes(directory) < lowBytes));
      ballast.relieve();
    }
    return watchfulPauseMs;
  };
  const watch = () => {
    if (watching) return;
    const abort = new AbortController();
    watching = abort;
    ballast.watch();
    const loop = async () => {
      for (;;) {
        const pauseMs = await round().catch((error) => {
          report(error);
          return calmPauseMs;
        });
        await clock.sleep(pauseMs, abort.signal);
      }
    };
    loop().catch((error) => (abort.signal.aborted ? undefined : report(error)));
  };
  return {
    watch,
    relieve: ballast.relieve,
    admit(directory) {
      watch();
      ballast.relieve();
      if (!kept.has(directory)) return;
      if (freeBytes(directory) >= spaceFloorBytes) kept.delete(directory);
      else throw keptStopped(directory);
    },
    forgive: (directory) => void kept.delete(directory),
    close() {
      watching?.abort();
      watching = null;
      ballast.stop();
    },
  };
}

function keptStopped(directory: string): WtError {
  const [free, wanted] = [freeBytes(directory), spaceFloorBytes].map((bytes) => `${Math.floor(bytes / 1024 ** 2)} MB`);
  return new WtError({
    kind: "machine",
    code: "disk_full",
    message: `This database grew until the disk of ${directory} was full, so it was stopped; ${free} are free, and it wakes by itself from ${wanted} on.`,
    hints: [
      "`wt db usage` shows what takes the room; `wt delete` what is done.",
      "Start it nevertheless, such as to drop a table: wt db start",
    ],
  });
}

function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Of what a server may write; 0 for what is gone. */
function allocatedBytes(directory: string): number {
  try {
    const [place] = layersOf(serverPlace(directory).data);
    const entries = readdirSync(place, { withFileTypes: true, recursive: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return files.reduce((sum, file) => sum + (lstatSync(file, { throwIfNoEntry: false })?.blocks ?? 0) * 512, 0);
  } catch {
    return 0;
  }
}
