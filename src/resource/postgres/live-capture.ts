// The data of a server that runs, as it is at one instant, without stopping it and without disconnecting anybody. A bare copy of the files would
// be none: each file would be of another moment. The first way that is safe here is taken.
import { statSync } from "node:fs";
import type { Clock } from "../../os/clock.ts";
import { type CloneProbe, runClone } from "../../os/clone-method.ts";
import { removeTree } from "../../os/files.ts";
import { isOverlay } from "../../os/overlay-directory.ts";
import { cloneData } from "./clone-data.ts";
import { refuseShared } from "./data-directory.ts";
import { copyByBackup } from "./live-backup.ts";
import { whileFrozen } from "./live-freeze.ts";
import { asAdmin, type ServerPlace } from "./postmaster.ts";

export interface LiveSource {
  place: ServerPlace;
  port: number;
  major: number;
  /** How data directories are copied here. */
  probe: CloneProbe;
  /** Absent. */
  to: string;
  /** Where programs are searched. */
  path: string;
  clock: Clock;
  abort?: AbortSignal | undefined;
}

/** `asleep`: there was no server to disturb. `stopped`: none of the other ways was possible, so it was stopped for the copy. */
export type CaptureWay = "snapshot" | "backup" | "frozen" | "stopped" | "asleep";

export interface Capture {
  way: CaptureWay;
  /** For people, after "copied": how it was done and why not better. */
  how: string;
}

/** Snapshots of these are taken in one instant, whatever is written meanwhile. */
const atomicMethods: readonly string[] = ["btrfs-snapshot"];

/**
 * Copies the data of the running server to `to`, where a start will recover it as after a crash. null: no way is safe here, and nothing is there.
 * Throws when a way that should work failed; then nothing is there either.
 */
export async function captureLive(source: LiveSource): Promise<Capture | null> {
  const { place, port, to } = source;
  refuseShared(place.data);
  const settings = await asAdmin(place, port, async (session) => {
    await session.query("CHECKPOINT");
    const [row] = await session.query("SELECT current_setting('fsync') AS fsync, current_setting('wal_level') AS wal_level");
    return row;
  });
  source.abort?.throwIfAborted();
  const against: string[] = [];
  try {
    if (!atomicMethods.includes(source.probe.method)) against.push("the file system makes no snapshots");
    else if (settings?.fsync !== "on") against.push("fsync is off, so a snapshot may miss what was written");
    else {
      const failure = await captureBySnapshot(source);
      if (failure === null) return { way: "snapshot", how: "by a snapshot of the file system, while it served" };
      against.push(`no snapshot: ${failure}`);
    }
    if (isOverlay(place.data)) against.push("it lies upon its template, which only a copy of what was written keeps so");
    else if (settings?.wal_level === "minimal") against.push("wal_level is minimal");
    else {
      await copyByBackup(source);
      return { way: "backup", how: `by PostgreSQL's backup functions, while it served (${against.join("; ")})` };
    }
    const pausedMs = await captureFrozen(source);
    return { way: "frozen", how: `while it was held still for ${pausedMs} ms (${against.join("; ")})` };
  } catch (error) {
    await removeTree(to);
    if ((error as { code?: unknown }).code === "postgres_not_frozen") return null;
    throw error;
  }
}

/** null: done. Else why not, and nothing is there. Safe as long as the server waits for the disk (fsync): the order of what it wrote is kept. */
export async function captureBySnapshot({ place, to, path, abort }: LiveSource): Promise<string | null> {
  // Of a directory inside a subvolume there is no snapshot; 256 is the inode of every subvolume's own.
  if (statSync(place.data).ino !== 256) return "its directory is no subvolume";
  return runClone("btrfs-snapshot", { from: place.data, to, path, ...(abort ? { abort } : {}) });
}

/** Gives how long the server was held still. */
export async function captureFrozen({ place, to, path, clock, probe, abort }: LiveSource): Promise<number> {
  const copying = { probe, from: place.data, to, path, ...(abort ? { abort } : {}) };
  return whileFrozen(place, clock, async () => {
    const sinceMs = clock.now();
    await cloneData(copying);
    return Math.max(1, Math.round(clock.now() - sinceMs));
  });
}
