// Copies of the ledger to fall back on, and the check that tells a sound one from a damaged one.
import { Database } from "bun:sqlite";
import { copyFileSync, existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import { companions, ensurePrivateFile, type LedgerFiles, syncToDisk } from "./ledger-files.ts";
import { ledgerMethods } from "./ledger-methods.ts";
import { openStore } from "./ledger-store.ts";
import { ledgerVersion } from "./migrations.ts";
import { isCorrupt } from "./sqlite-error.ts";

const corruptKept = 5;

/** Copies the open ledger to the newest backup, the one before it is kept as the older. Throws when there is no room; the old ones stay. */
export function makeBackup(database: Database, files: LedgerFiles): void {
  const [newest, older] = files.backups;
  const fresh = `${newest}.tmp`;
  try {
    rmSync(fresh, { force: true });
    ensurePrivateFile(fresh);
    database.prepare("VACUUM INTO ?").run(fresh);
    syncToDisk(fresh);
    if (existsSync(newest)) renameSync(newest, older);
    renameSync(fresh, newest);
    syncToDisk(files.directory);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}

/** Damage in an open ledger as a short phrase; null when it is sound. Passes on what the disk, not the content, is to blame for. */
export function findDamage(database: Database): string | null {
  try {
    const problems = database.prepare("PRAGMA integrity_check(1)").values().flat();
    if (problems[0] !== "ok") return String(problems[0]);
    if (database.prepare("PRAGMA foreign_key_check").values().length > 0) return "a row refers to one that is not there";
    readEverything(database);
    return null;
  } catch (error) {
    const cause = error instanceof WtError && error.cause ? error.cause : error;
    if (isCorrupt(cause)) return cause instanceof Error ? cause.message : "unreadable";
    throw error;
  }
}

/** Throws where SQLite saw no damage but the cells make no record, or a table is missing. */
function readEverything(database: Database): void {
  const store = openStore({ database, path: database.filename, reserve: null, afterCommit: () => undefined });
  const ledger = ledgerMethods(store, () => 0);
  for (const { id } of ledger.projects()) ledger.trusted(id);
  for (const { id } of ledger.environments()) ledger.setupStamp(id, "");
  ledger.leases();
  ledger.operations();
  ledger.services();
  ledger.setting("");
}

/**
 * Moves the ledger and its companions out of the way; gives the name it now has. Only the newest few are kept.
 * The ledger goes first: a crash in between leaves companions without a ledger, which the next opening moves too. They must never meet another
 * ledger, because SQLite would play a foreign log back into it.
 */
export function moveCorruptAside(files: LedgerFiles, nowMs: number): string {
  const time = new Date(nowMs).toISOString().replace(/[:.]/g, "-");
  const aside = `${files.corruptPrefix}${time}`;
  for (const suffix of ["", ...companions]) {
    if (existsSync(files.ledger + suffix)) renameSync(files.ledger + suffix, aside + suffix);
  }
  const prefix = basename(files.corruptPrefix);
  const kept = readdirSync(files.directory)
    .filter((name) => name.startsWith(prefix) && !companions.some((companion) => name.endsWith(companion)))
    .sort();
  for (const name of kept.slice(0, -corruptKept)) {
    for (const suffix of ["", ...companions]) rmSync(`${files.directory}/${name}${suffix}`, { force: true });
  }
  return aside;
}

/** Puts the newest sound backup in the ledger's place; null when there is none. */
export function restoreBackup(files: LedgerFiles): string | null {
  for (const backup of files.backups) {
    if (!isSoundBackup(backup)) continue;
    const fresh = `${files.ledger}.tmp`;
    rmSync(fresh, { force: true });
    copyFileSync(backup, fresh);
    syncToDisk(fresh);
    renameSync(fresh, files.ledger);
    syncToDisk(files.directory);
    return backup;
  }
  return null;
}

function isSoundBackup(path: string): boolean {
  if (!existsSync(path)) return false;
  let database: Database | null = null;
  try {
    database = new Database(path, { readonly: true });
    return ledgerVersion(database) > 0 && findDamage(database) === null;
  } catch {
    return false;
  } finally {
    database?.close(true);
  }
}
