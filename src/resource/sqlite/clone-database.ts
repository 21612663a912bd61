// A consistent copy of an SQLite database that others may be using: writers are held off for the moment of the copy, readers go on.
import { Database } from "bun:sqlite";
import { closeSync, constants, openSync, readSync, type Stats } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { WtError } from "../../errors/wt-error.ts";
import { entryAt, removeTree } from "../../os/files.ts";

export interface CloneOptions {
  from: string;
  /** Absent; its `-wal` may stand beside it afterwards. */
  to: string;
  abort: AbortSignal;
  /** How long another program may hold the database until we give up; default 10 s. */
  patienceMs?: number;
}

const lockPatienceMs = 10_000;
const lockPauseMs = 2;
/** A program that writes without a pause leaves the lock free for microseconds: after this time they are lain in wait for. */
const politeMs = 500;
const spinMs = 3;
const attempts = 8;
/** Checked page by page up to this size, so that the daemon is never held up for long. */
const fullCheckBytes = 64 * 1024 * 1024;

/**
 * Copies the database and what its write-ahead log holds, sharing blocks where the file system can, and checks the copy. Gives how it was done.
 * Throws `WtError` (`machine`) for what is no database, is damaged or stays locked, and the signal's reason; then nothing is at `to`.
 */
export async function cloneDatabase(options: CloneOptions): Promise<"copied" | "written anew"> {
  const before = lastClone.get(options.from) ?? Promise.resolve();
  // POSIX locks belong to a process: closing one copy's file would drop the locks of another copy of the same database.
  const mine = before.catch(() => undefined).then(() => cloneAlone(options));
  lastClone.set(options.from, mine);
  try {
    return await mine;
  } finally {
    if (lastClone.get(options.from) === mine) lastClone.delete(options.from);
  }
}

const lastClone = new Map<string, Promise<unknown>>();

async function cloneAlone({ from, to, abort, patienceMs }: CloneOptions): Promise<"copied" | "written anew"> {
  abort.throwIfAborted();
  checkHeader(from);
  try {
    const how =
      entryAt(from)?.size === 0
        ? await copyEmpty(to)
        : await copyLocked({ from, to, abort, ...(patienceMs === undefined ? {} : { patienceMs }) });
    abort.throwIfAborted();
    checkCopy(from, to);
    return how;
  } catch (error) {
    for (const suffix of ["", "-wal", "-shm", "-journal"]) await removeTree(to + suffix);
    throw error instanceof WtError || abort.aborted ? error : cloneError(from, error);
  }
}

async function copyEmpty(to: string): Promise<"copied"> {
  await writeFile(to, "", { flag: "wx" });
  return "copied";
}

async function copyLocked({ from, to, abort, patienceMs = lockPatienceMs }: CloneOptions): Promise<"copied" | "written anew"> {
  const database = open(from);
  try {
    for (let attempt = 0; attempt < attempts && database.writable; attempt++) {
      await lock(database.handle, { from, abort, patienceMs });
      try {
        if (await copyUnchanged(from, to)) return "copied";
      } finally {
        database.handle.run("ROLLBACK");
      }
    }
    database.handle.run("VACUUM INTO ?", [to]);
    return "written anew";
  } finally {
    database.handle.close();
  }
}

/** Without the right to write there is no lock to take; SQLite can still read it as one transaction. */
function open(path: string): { handle: Database; writable: boolean } {
  try {
    const handle = new Database(path, { readwrite: true, create: false });
    try {
      handle.run("PRAGMA busy_timeout = 0");
      handle.run("PRAGMA query_only = 0");
      return { handle, writable: true };
    } catch (error) {
      handle.close();
      throw error;
    }
  } catch (error) {
    if (!/CANTOPEN|READONLY|PERM/.test(codeOf(error))) throw error;
    return { handle: new Database(path, { readonly: true }), writable: false };
  }
}

type Locking = Required<Pick<CloneOptions, "from" | "abort" | "patienceMs">>;

async function lock(handle: Database, { from, abort, patienceMs }: Locking): Promise<void> {
  const beginMs = performance.now();
  for (;;) {
    const nowMs = performance.now();
    const untilMs = nowMs - beginMs < politeMs ? nowMs : nowMs + spinMs;
    do {
      if (tryLock(handle)) return;
    } while (performance.now() < untilMs);
    if (nowMs - beginMs > patienceMs) throw lockedError(from, patienceMs);
    await setTimeout(lockPauseMs);
    abort.throwIfAborted();
  }
}

function tryLock(handle: Database): boolean {
  try {
    handle.run("BEGIN IMMEDIATE");
    return true;
  } catch (error) {
    if (/BUSY|LOCKED/.test(codeOf(error))) return false;
    throw error;
  }
}

function lockedError(path: string, patienceMs: number): WtError {
  return new WtError({
    kind: "machine",
    code: "database_locked",
    message: `The database ${path} has been locked by another program for ${patienceMs / 1000} seconds.`,
    hints: [`Find out who holds it with \`fuser ${path}\`, then try again.`],
    details: { path },
  });
}

/**
 * The database first, then its log: pages that a checkpoint moves meanwhile are still in the log. Closing the copied file drops this process's locks on
 * it, so another program's close may have cleared the log in between; then the files have changed, and it is done again.
 */
async function copyUnchanged(from: string, to: string): Promise<boolean> {
  const wal = `${from}-wal`;
  const before = [entryAt(from), entryAt(wal)];
  const flags = constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL;
  await copyFile(from, to, flags);
  let complete = true;
  if (before[1]) {
    await copyFile(wal, `${to}-wal`, flags).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      complete = false;
    });
  }
  const after = [entryAt(from), entryAt(wal)];
  if (complete && before.every((stat, index) => sameFile(stat, after[index]))) return true;
  for (const path of [to, `${to}-wal`]) await removeTree(path);
  return false;
}

function sameFile(before: Stats | null | undefined, after: Stats | null | undefined): boolean {
  if (!before || !after) return before === after;
  return before.ino === after.ino && before.size === after.size && before.mtimeMs === after.mtimeMs;
}

function checkHeader(path: string): void {
  const stat = entryAt(path);
  if (stat?.isSymbolicLink()) throw sourceError(path, "is a link, which is not followed");
  if (!stat) throw sourceError(path, "does not exist");
  if (!stat.isFile()) throw sourceError(path, "is not a file");
  if (stat.size === 0) return;
  const file = openSync(path, "r");
  try {
    const header = Buffer.alloc(16);
    readSync(file, header, 0, 16, 0);
    if (header.toString("latin1") !== "SQLite format 3\0") throw sourceError(path, "is not an SQLite database");
  } finally {
    closeSync(file);
  }
}

/** Opening it also takes up the log. */
function checkCopy(from: string, to: string): void {
  const size = entryAt(to)?.size ?? 0;
  const copy = new Database(to, { readwrite: true, create: false });
  try {
    const check = size <= fullCheckBytes ? "PRAGMA quick_check(1)" : "SELECT 'ok' AS quick_check FROM (SELECT count(*) FROM sqlite_schema)";
    const found = copy.query<{ quick_check: string }, []>(check).get()?.quick_check;
    if (found === "ok") return;
    throw damaged(from, found ?? "it cannot be read");
  } catch (error) {
    if (/CORRUPT|NOTADB/.test(codeOf(error))) throw damaged(from, messageOf(error));
    throw error;
  } finally {
    copy.close();
  }
}

function damaged(path: string, how: string): WtError {
  return new WtError({
    kind: "machine",
    code: "database_damaged",
    message: `The database ${path} is damaged: ${how.replace(/\s+/g, " ").trim().replace(/\.$/, "")}.`,
    hints: [`See what can be saved: sqlite3 ${path} .recover`],
    details: { path },
  });
}

function sourceError(path: string, what: string): WtError {
  return new WtError({
    kind: "machine",
    code: "resource_source",
    message: `The database ${path} cannot be copied: it ${what}.`,
    hints: ["Set `from:` in wt.yaml to an SQLite database, by its real path; load SQL with `seed:`."],
    details: { path },
  });
}

function cloneError(path: string, cause: unknown): WtError {
  if (/CORRUPT|NOTADB/.test(codeOf(cause))) return damaged(path, messageOf(cause));
  const full = /ENOSPC|EDQUOT|FULL/.test(codeOf(cause));
  return new WtError({
    kind: "machine",
    code: full ? "disk_full" : "resource_source",
    message: full
      ? `There is not enough space to copy the database ${path}.`
      : `The database ${path} cannot be copied: ${messageOf(cause).replace(/\.$/, "")}.`,
    hints: [full ? "Free some space, then try again." : `Look at it with \`ls -l ${path}*\`.`],
    details: { path },
    cause,
  });
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? "");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
