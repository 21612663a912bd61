// Transactions over one SQLite connection: nesting, errors in our words, and the reserve that keeps giving back possible on a full disk.
import type { Changes, Database, Statement } from "bun:sqlite";
import { ledgerClosed, refusePromise } from "../environment/ledger-errors.ts";
import type { WtError } from "../errors/wt-error.ts";
import type { LedgerReserve } from "./ledger-reserve.ts";
import type { Row } from "./rows.ts";
import { fromSqlite, isFull } from "./sqlite-error.ts";

/** `give`: the write gives something back and may spend the reserve when the disk is full. */
export type Purpose = "take" | "give";

export interface LedgerStore {
  rows<T>(sql: string, parameters: Row, toRecord: (row: Row) => T): T[];
  row<T>(sql: string, parameters: Row, toRecord: (row: Row) => T): T | null;
  /** In the transaction in hand, else in one of its own. */
  write(sql: string, parameters: Row, purpose: Purpose): Changes;
  transaction<T>(work: () => T): T;
  close(): void;
}

export interface StoreOptions {
  database: Database;
  path: string;
  reserve: LedgerReserve | null;
  /** After each commit, outside any transaction. Must not throw. */
  afterCommit(): void;
}

interface Write {
  sql: string;
  parameters: Row;
  purpose: Purpose;
}

/** What the open transaction has done so far. */
interface Pending {
  depth: number;
  writes: Write[];
  /** SQLite gave the whole transaction up; nothing may be done until it has unwound. */
  broken: WtError | null;
}

interface Session {
  options: StoreOptions;
  database: Database | null;
  statements: Map<string, Statement<Row, Row[]>>;
  pending: Pending | null;
}

export function openStore(options: StoreOptions): LedgerStore {
  const session: Session = { options, database: options.database, statements: new Map(), pending: null };
  const transaction = <T>(work: () => T): T => {
    if (session.pending) return runNested(session, session.pending, work);
    const result = runOutermost(session, work);
    options.afterCommit();
    return result;
  };
  const write: LedgerStore["write"] = (sql, parameters, purpose) => {
    const open = session.pending;
    if (!open) return transaction(() => write(sql, parameters, purpose));
    const changes = guarded(session, () => prepared(session, sql).run(parameters));
    open.writes.push({ sql, parameters, purpose });
    return changes;
  };
  return {
    rows: (sql, parameters, toRecord) => guarded(session, () => prepared(session, sql).all(parameters).map(toRecord)),
    row: (sql, parameters, toRecord) =>
      guarded(session, () => {
        const row = prepared(session, sql).get(parameters);
        return row ? toRecord(row) : null;
      }),
    write,
    transaction,
    close() {
      for (const statement of session.statements.values()) statement.finalize();
      session.statements.clear();
      session.database?.close(true);
      session.database = null;
    },
  };
}

function connection(session: Session): Database {
  if (!session.database) throw ledgerClosed();
  if (session.pending?.broken) throw session.pending.broken;
  return session.database;
}

function prepared(session: Session, sql: string): Statement<Row, Row[]> {
  const known = session.statements.get(sql);
  if (known) return known;
  const statement = connection(session).prepare<Row, Row[]>(sql);
  session.statements.set(sql, statement);
  return statement;
}

function guarded<T>(session: Session, work: () => T): T {
  const database = connection(session);
  try {
    return work();
  } catch (error) {
    const reported = fromSqlite(error, session.options.path);
    if (session.pending && !database.inTransaction) session.pending.broken = reported;
    throw reported;
  }
}

function runNested<T>(session: Session, open: Pending, work: () => T): T {
  const mark = open.writes.length;
  const name = `level_${open.depth}`;
  const run = (sql: string) => guarded(session, () => connection(session).run(sql));
  run(`SAVEPOINT ${name}`);
  open.depth += 1;
  try {
    const result = work();
    refusePromise(result);
    run(`RELEASE ${name}`);
    return result;
  } catch (error) {
    if (!open.broken) run(`ROLLBACK TO ${name}; RELEASE ${name}`);
    open.writes.length = mark;
    throw error;
  } finally {
    open.depth -= 1;
  }
}

function runOutermost<T>(session: Session, work: () => T): T {
  const database = connection(session);
  guarded(session, () => database.run("BEGIN IMMEDIATE"));
  const open: Pending = { depth: 1, writes: [], broken: null };
  session.pending = open;
  try {
    const result = work();
    refusePromise(result);
    if (open.broken) throw open.broken;
    commit(session, database, open.writes);
    return result;
  } catch (error) {
    if (database.inTransaction) database.run("ROLLBACK");
    throw error;
  } finally {
    session.pending = null;
  }
}

function commit({ options }: Session, database: Database, writes: readonly Write[]): void {
  try {
    database.run("COMMIT");
  } catch (error) {
    const givesBack = writes.length > 0 && writes.every((write) => write.purpose === "give");
    if (!isFull(error) || !givesBack || !options.reserve?.spend()) throw fromSqlite(error, options.path);
    try {
      repeat(database, writes);
    } catch (again) {
      throw fromSqlite(again, options.path);
    }
  }
}

/** The one writer repeats its writes on an unchanged ledger: they do what they did before. */
function repeat(database: Database, writes: readonly Write[]): void {
  if (database.inTransaction) database.run("ROLLBACK");
  database.run("BEGIN IMMEDIATE");
  for (const { sql, parameters } of writes) database.prepare<Row, Row[]>(sql).run(parameters);
  database.run("COMMIT");
}
