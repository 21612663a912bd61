// How much disk something takes, as far as the machine tells.
import { lstatSync, readdirSync, statfsSync } from "node:fs";
import { join } from "node:path";

export interface DiskUsage {
  exclusiveBytes: number | null;
  sharedBytes: number | null;
  how: string;
}

/** File systems of Linux that can share blocks between files, by statfs(2). */
const sharingFileSystems = new Map([
  [0x9123683e, "btrfs"],
  [0x58465342, "xfs"],
  [0x2fc12fc1, "zfs"],
  [0xca451a4e, "bcachefs"],
]);

/** Allocated blocks of files and directories; links are not followed, hard links count once. The absent takes nothing. */
export function readDiskUsage(paths: readonly string[]): DiskUsage {
  const counted = new Set<string>();
  const bytes = paths.reduce((sum, path) => sum + allocatedBytes(path, counted), 0);
  const there = paths.find((path) => lstatSync(path, { throwIfNoEntry: false }));
  if (!there) return { exclusiveBytes: 0, sharedBytes: 0, how: "nothing is there" };
  const name = process.platform === "darwin" ? "apfs" : sharingFileSystems.get(statfsSync(there).type);
  if (!name) return { exclusiveBytes: bytes, sharedBytes: 0, how: "allocated blocks; this file system shares none between files" };
  return { exclusiveBytes: null, sharedBytes: null, how: `${bytes} bytes allocated; on ${name} a part of them may be shared` };
}

function allocatedBytes(path: string, counted: Set<string>): number {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  const key = stat ? `${stat.dev}:${stat.ino}` : "";
  if (!stat || counted.has(key)) return 0;
  counted.add(key);
  const own = stat.blocks * 512;
  if (!stat.isDirectory()) return own;
  return readdirSync(path).reduce((sum, name) => sum + allocatedBytes(join(path, name), counted), own);
}
