// Which files hold a text: the name of a worktree that is about to get another one.
import { lstat, open, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";

export interface NameSearch {
  /** Absolute. */
  root: string;
  /** Relative; files, links, or directories with all that is in them. */
  entries: readonly string[];
  texts: readonly string[];
  abort: AbortSignal;
}

export interface SearchedEntry {
  entry: string;
  /** The first file or link that holds one of the texts, relative to `root`; null: none does. */
  holder: string | null;
  /** When what is in it was last changed (its inode too), each time once. */
  changedMs: number[];
}

/** Reads every byte, also of programs; what is packed or compressed is not looked into. What vanishes meanwhile holds nothing. */
export async function searchNames(search: NameSearch): Promise<SearchedEntry[]> {
  const needles = search.texts.map((text) => Buffer.from(text));
  const found: SearchedEntry[] = [];
  for (const entry of search.entries) {
    const changed = new Set<number>();
    const holder = await searchPath({ ...search, needles, changed }, entry.replace(/\/$/, ""));
    found.push({ entry, holder, changedMs: [...changed] });
  }
  return found;
}

interface Searching extends NameSearch {
  needles: readonly Buffer[];
  changed: Set<number>;
}

async function searchPath(searching: Searching, path: string): Promise<string | null> {
  const { root, abort, changed, needles } = searching;
  abort.throwIfAborted();
  const place = join(root, path);
  const stat = await lstat(place).catch(absent);
  if (!stat) return null;
  changed.add(Math.round(stat.ctimeMs));
  if (stat.isSymbolicLink()) {
    const text = Buffer.from((await readlink(place).catch(absent)) ?? "");
    return needles.some((needle) => text.includes(needle)) ? path : null;
  }
  if (stat.isFile()) return (await holds(place, needles, stat.size)) ? path : null;
  if (!stat.isDirectory()) return null;
  let holder: string | null = null;
  for (const name of ((await readdir(place).catch(absent)) ?? []).sort()) {
    const inside = await searchPath(searching, join(path, name));
    holder ??= inside;
  }
  return holder;
}

const sliceBytes = 1024 * 1024;

/** What cannot be read may hold anything. */
async function holds(place: string, needles: readonly Buffer[], bytes: number): Promise<boolean> {
  let denied = false;
  const file = await open(place, "r").catch((error: NodeJS.ErrnoException) => {
    denied = error.code === "EACCES" || error.code === "EPERM";
    return denied ? null : absent(error);
  });
  if (!file) return denied;
  try {
    const longest = Math.max(...needles.map(({ length }) => length));
    const slice = Math.min(sliceBytes, bytes + 1);
    const buffer = Buffer.allocUnsafe(slice + longest);
    let kept = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, kept, slice, null);
      const read = buffer.subarray(0, kept + bytesRead);
      if (needles.some((needle) => read.includes(needle))) return true;
      if (bytesRead === 0) return false;
      // A text may lie across two slices.
      kept = Math.min(longest - 1, read.length);
      buffer.copy(buffer, 0, read.length - kept, read.length);
    }
  } finally {
    await file.close();
  }
}

/** Anything else than absence is told. */
function absent(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
  throw error;
}
