// Which blocks of the disk files lie in, as `filefrag` (e2fsprogs) tells; it asks the kernel by FIEMAP and needs no privileges.
import { exec } from "./exec.ts";

export interface Extent {
  /** First block on the disk. */
  physical: number;
  blocks: number;
  shared: boolean;
}

export interface FileExtents {
  blockBytes: number;
  extents: Extent[];
}

/** The extents of these files together; null where the machine does not tell. */
export async function readExtents(files: readonly string[], path: string): Promise<FileExtents | null> {
  if (files.length === 0) return { blockBytes: 4096, extents: [] };
  const env = { PATH: `${path}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: "C" };
  const result = await exec(["filefrag", "-s", "-v", ...files], { cwd: "/", env }).catch(() => null);
  return result?.code === 0 ? parseFilefrag(result.stdout) : null;
}

/** `   0:        0..     255:   11111..   11366:    256:             last,shared,eof`. */
export function parseFilefrag(text: string): FileExtents {
  const parsed: FileExtents = { blockBytes: 4096, extents: [] };
  for (const line of text.split("\n")) {
    const blockBytes = /blocks? of (\d+) bytes/.exec(line)?.[1];
    if (blockBytes) parsed.blockBytes = Number(blockBytes);
    const match = /^\s*\d+:\s+\d+\.\.\s*\d+:\s+(\d+)\.\.\s*\d+:\s+(\d+):(.*)$/.exec(line);
    if (match) parsed.extents.push({ physical: Number(match[1]), blocks: Number(match[2]), shared: (match[3] ?? "").includes("shared") });
  }
  return parsed;
}
