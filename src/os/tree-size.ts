// How much there is to copy: files by number and by bytes, since both cost time.
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

export interface TreeSize {
  /** Files, links and directories. */
  entries: number;
  /** Of files. */
  bytes: number;
}

/** So long nobody else in the process gets a turn. */
const turnMs = 8;

/** Looks no further as soon as `enough` says so: then there may be more. What vanishes meanwhile does not count. Links are not followed. */
export async function readTreeSize(directory: string, { enough, abort }: { enough?: (size: TreeSize) => boolean; abort: AbortSignal }) {
  const size: TreeSize = { entries: 0, bytes: 0 };
  const pending = [directory];
  let turnEnds = performance.now() + turnMs;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const entry of entriesOf(next)) {
      const path = join(next, entry.name);
      size.entries++;
      if (entry.isDirectory()) pending.push(path);
      else if (entry.isFile()) size.bytes += lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
    }
    if (enough?.(size)) break;
    if (performance.now() < turnEnds) continue;
    await new Promise((resolve) => setImmediate(resolve));
    abort.throwIfAborted();
    turnEnds = performance.now() + turnMs;
  }
  return size;
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
