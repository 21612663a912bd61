// The ledger on SQLite: one file, one daemon, durable at every return.
import { Database } from "bun:sqlite";
import { existsSync, statSync } from "node:fs";
import type { Ledger } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { findDamage, makeBackup, moveCorruptAside, restoreBackup } from "./ledger-backup.ts";
import { ensurePrivateDirectory, ensurePrivateFile, type LedgerFiles, ledgerFiles } from "./ledger-files.ts";
import { holdLedgerLock } from "./ledger-lock.ts";
import { ledgerMethods } from "./ledger-methods.ts";
import { type LedgerReserve, ledgerReserve } from "./ledger-reserve.ts";
import { type LedgerStore, openStore } from "./ledger-store.ts";
import { ledgerVersion, migrate, migrations } from "./migrations.ts";
import { fromSqlite, isCorrupt, isFull } from "./sqlite-error.ts";

export interface SqliteLedger extends Ledger {
  /** Sentences for the user when the ledger was damaged and a backup, or nothing, had to take its place; else null. */
  readonly recovery: string | null;
}

export interface OpenLedgerOptions {
  /** Absolute. Its directory is made, closed to others, and also holds the lock, the reserve and the backups. */
  path: string;
  nowMs: () => number;
}

const backupIntervalMs = 60 * 60 * 1000;
const reserveRetryMs = 30 * 1000;

/**
 * Opens (or makes) the ledger and holds it until `close`.
 * Throws `refused` `ledger_in_use` while another daemon has it, `machine` `ledger_newer` when a newer wt wrote it (it stays untouched),
 * `ledger_full` or `ledger_unwritable` when the disk refuses.
 */
export function openLedger(options: OpenLedgerOptions): SqliteLedger {
  const files = ledgerFiles(options.path);
  try {
    ensurePrivateDirectory(files.directory);
    const lock = holdLedgerLock(files);
    try {
      return openHeld(files, options.nowMs, lock.release);
    } catch (error) {
      lock.release();
      throw error;
    }
  } catch (error) {
    throw fromSqlite(error, options.path);
  }
}

function openHeld(files: LedgerFiles, nowMs: () => number, releaseLock: () => void): SqliteLedger {
  refuseNewer(files.ledger);
  const reserve = ledgerReserve(files.reserve);
  const { database, recovery } = openWithRoom(() => openSound(files, nowMs), reserve);
  const upkeep = openUpkeep({ database, files, reserve, nowMs });
  const store = openStore({ database, path: files.ledger, reserve, afterCommit: upkeep });
  upkeep();
  return {
    recovery,
    ...ledgerMethods(store, nowMs),
    close: closeOnce(store, releaseLock),
  };
}

function closeOnce(store: LedgerStore, releaseLock: () => void): () => void {
  let closed = false;
  return () => {
    if (closed) return;
    closed = true;
    store.close();
    releaseLock();
  };
}

/** Once more with the reserve's space when the disk is full: the next daemon must be able to start and give things back. */
function openWithRoom<T>(open: () => T, reserve: LedgerReserve): T {
  try {
    return open();
  } catch (error) {
    if (isFull(error) && reserve.spend()) return open();
    throw error;
  }
}

/** Read-only, and never closed by a checkpoint: a newer ledger is left as it is, byte for byte. */
function refuseNewer(path: string): void {
  if (sizeOf(path) === 0) return;
  let database: Database | null = null;
  let version = 0;
  try {
    database = new Database(path, { readonly: true });
    version = ledgerVersion(database);
  } catch {
    // Damaged or unreadable: opening it for real says which.
  } finally {
    database?.close(true);
  }
  if (version <= migrations.length) return;
  throw new WtError({
    kind: "machine",
    code: "ledger_newer",
    message: `The ledger ${path} was written by a newer wt (its version is ${version}, this wt knows ${migrations.length}).`,
    hints: ["Update wt: npm install -g worldtree@latest"],
    details: { path, version, known: migrations.length },
  });
}

function openSound(files: LedgerFiles, nowMs: () => number): { database: Database; recovery: string | null } {
  const lost = sizeOf(files.ledger) === 0 && files.backups.some((backup) => existsSync(backup));
  if (!lost) {
    const opened = tryOpen(files.ledger);
    if ("database" in opened) return { database: opened.database, recovery: null };
    return replaceDamaged(files, nowMs(), opened.damage);
  }
  return replaceDamaged(files, nowMs(), existsSync(files.ledger) ? "it is empty" : "it is missing");
}

function replaceDamaged(files: LedgerFiles, nowMs: number, damage: string): { database: Database; recovery: string } {
  const existed = existsSync(files.ledger);
  const aside = moveCorruptAside(files, nowMs);
  const backup = restoreBackup(files);
  const opened = tryOpen(files.ledger);
  if (!("database" in opened)) throw new Error(`The restored ledger is damaged too: ${opened.damage}`);
  const kept = existed ? ` It was kept as ${aside}.` : "";
  const madeAt = backup ? new Date(statSync(backup).mtimeMs).toISOString() : null;
  const replaced = madeAt
    ? `The backup of ${madeAt} took its place; what was made after that is not in it.`
    : "There was no good backup, so an empty one took its place; environments made before are not in it.";
  return { database: opened.database, recovery: `The ledger ${files.ledger} was damaged (${damage}).${kept} ${replaced}` };
}

/** Opens, checks and migrates. `damage` is for what is wrong with the content; what the disk refuses is thrown. */
function tryOpen(path: string): { database: Database } | { damage: string } {
  ensurePrivateFile(path);
  const database = new Database(path, { strict: true });
  try {
    configure(database);
    const damage = ledgerVersion(database) > 0 ? findDamage(database) : null;
    if (damage !== null) {
      database.close(true);
      return { damage };
    }
    migrate(database);
    return { database };
  } catch (error) {
    database.close(true);
    if (isCorrupt(error)) return { damage: error instanceof Error ? error.message : "unreadable" };
    throw error;
  }
}

function configure(database: Database): void {
  database.run("PRAGMA busy_timeout = 2000");
  database.run("PRAGMA journal_mode = WAL");
  // FULL syncs the log at every commit: what a method did survives power loss.
  database.run("PRAGMA synchronous = FULL");
  database.run("PRAGMA foreign_keys = ON");
  // 1 MiB of log, so that a small disk is not eaten by it.
  database.run("PRAGMA wal_autocheckpoint = 256");
}

interface UpkeepOptions {
  database: Database;
  files: LedgerFiles;
  reserve: LedgerReserve;
  nowMs: () => number;
}

/** What is done now and then after a commit: a backup an hour, and the reserve made again once there may be room. */
function openUpkeep({ database, files, reserve, nowMs }: UpkeepOptions): () => void {
  let backupAtMs = Number.NEGATIVE_INFINITY;
  let reserveAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    const now = nowMs();
    if (reserve.missing() && now - reserveAtMs >= reserveRetryMs) {
      reserveAtMs = now;
      reserve.ensure();
    }
    if (now - backupAtMs < backupIntervalMs) return;
    backupAtMs = now;
    try {
      makeBackup(database, files);
    } catch {
      // No room for a copy is no reason to fail what was just done; the next hour tries again.
    }
  };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
