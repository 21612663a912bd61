import { statfsSync } from "node:fs";

/** What anybody but root may still write to the file system of `path`. Throws as `statfs` does. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
