// `copy:` and `.worktreeinclude`: files that git does not bring into a new worktree.
import { existsSync, lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { dirname, isAbsolute, join, normalize, relative } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import type { Git } from "../git/git.ts";
import { type IncludePatterns, parseIncludePatterns } from "../git/include-patterns.ts";
import { ignoredAmong, trackedAmong, untrackedEntries } from "../git/untracked-files.ts";
import { copyTree, entryAt } from "../os/files.ts";

export interface Fill {
  git: Git;
  /** The main worktree. */
  from: string;
  to: string;
  abort: AbortSignal;
  /** Says what was left out, or needs to be known. */
  note: (message: string) => void;
}

/**
 * Copies what `copy:` and `.worktreeinclude` name, with modes, times and links. What exists in the new worktree (tracked files above all) is left
 * alone, and so is what git tracks in the main one: the new worktree has it at its own commit.
 */
export async function copyFiles(fill: Fill & { patterns: string[]; include: string }): Promise<void> {
  const paths = await copySources(fill);
  // Both are asked of the new worktree, and of the main one only what is left: one git in nearly every case.
  const askable = paths.filter((path) => !isBehindLink(fill.to, path));
  const ignored = await ignoredAmong(fill.git, fill.to, askable);
  const others = paths.filter((path) => !ignored.has(path) && !path.endsWith("/"));
  const tracked = await trackedAmong(fill.git, fill.from, others);
  const unignored: string[] = [];
  for (const path of paths) {
    fill.abort.throwIfAborted();
    if (tracked.has(path) || !(await copyPath(fill, path.replace(/\/$/, "")))) continue;
    if (!ignored.has(path) && askable.includes(path)) unignored.push(path);
  }
  if (unignored.length > 0) fill.note(countsAsWork(unignored));
}

/** What of the main worktree is to be copied: relative paths, directories of which git tracks nothing with a trailing `/`, sorted. */
export async function copySources(fill: Fill & { patterns: string[]; include: string }): Promise<string[]> {
  // A bare repository has no main worktree.
  if (entryAt(join(fill.from, ".git")) === null) return [];
  const named = await namedPaths(fill);
  const included = await includedPaths(fill);
  return [...new Set([...named, ...included])].filter((path) => !path.split("/").includes(".git")).sort();
}

/** By `copy:`. A pattern without wildcards costs one look; others are held against what git does not track. */
async function namedPaths(fill: Fill & { patterns: string[] }): Promise<string[]> {
  const literal = fill.patterns.filter((pattern) => !/[*?[\]{}!\\]/.test(pattern));
  const globs = fill.patterns.filter((pattern) => !literal.includes(pattern));
  const found = literal.filter((path) => entryAt(join(fill.from, path)) !== null);
  const missing = literal.filter((path) => !found.includes(path) && !(isVariant(path) && found.some(isVariant)));
  if (missing.length > 0) fill.note(`copy: the main worktree has no ${missing.join(", ")}.`);
  // A directory that is named means all that is in it.
  const directories = found.filter((path) => entryAt(join(fill.from, path))?.isDirectory());
  const named = found.filter((path) => !directories.includes(path));
  if (globs.length + directories.length === 0) return named;
  const matchers = globs.map((pattern) => ({ glob: new Bun.Glob(pattern), segments: pattern.split("/") }));
  const patterns: IncludePatterns = {
    matches: (path) =>
      directories.some((directory) => path.startsWith(`${directory}/`)) ||
      (!path.endsWith("/") && matchers.some(({ glob }) => glob.match(path))),
    enters: (directory) =>
      directories.some((one) => one.startsWith(directory)) ||
      matchers.some(({ segments }) => globEnters(segments, directory.replace(/\/$/, "").split("/"))),
  };
  return [...named, ...(await matching(fill, patterns))];
}

/** `.env`, `backend/.env.local`: `wt init` names all that there may be, and few projects have them all. */
function isVariant(path: string): boolean {
  return /(^|\/)\.env(\.[\w.-]+)?$/.test(path);
}

function globEnters(segments: string[], parts: string[]): boolean {
  for (const [index, part] of parts.entries()) {
    const segment = segments[index];
    if (segment === "**") return index > 0;
    if (segment === undefined || !new Bun.Glob(segment).match(part)) return false;
  }
  return segments.length > parts.length;
}

/** By `.worktreeinclude`: only what git ignores, as other tools read that file. */
async function includedPaths(fill: Fill & { include: string }): Promise<string[]> {
  if (fill.include === "") return [];
  const found = await matching(fill, parseIncludePatterns(fill.include));
  const ignored = await ignoredAmong(fill.git, fill.from, found);
  return found.filter((path) => ignored.has(path));
}

/** What git does not track and `patterns` mean. A directory of which git tracks nothing is looked through only where a pattern leads into it. */
async function matching({ git, from, abort }: Fill, patterns: IncludePatterns): Promise<string[]> {
  const found: string[] = [];
  const look = (path: string) => {
    abort.throwIfAborted();
    if (patterns.matches(path)) found.push(path);
    else if (path.endsWith("/") && patterns.enters(path)) {
      for (const entry of readdirSync(join(from, path), { withFileTypes: true })) {
        if (entry.name !== ".git") look(`${path}${entry.name}${entry.isDirectory() ? "/" : ""}`);
      }
    }
  };
  for (const entry of await untrackedEntries(git, from)) look(entry);
  return found;
}

async function copyPath(fill: Fill, path: string): Promise<boolean> {
  const { from, to, abort, note } = fill;
  const target = join(to, path);
  if (entryAt(target) !== null) return false;
  refuseLeaving(to, path, "copy");
  if (isFileInTheWay(to, path)) return false;
  if (!staysInside(from, path)) {
    note(`${path} was left out: in the main worktree a link in its path leads out of the repository.`);
    return false;
  }
  await makeParents(fill, path);
  const link = (text: string, below: string) =>
    linkInside(fill, { text, path: entryAt(join(from, path))?.isDirectory() ? join(path, below) : path });
  const { skipped, files } = await copyTree(join(from, path), target, { abort, link });
  for (const one of skipped.slice(0, 3)) {
    const name = files === 0 && skipped.length === 1 ? path : join(path, one);
    note(`${name} was left out: it is no file, or a link that leads out of the repository.`);
  }
  if (skipped.length > 3) note(`${skipped.length - 3} more links and special files of ${path} were left out.`);
  return entryAt(target) !== null;
}

/** Where the commit has a file, nothing can be below it. */
export function isFileInTheWay(root: string, path: string): boolean {
  const parts = dirname(path).split("/");
  return parts.some((_, index) => statSync(join(root, ...parts.slice(0, index + 1)), { throwIfNoEntry: false })?.isFile());
}

/** Git answers nothing about what is behind a link. */
function isBehindLink(root: string, path: string): boolean {
  const parts = dirname(path).split("/");
  return parts.some((_, index) => entryAt(join(root, ...parts.slice(0, index + 1)))?.isSymbolicLink());
}

function staysInside(root: string, path: string): boolean {
  const top = realpathSync(root);
  const parent = realpathSync(dirname(join(root, path)));
  return parent === top || parent.startsWith(`${top}/`);
}

/** What a link's copy says: the same where that stays inside of the worktree, the same place of the new one where it names the main one. */
function linkInside({ from, to }: Fill, { text, path }: { text: string; path: string }): string | null {
  if (isAbsolute(text)) return text === from || text.startsWith(`${from}/`) ? join(to, relative(from, text)) : null;
  const place = normalize(join(dirname(path), text));
  return place === ".." || place.startsWith("../") ? null : text;
}

/** Directories above a file, with the modes they have in the main worktree: one of 0700 stays one. */
export async function makeParents({ from, to }: Pick<Fill, "from" | "to">, path: string): Promise<void> {
  const parts = dirname(path).split("/");
  if (parts[0] === ".") return;
  for (const [index] of parts.entries()) {
    const parent = parts.slice(0, index + 1).join("/");
    if (entryAt(join(to, parent)) !== null) continue;
    await mkdir(join(to, parent));
    await chmod(join(to, parent), lstatSync(join(from, parent)).mode & 0o7777);
  }
}

function countsAsWork([first, ...others]: string[]): string {
  const which = others.length === 0 ? `${first} is` : `${first} and ${others.length} more are`;
  return `${which} not ignored by git, so the copy counts as work that is not saved. Name it in .gitignore.`;
}

/** Nobody has approved what is in a branch, so a symbolic link of it must not make us write elsewhere. */
export function refuseLeaving(worktree: string, name: string, key: string): void {
  const root = realpathSync(worktree);
  let ancestor = dirname(join(root, name));
  while (entryAt(ancestor) === null) ancestor = dirname(ancestor);
  const place = existsSync(ancestor) ? realpathSync(ancestor) : null;
  if (place === root || place?.startsWith(`${root}/`)) return;
  throw new WtError({
    kind: "refused",
    code: "path_leaves_worktree",
    message: `${name}, which ${key}: in wt.yaml names, would be written outside of the worktree: ${ancestor.slice(root.length + 1)} is a symbolic link that leads out of it.`,
    hints: [`Take it out of ${key}:, or replace the link by a directory.`],
    details: { path: name },
  });
}
