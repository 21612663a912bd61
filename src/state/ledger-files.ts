import { chmodSync, closeSync, fsyncSync, lstatSync, mkdirSync, openSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** The ledger and what lies beside it. */
export interface LedgerFiles {
  directory: string;
  ledger: string;
  lock: string;
  /** Says which process holds the lock; for messages only. */
  owner: string;
  reserve: string;
  /** Newest first. */
  backups: [string, string];
  /** Plus the time. */
  corruptPrefix: string;
}

export function ledgerFiles(path: string): LedgerFiles {
  const directory = dirname(path);
  const stem = join(directory, basename(path).replace(/\.(sqlite|db)$/, ""));
  return {
    directory,
    ledger: path,
    lock: `${stem}.lock`,
    owner: `${stem}.owner`,
    reserve: `${stem}.reserve`,
    backups: [`${stem}.backup`, `${stem}.backup-older`],
    corruptPrefix: `${stem}.corrupt-`,
  };
}

/** Files SQLite keeps beside a database and gives the database's own mode. */
export const companions = ["-wal", "-shm", "-journal"] as const;

/** Makes the directory, closed to everyone else. A shared one (sticky, or another user's) is left as it is. */
export function ensurePrivateDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { mode, uid } = lstatSync(directory);
  const shared = (mode & 0o1000) !== 0 || uid !== process.getuid?.();
  if ((mode & 0o077) !== 0 && !shared) chmodSync(directory, 0o700);
}

/**
 * Makes an empty 0600 file where there is none. An existing one is only given that mode, never opened: closing any descriptor of a file
 * drops every POSIX lock this process holds on it, SQLite's included.
 */
export function ensurePrivateFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    if ((lstatSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
  }
}

/** Makes what happened to a file, or to the names in a directory, survive power loss. */
export function syncToDisk(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
