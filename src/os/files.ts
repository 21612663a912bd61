// Writing, copying and removing files so that a crash in between leaves the old state or the new one.
import { constants, type Dirent, lstatSync, mkdirSync, renameSync, type Stats } from "node:fs";
import { chmod, copyFile, lstat, mkdir, open, readdir, readlink, rename, rm, symlink, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { withFaults } from "./fault-layer.ts";

/** Readers see the old content or all of the new one, also after a power cut. Follows no link: a link at `path` is replaced. */
export async function writeFileAtomic(path: string, content: string | Uint8Array, { mode = 0o644 }: { mode?: number } = {}): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path).slice(0, 200)}.${randomName()}.tmp`);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.chmod(mode);
      await withFaults(
        "write",
        () => path,
        () => file.writeFile(content),
      );
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

export interface CopyOutcome {
  files: number;
  /** Relative paths that were there already and were left as they are. */
  kept: string[];
  /** Relative paths that cannot be copied (sockets, pipes, devices) or that `link` left out. */
  skipped: string[];
}

export interface CopyOptions {
  abort?: AbortSignal | undefined;
  /** What a link's copy points to (given its present target and its relative path), or null to leave it out. Default: the same text. */
  link?: ((target: string, relative: string) => string | null) | undefined;
}

/**
 * Copies a file, link or directory, sharing the blocks where the file system can. Modes and times are kept, links are copied as links.
 * Nothing that exists at the target is overwritten or followed through a link. Throws the signal's reason when aborted; what was copied stays.
 */
export async function copyTree(from: string, to: string, { abort, link = (target) => target }: CopyOptions = {}): Promise<CopyOutcome> {
  const outcome: CopyOutcome = { files: 0, kept: [], skipped: [] };
  const stat = await lstat(from);
  await mkdir(dirname(to), { recursive: true });
  if (stat.isDirectory()) await copyDirectory({ from, to, relative: "", outcome, abort, link });
  else await copyEntry({ from, to, relative: basename(from), outcome, abort, link });
  return outcome;
}

/** Moves `path` into the directory `trash` (made when absent) under a new name, at once; gives that place, or null across file systems. */
export function moveToTrash(path: string, trash: string): Promise<string | null> {
  return withFaults(
    "move",
    () => path,
    async () => moveAtOnce(path, trash),
  );
}

function moveAtOnce(path: string, trash: string): string | null {
  const place = join(trash, `${basename(path).slice(0, 200)}.${randomName()}`);
  for (let attempt = 1; ; attempt++) {
    // Both in one go: the less time between them, the less comes in between.
    mkdirSync(trash, { recursive: true });
    try {
      renameSync(path, place);
      return place;
    } catch (error) {
      if (errorCode(error) === "EXDEV") return null;
      // An empty trash is removed, by somebody else just now too.
      if (errorCode(error) !== "ENOENT" || entryAt(path) === null || attempt === 10) throw error;
    }
  }
}

const removalAttempts = 10;

/** Removes a file or a whole directory, verified, read-only directories in it too (Go's module cache makes them). Absent is fine. */
export async function removeTree(path: string): Promise<void> {
  // On a read-only file system the removal of what is not there fails too.
  if (entryAt(path) === null) return;
  await withFaults(
    "remove",
    () => path,
    () => removeEntry(path),
  );
}

/** While somebody else removes or writes in the same tree, Bun's `rm` may stop early without a word, so what is left is looked at. */
async function removeEntry(path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const failure = await rm(path, { recursive: true, force: true }).catch((error: unknown) => error);
    if (entryAt(path) === null) return;
    const mended = failure === undefined || ["EACCES", "EPERM", "ENOTEMPTY", "ENOENT"].includes(errorCode(failure));
    if (!mended || attempt === removalAttempts)
      throw failure ?? new Error(`${path} could not be removed: something is written to it again and again`);
    await makeDirectoriesWritable(path).catch(() => undefined);
  }
}

/** What is at `path` itself (a link is a link); null when nothing is, also because a part of the path is a file. */
export function entryAt(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errorCode(error))) return null;
    throw error;
  }
}

interface Copying {
  from: string;
  to: string;
  relative: string;
  outcome: CopyOutcome;
  abort: AbortSignal | undefined;
  link: (target: string, relative: string) => string | null;
}

/** So many files at once: enough to keep a disk busy, few enough for the limit on open files. */
const copiesAtOnce = 16;

async function copyDirectory(copying: Copying): Promise<void> {
  const stat = await lstat(copying.from);
  const made = await makeDirectory(copying.to);
  if (made === "occupied") {
    copying.outcome.kept.push(copying.relative);
    return;
  }
  const entries = await readdir(copying.from, { withFileTypes: true });
  const below = (entry: Dirent): Copying => ({
    ...copying,
    from: join(copying.from, entry.name),
    to: join(copying.to, entry.name),
    relative: copying.relative ? `${copying.relative}/${entry.name}` : entry.name,
  });
  const leaves = entries.filter((entry) => !entry.isDirectory());
  for (let start = 0; start < leaves.length; start += copiesAtOnce) {
    await Promise.all(leaves.slice(start, start + copiesAtOnce).map((entry) => copyEntry(below(entry))));
  }
  for (const entry of entries) if (entry.isDirectory()) await copyDirectory(below(entry));
  if (made === "existed") return;
  // Last: a read-only directory could not be filled, and filling it changes its time.
  await chmod(copying.to, stat.mode & 0o7777);
  await utimes(copying.to, stat.atime, stat.mtime);
}

async function copyEntry({ from, to, relative, outcome, abort, link }: Copying): Promise<void> {
  abort?.throwIfAborted();
  const stat = await lstat(from);
  try {
    if (stat.isSymbolicLink()) {
      const target = link(await readlink(from), relative);
      if (target === null) {
        outcome.skipped.push(relative);
        return;
      }
      await symlink(target, to);
    } else if (stat.isFile()) {
      await withFaults(
        "copy",
        () => to,
        () => copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL),
      );
      await chmod(to, stat.mode & 0o7777);
      await utimes(to, stat.atime, stat.mtime);
    } else {
      outcome.skipped.push(relative);
      return;
    }
    outcome.files++;
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    outcome.kept.push(relative);
  }
}

async function makeDirectory(path: string): Promise<"made" | "existed" | "occupied"> {
  try {
    await mkdir(path, { mode: 0o700 });
    return "made";
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    return (await lstat(path)).isDirectory() ? "existed" : "occupied";
  }
}

async function makeDirectoriesWritable(path: string): Promise<void> {
  const stat = await lstat(path).catch(() => null);
  if (!stat?.isDirectory()) return;
  await chmod(path, stat.mode | 0o700);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await makeDirectoriesWritable(join(path, entry.name));
  }
}

/** A rename is durable once its directory is; some file systems refuse to sync directories, and then there is nothing to do. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r").catch(() => null);
  try {
    await directory?.sync().catch(() => undefined);
  } finally {
    await directory?.close();
  }
}

function randomName(): string {
  return crypto.randomUUID().slice(0, 8);
}

function errorCode(error: unknown): string {
  return (error as NodeJS.ErrnoException)?.code ?? "";
}
