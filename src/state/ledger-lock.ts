// One daemon per ledger. The lock is the kernel's, taken through SQLite on an empty file: it ends with its process, so it is never stale.
import { Database, SQLiteError } from "bun:sqlite";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { WtError } from "../errors/wt-error.ts";
import { ensurePrivateFile, type LedgerFiles } from "./ledger-files.ts";

export interface LedgerLock {
  release(): void;
}

/** Throws `refused` (`ledger_in_use`) while another holder lives, in this process or another. */
export function holdLedgerLock(files: LedgerFiles): LedgerLock {
  ensurePrivateFile(files.lock);
  const database = new Database(files.lock);
  try {
    // In memory, so that the lock file stays empty and has no companion.
    database.run("PRAGMA journal_mode = MEMORY");
    database.run("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close(true);
    if (error instanceof SQLiteError && error.code === "SQLITE_BUSY") throw ledgerInUse(files);
    throw error;
  }
  writeOwner(files.owner);
  return {
    release() {
      removeOwner(files.owner);
      database.close(true);
    },
  };
}

function writeOwner(path: string): void {
  try {
    writeFileSync(path, `${process.pid}\n`, { mode: 0o600 });
  } catch {
    // Only a message is poorer without it; a full disk must not keep the daemon from starting.
  }
}

function removeOwner(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A read-only disk keeps it; a stale name only matters while someone holds the lock, who then wrote his own.
  }
}

function readOwner(path: string): number | null {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

function ledgerInUse(files: LedgerFiles): WtError {
  const pid = readOwner(files.owner);
  return new WtError({
    kind: "refused",
    code: "ledger_in_use",
    message: `Another daemon${pid === null ? "" : ` (pid ${pid})`} uses the ledger ${files.ledger}.`,
    hints: ["wt daemon status", "wt daemon stop"],
    details: pid === null ? { path: files.ledger } : { path: files.ledger, pid },
  });
}
