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

/** What installs and builds make is no input, whatever the pattern: Django's own migrations lie below `.venv`. */
const made = /(^|\/)(node_modules|\.venv|venv|\.tox|\.git|__pycache__)(\/|$)/;

/** The files that the patterns match, sorted, seen from the worktree. Throws `WtError` (`config`) naming the key for a pattern that matches none. */
export async function hashInputs(worktree: string, patterns: readonly string[], key: string): Promise<{ path: string; hash: string }[]> {
  const files = new Set<string>();
  for (const pattern of patterns) {
    const names = statSync(join(worktree, pattern), { throwIfNoEntry: false })?.isDirectory()
      ? `${pattern.replace(/\/+$/, "")}/**/*`
      : pattern;
    const scanned = [...new Bun.Glob(names).scanSync({ cwd: worktree, onlyFiles: true, dot: true })];
    const found = scanned.filter((name) => made.test(pattern) || !made.test(name));
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
  const hashed: { path: string; hash: string }[] = [];
  for (const path of [...files].sort()) hashed.push({ path, hash: await hashFile(join(worktree, path)) });
  return hashed;
}

export interface StageFiles {
  worktree: string;
  /** `resources.db`, for errors. */
  name: string;
  commands: { migrate: string | null; seed: string | null };
  /** What both read, or each of them. */
  inputs: readonly string[];
  stageInputs: { migrate: readonly string[]; seed: readonly string[] } | null;
}

export interface HashedStages {
  /** null: there is no such command, or nothing says what it reads. */
  migrate: HashedStage | null;
  seed: HashedStage | null;
  /** Those of which nothing says when their outcome changes. */
  others: { key: string; command: string }[];
  /** null: nothing is said about what they read. */
  hash: string | null;
}

interface HashedStage {
  command: string;
  files: { path: string; hash: string }[];
}

/** What the commands that fill a database read. Throws `WtError` (`config`) naming the key. */
export async function hashStages({ worktree, name, commands, inputs, stageInputs }: StageFiles): Promise<HashedStages> {
  const stage = async (key: "migrate" | "seed"): Promise<HashedStage | null> => {
    const [command, patterns] = [commands[key], stageInputs?.[key] ?? inputs];
    if (command === null || patterns.length === 0) return null;
    return { command, files: await hashInputs(worktree, patterns, `${name}.inputs`) };
  };
  const made = { migrate: await stage("migrate"), seed: await stage("seed") };
  const others = (["migrate", "seed"] as const).flatMap((key) => {
    const command = commands[key];
    return command !== null && !made[key] ? [{ key, command }] : [];
  });
  const files = [...(made.migrate?.files ?? []), ...(made.seed?.files ?? [])];
  return { ...made, others, hash: inputs.length > 0 ? hashText(JSON.stringify(files)) : null };
}

/** A short name for everything that is given, as JSON. */
export function hashParts(parts: object): string {
  return hashText(JSON.stringify(parts)).slice(0, 20);
}

export function hashText(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
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
