// One connection to a database, by its URL: Postgres and MySQL over their protocols, SQLite as a file. Values come as the text people read.
import type { Database } from "bun:sqlite";
import { WtError } from "../../errors/wt-error.ts";
import type { Dialect } from "./sql-statements.ts";

export interface SqlResult {
  /** Empty for a statement that gives no rows. */
  columns: string[];
  /** null is NULL. */
  rows: (string | null)[][];
  /** What was done, such as `INSERT 2`. */
  done: string;
}

export interface SqlSession {
  dialect: Dialect;
  /** One statement. Throws `SqlFailure` when the database refuses it, `WtError` when the connection is gone. */
  run(statement: string, abort: AbortSignal): Promise<SqlResult>;
  close(): Promise<void>;
}

/** What the database said about a statement. */
export class SqlFailure extends Error {
  readonly hint: string | null;
  /** Where in the statement, counted in characters from 0; null when the database does not say. */
  readonly position: number | null;

  constructor(message: string, hint: string | null, position: number | null = null) {
    super(message);
    this.hint = hint;
    this.position = position;
  }
}

/** By the URL's scheme; null for what is no database that SQL is spoken to. */
export function dialectOf(url: string): Dialect | null {
  if (/^postgres(ql)?:/i.test(url)) return "postgres";
  if (/^(mysql2?|mariadb):/i.test(url)) return "mysql";
  if (/^(sqlite3?|file):/i.test(url) || url.startsWith("/")) return "sqlite";
  return null;
}

/** Throws `WtError` (`machine`, `database_unreachable`) when nobody answers. */
export async function openSqlSession(url: string, dialect: Dialect): Promise<SqlSession> {
  return dialect === "sqlite" ? await openFile(sqlitePath(url)) : await openServer(url, dialect);
}

/** `sqlite:///a/b.db`, `file:/a/b.db?mode=rw`, `/a/b.db` → `/a/b.db`. */
export function sqlitePath(url: string): string {
  if (url.startsWith("/")) return url;
  const path = url.replace(/^[a-z0-9]+:/i, "").replace(/[?#].*$/, "");
  return decodeURIComponent(path.replace(/^\/{2,}(?=\/)/, "").replace(/^\/\/(?!\/)/, ""));
}

async function openFile(path: string): Promise<SqlSession> {
  const { Database } = await import("bun:sqlite");
  let database: Database;
  try {
    database = new Database(path, { readwrite: true, create: false, safeIntegers: true });
    database.run("PRAGMA busy_timeout = 5000");
  } catch (cause) {
    throw unreachable(path, cause);
  }
  return {
    dialect: "sqlite",
    async run(statement) {
      try {
        return runInFile(database, statement);
      } catch (error) {
        throw new SqlFailure(error instanceof Error ? error.message : String(error), null, byteOffsetIn(statement, error));
      }
    },
    close: async () => database.close(),
  };
}

function runInFile(database: Database, statement: string): SqlResult {
  using prepared = database.prepare(statement);
  if (prepared.columnNames.length === 0) {
    const { changes } = prepared.run();
    return {
      columns: [],
      rows: [],
      done: /^\s*(insert|update|delete|replace)\b/i.test(statement) ? counted(changes, "row changed", "rows changed") : "Done",
    };
  }
  const rows = prepared.values().map((row) => row.map(sqliteText));
  return { columns: [...prepared.columnNames], rows, done: counted(rows.length, "row", "rows") };
}

function sqliteText(value: unknown): string | null {
  if (value === null) return null;
  return value instanceof Uint8Array ? `X'${Buffer.from(value).toString("hex")}'` : String(value);
}

async function openServer(url: string, dialect: Dialect): Promise<SqlSession> {
  const { SQL } = await import("bun");
  // One connection for all statements, so that BEGIN and SET mean what they say; never closed for being idle.
  // PGDATABASE and MYSQL_DATABASE of the caller's shell would win over the URL's database.
  const database = decodeURIComponent(URL.parse(url)?.pathname.slice(1) ?? "");
  const sql = new SQL(url, { max: 1, idleTimeout: 0, connectionTimeout: 10, ...(database ? { database } : {}) });
  try {
    await sql.connect();
  } catch (cause) {
    await sql.close().catch(() => undefined);
    throw unreachable(url, cause);
  }
  return {
    dialect,
    async run(statement, abort) {
      const query = sql.unsafe(statement).simple().raw();
      // Gives nothing back: a listener's promise that fails would end the program.
      const cancel = () => void query.cancel();
      abort.addEventListener("abort", cancel, { once: true });
      try {
        return readResult(await query);
      } catch (error) {
        throw failureOf(error);
      } finally {
        abort.removeEventListener("abort", cancel);
      }
    },
    close: () => sql.close({ timeout: 0 }),
  };
}

interface RawResult extends Array<(Uint8Array | null)[]> {
  command: string | null;
  count: number | null;
  affectedRows?: number | null;
  columns: { name: string }[] | null;
}

function readResult(given: unknown): SqlResult {
  // `.raw()` gives rows of buffers; the types of the library speak of rows as objects.
  const result = given as RawResult;
  const columns = (result.columns ?? []).map((column) => column.name);
  const rows = [...result].map((row) => row.map((value) => (value === null ? null : new TextDecoder().decode(value))));
  if (columns.length > 0) return { columns, rows, done: counted(rows.length, "row", "rows") };
  const changed = result.count || result.affectedRows || 0;
  return { columns, rows, done: [result.command ?? "Done", ...(changed > 0 ? [String(changed)] : [])].join(" ") };
}

function failureOf(error: unknown): Error {
  const { code, message, detail, hint, position } = error as {
    code?: unknown;
    message?: string;
    detail?: string;
    hint?: string;
    position?: string;
  };
  if (typeof code === "string" && /CONNECTION|_CLOSED|LIFETIME|TIMEOUT/.test(code)) {
    return new WtError({
      kind: "machine",
      code: "database_lost",
      message: "The database closed the connection.",
      hints: ["It may have been reset or stopped; run the command again."],
      cause: error,
    });
  }
  // PostgreSQL counts from 1.
  const at = Number(position);
  return new SqlFailure([message ?? String(error), ...(detail ? [detail] : [])].join("\n"), hint ?? null, at > 0 ? at - 1 : null);
}

/** SQLite counts bytes. */
function byteOffsetIn(statement: string, error: unknown): number | null {
  const { byteOffset } = error as { byteOffset?: unknown };
  if (typeof byteOffset !== "number" || byteOffset < 0) return null;
  return [...Buffer.from(statement).subarray(0, byteOffset).toString()].length;
}

function unreachable(where: string, cause: unknown): WtError {
  return new WtError({
    kind: "machine",
    code: "database_unreachable",
    message: `The database does not answer: ${(cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, "")}.`,
    hints: ["See its state: wt db list", "Start it: wt db start"],
    details: { scheme: where.split(":", 1)[0] ?? "" },
    cause,
  });
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
