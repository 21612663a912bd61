// Files that something is made from, named in wt.yaml: found, and hashed so that a change is noticed.
import { createReadStream, existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { WtError } from "../errors/wt-error.ts";

/** Where a path of wt.yaml lies: in the worktree, else in the main one (dumps are seldom in git). */
export function locateInput(written: string, { worktree, mainWorktree }: { worktree: string; mainWorktree: string }): string {
  const home = written.startsWith("~/") ? join(homedir(), written.slice(2)) : written;
  if (isAbsolute(home)) return home;
  const here = join(worktree, home);
  const main = join(mainWorktree, home);
  return !existsSync(here) && existsSync(main) ? main : here;
}

/** One hash of all files that the patterns match. Throws `WtError` (`config`) naming the key for a pattern that matches none. */
export async function hashInputs(worktree: string, patterns: readonly string[], key: string): Promise<string> {
  const files = new Set<string>();
  for (const pattern of patterns) {
    const names = statSync(join(worktree, pattern), { throwIfNoEntry: false })?.isDirectory()
      ? `${pattern.replace(/\/+$/, "")}/**/*`
      : pattern;
    const found = [...new Bun.Glob(names).scanSync({ cwd: worktree, onlyFiles: true, dot: true })];
    for (const name of found) files.add(name);
    if (found.length === 0) {
      throw new WtError({
        kind: "config",
        code: "inputs_missing",
        message: `${key}: ${JSON.stringify(pattern)} matches no file in ${worktree}.`,
        hints: ["Name the files or directories that the migration reads, such as `migrations/**`."],
      });
    }
  }
  const hasher = new Bun.CryptoHasher("sha256");
  for (const name of [...files].sort()) hasher.update(`${name}\0${await hashFile(join(worktree, name))}\0`);
  return hasher.digest("hex");
}

/** Hashes of large dumps are remembered while the file is the same. */
const remembered = new Map<string, string>();

export async function hashFile(path: string): Promise<string> {
  const { size, mtimeMs, ino } = statSync(path);
  const key = `${path}\0${size}\0${mtimeMs}\0${ino}`;
  const known = remembered.get(key);
  if (known) return known;
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hasher.update(chunk as Buffer);
  const hash = hasher.digest("hex");
  if (size > 1 << 20) remembered.set(key, hash);
  return hash;
}
