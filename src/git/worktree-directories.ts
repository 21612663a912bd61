import { readdir } from "node:fs/promises";
import { join } from "node:path";

export interface WorktreeDirectories {
  /** Absolute, the root first. */
  directories: string[];
  /** Relative with a trailing `/`: was not looked into, because `skip` named it. */
  skipped: string[];
  /** Relative with a trailing `/`: a repository of its own; only itself is among `directories`. */
  nested: string[];
}

const readsAtOnce = 16;

/** All directories whose entries `git status` looks at, if it passes over `skip`. null when there are more than `limit` or one cannot be read. */
export async function walkWorktree(
  root: string,
  { skip, limit }: { skip: ReadonlySet<string>; limit: number },
): Promise<WorktreeDirectories | null> {
  const found: WorktreeDirectories = { directories: [root], skipped: [], nested: [] };
  let level = [""];
  while (level.length > 0) {
    const next: string[] = [];
    for (let start = 0; start < level.length; start += readsAtOnce) {
      const below = await Promise.all(level.slice(start, start + readsAtOnce).map((directory) => readBelow(root, directory, skip)));
      for (const one of below) {
        if (!one) return null;
        found.skipped.push(...one.skipped);
        found.nested.push(...one.nested);
        next.push(...one.deeper);
      }
    }
    found.directories.push(...next.map((directory) => join(root, directory)));
    if (found.directories.length > limit) return null;
    level = next;
  }
  return found;
}

async function readBelow(
  root: string,
  directory: string,
  skip: ReadonlySet<string>,
): Promise<{ deeper: string[]; skipped: string[]; nested: string[] } | null> {
  const entries = await readdir(join(root, directory), { withFileTypes: true }).catch(() => null);
  if (!entries) return null;
  if (directory !== "" && entries.some((entry) => entry.name === ".git")) return { deeper: [], skipped: [], nested: [directory] };
  const deeper: string[] = [];
  const skipped: string[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name === ".git") continue;
    // Not UTF-8: its name cannot be told from others.
    if (entry.name.includes("\uFFFD")) return null;
    const name = `${directory}${entry.name}/`;
    (skip.has(name) ? skipped : deeper).push(name);
  }
  return { deeper, skipped, nested: [] };
}
