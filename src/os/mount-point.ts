// Which file system a path lies on, in words that stay the same over a restart of the machine.
import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** Where a path lies: the mount point and what is mounted there. Two readings are equal only while the same file system is mounted at the same place. */
export interface MountPoint {
  at: string;
  /** Type and source (Linux), or the device's number. */
  what: string;
}

/** Of the path, or of the nearest directory above it that is there. null where the system does not tell. */
export function readMountPoint(path: string): MountPoint | null {
  try {
    if (process.platform === "linux") return findMount(parseMountInfo(readFileSync("/proc/self/mountinfo", "utf8")), path);
    return { at: "", what: `device ${statSync(nearest(path)).dev}` };
  } catch {
    return null;
  }
}

/** The one that `path` lies on; of several at one place the last, which hides the others. */
export function findMount(mounts: readonly MountPoint[], path: string): MountPoint | null {
  const above = mounts.filter(({ at }) => at === "/" || path === at || path.startsWith(`${at}/`));
  return above.reduce<MountPoint | null>((best, one) => (best === null || one.at.length >= best.at.length ? one : best), null);
}

/** Lines of `/proc/self/mountinfo`: `36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/sda1 rw`; odd characters are octal escapes. */
export function parseMountInfo(text: string): MountPoint[] {
  return text.split("\n").flatMap((line) => {
    const [left = "", right = ""] = line.split(" - ");
    const [, , , root = "", at = ""] = left.split(" ");
    const [type = "", source = ""] = right.split(" ");
    return at === "" || type === "" ? [] : [{ at: unescaped(at), what: `${type} ${unescaped(source)} ${unescaped(root)}` }];
  });
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function nearest(path: string): string {
  try {
    statSync(path);
    return path;
  } catch (error) {
    if (dirname(path) === path) throw error;
    return nearest(dirname(path));
  }
}
