// Disk space kept back, so that a full disk can still be given things back.
import { randomBytes } from "node:crypto";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { syncToDisk } from "./ledger-files.ts";

export const reserveBytes = 1024 * 1024;

export interface LedgerReserve {
  /** Makes the reserve where it is missing; a disk without room goes without one. */
  ensure(): void;
  /** Gives the space back to the disk; false when there was none to give. */
  spend(): boolean;
  /** Was spent, or could not be made. */
  missing(): boolean;
}

export function ledgerReserve(path: string): LedgerReserve {
  let present = sizeOf(path) === reserveBytes;
  return {
    ensure() {
      if (present) return;
      try {
        // Random: compressing and hole-punching file systems would keep no block for zeros.
        writeFileSync(path, randomBytes(reserveBytes), { mode: 0o600 });
        syncToDisk(path);
        present = true;
      } catch {
        removeQuietly(path);
      }
    },
    spend() {
      if (!present) return false;
      present = false;
      return removeQuietly(path);
    },
    missing: () => !present,
  };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function removeQuietly(path: string): boolean {
  try {
    rmSync(path, { force: true });
    return true;
  } catch {
    return false;
  }
}
