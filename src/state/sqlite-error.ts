// What SQLite says, in the words of the people who read it.
import { SQLiteError } from "bun:sqlite";
import { ledgerClosed } from "../environment/ledger-errors.ts";
import { WtError } from "../errors/wt-error.ts";

/** Any thrown value as a `WtError`; what SQLite did not throw is passed through `WtError.from`. */
export function fromSqlite(thrown: unknown, path: string): WtError {
  if (thrown instanceof Error && /has closed|closed database/i.test(thrown.message) && !(thrown instanceof WtError)) return ledgerClosed();
  if (!(thrown instanceof SQLiteError)) return fromSystem(thrown, path);
  if (isFull(thrown)) return ledgerFull(path, thrown);
  if (isCorrupt(thrown)) return ledgerCorrupt(path, thrown);
  const code = thrown.code ?? "";
  if (/^SQLITE_(IOERR|READONLY|CANTOPEN|PERM|AUTH|NOLFS|BUSY|LOCKED|PROTOCOL)/.test(code)) return ledgerUnwritable(path, thrown);
  return WtError.from(thrown);
}

export function isFull(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || !("code" in thrown)) return false;
  // Growing the shared-memory index is the one place where SQLite reports a full disk as an I/O error.
  return ["SQLITE_FULL", "SQLITE_IOERR_SHMSIZE", "ENOSPC", "EDQUOT"].includes(String(thrown.code));
}

/** The content is wrong, as opposed to the disk refusing. A plain SQLITE_ERROR is a table or column that is not there. */
export function isCorrupt(thrown: unknown): boolean {
  if (thrown instanceof WtError) return thrown.code === "ledger_corrupt";
  return thrown instanceof SQLiteError && /^SQLITE_(CORRUPT|NOTADB|ERROR$)/.test(thrown.code ?? "");
}

function fromSystem(thrown: unknown, path: string): WtError {
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  if (thrown instanceof WtError) return thrown;
  if (isFull(thrown)) return ledgerFull(path, thrown);
  return /^E[A-Z]+$/.test(code) ? ledgerUnwritable(path, thrown) : WtError.from(thrown);
}

function ledgerFull(path: string, cause: unknown): WtError {
  return new WtError({
    kind: "machine",
    code: "ledger_full",
    message: `The disk that holds the ledger ${path} is full.`,
    hints: ["Make room on it, then try again; `wt delete <name>` works meanwhile."],
    details: { path },
    cause,
  });
}

function ledgerUnwritable(path: string, cause: unknown): WtError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new WtError({
    kind: "machine",
    code: "ledger_unwritable",
    message: `The ledger ${path} cannot be written: ${reason}.`,
    hints: ["Make its directory writable, or point XDG_STATE_HOME at one that is."],
    details: { path },
    cause,
  });
}

function ledgerCorrupt(path: string, cause: unknown): WtError {
  return new WtError({
    kind: "machine",
    code: "ledger_corrupt",
    message: `The ledger ${path} is damaged.`,
    hints: ["Run `wt daemon stop`; the next command starts from the newest good backup."],
    details: { path },
    cause,
  });
}
