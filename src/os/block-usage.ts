// What a directory takes on the disk: its own blocks, and those it shares with a template.
import { lstatSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileSystemName } from "./clone-method.ts";
import type { DiskUsage } from "./disk-usage.ts";
import { exec } from "./exec.ts";
import { readExtents } from "./extents.ts";
import { isOverlay, layersOf } from "./overlay-directory.ts";

const filesAtOnce = 400;

export async function readBlockUsage(directory: string, path: string): Promise<DiskUsage> {
  if (isOverlay(directory)) return readOverlayUsage(directory);
  const fileSystem = fileSystemName(directory);
  if (fileSystem === "btrfs") {
    const env = { PATH: `${path}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: "C" };
    const result = await exec(["btrfs", "filesystem", "du", "-s", "--raw", directory], { cwd: "/", env }).catch(() => null);
    const usage = result?.code === 0 ? parseBtrfsUsage(result.stdout) : null;
    if (usage) return { ...usage, how: "btrfs filesystem du" };
  }
  const files = listFiles(directory);
  if (fileSystem === "btrfs" || fileSystem === "xfs") {
    let [exclusiveBytes, sharedBytes] = [0, 0];
    for (let from = 0; from < files.length; from += filesAtOnce) {
      const read = await readExtents(
        files.slice(from, from + filesAtOnce).map((file) => file.path),
        path,
      );
      if (!read) return { exclusiveBytes: null, sharedBytes: null, how: "filefrag (e2fsprogs) is missing" };
      for (const extent of read.extents) {
        if (extent.shared) sharedBytes += extent.blocks * read.blockBytes;
        else exclusiveBytes += extent.blocks * read.blockBytes;
      }
    }
    return { exclusiveBytes, sharedBytes, how: "extents as the file system tells them (FIEMAP)" };
  }
  if (fileSystem === "apfs") return { exclusiveBytes: null, sharedBytes: null, how: "APFS does not tell what clones share" };
  return {
    exclusiveBytes: files.reduce((sum, file) => sum + file.bytes, 0),
    sharedBytes: 0,
    how: `full copy (${fileSystem} shares no blocks)`,
  };
}

/** Files that were opened for writing lie above as wholes, what was deleted has a mark there; the rest are those below. */
function readOverlayUsage(directory: string): DiskUsage {
  const [upper, ...below] = layersOf(directory);
  const own = listFiles(upper);
  const entries = readdirSync(upper, { withFileTypes: true, recursive: true }).filter((entry) => !entry.isDirectory());
  const covered = new Set(entries.map((entry) => relative(upper, join(entry.parentPath, entry.name))));
  const isCovered = (name: string) => name.split("/").some((_, index, parts) => covered.has(parts.slice(0, index + 1).join("/")));
  const shared = below.flatMap((layer) => listFiles(layer).filter(({ path }) => !isCovered(relative(layer, path))));
  const sum = (list: { bytes: number }[]) => list.reduce((total, { bytes }) => total + bytes, 0);
  const how = `overlay: ${own.length} files are its own, ${shared.length} are the template's (the first use of a table copies it whole)`;
  return { exclusiveBytes: sum(own), sharedBytes: sum(shared), how };
}

/** `     Total   Exclusive  Set shared  Filename`, then one line of numbers. */
export function parseBtrfsUsage(text: string): { exclusiveBytes: number; sharedBytes: number } | null {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s/m.exec(text);
  return match ? { exclusiveBytes: Number(match[2]), sharedBytes: Math.max(0, Number(match[1]) - Number(match[2])) } : null;
}

function listFiles(directory: string): { path: string; bytes: number }[] {
  const files: { path: string; bytes: number }[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    try {
      files.push({ path, bytes: lstatSync(path).blocks * 512 });
    } catch {
      // A running server removes files.
    }
  }
  return files;
}
