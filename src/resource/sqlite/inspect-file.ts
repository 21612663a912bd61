// What an SQLite file holds, from its own schema table. Reads only.
import { Database } from "bun:sqlite";
import { WtError } from "../../errors/wt-error.ts";
import { entryAt } from "../../os/files.ts";
import type { Inspection, ResourceContent, SchemaObject, TableRows } from "../resource-driver.ts";
import { plainSql, sqlTokens, type Token } from "./sql-tokens.ts";

/** Counting holds the daemon up, so it is kept short. */
const countedRows = 200_000;
const countingMs = 250;

interface Entry {
  type: string;
  name: string;
  table: string;
  sql: string | null;
}

/** Throws `WtError` (`machine`, `database_unreadable`). */
export function inspectFile(path: string, { abort, rows }: Pick<Inspection, "abort" | "rows">): ResourceContent {
  abort.throwIfAborted();
  if (entryAt(path)?.size === 0) return { version: libraryVersion(), objects: [], rows: [] };
  try {
    const database = new Database(path, { readonly: true });
    try {
      database.run("PRAGMA busy_timeout = 2000");
      const entries = ownEntries(database);
      const tables = entries.filter(({ type, sql }) => type === "table" && !/^\s*CREATE\s+VIRTUAL/i.test(sql ?? ""));
      return {
        version: libraryVersion(),
        objects: entries.map(objectOf).sort((a, b) => order(a.kind, b.kind) || order(a.name, b.name)),
        rows: rows ? countRows(database, tables) : [],
      };
    } finally {
      database.close();
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** Changes with every write: what is written lies in the file or in its log. */
export function fileMark(path: string): string | null {
  const stats = [path, `${path}-wal`].map((each) => entryAt(each));
  if (!stats[0]) return null;
  return stats.map((stat) => (stat ? `${stat.ino}:${stat.size}:${stat.mtimeMs}` : "-")).join(" ");
}

export function unreadable(path: string, cause: unknown): WtError {
  return new WtError({
    kind: "machine",
    code: "database_unreadable",
    message: `The database ${path} cannot be read: ${(cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, "")}.`,
    hints: ["See its state: wt db list"],
    details: { path },
    cause,
  });
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Neither SQLite's own tables nor those that a virtual table keeps its content in. */
function ownEntries(database: Database): Entry[] {
  const shadows = new Set(
    database
      .query<{ name: string; type: string }, []>("SELECT name, type FROM pragma_table_list WHERE schema = 'main'")
      .all()
      .filter(({ type }) => type === "shadow")
      .map(({ name }) => name),
  );
  return database
    .query<Entry, []>("SELECT type, name, tbl_name AS 'table', sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
    .all()
    .filter((entry) => entry.sql !== null && !shadows.has(entry.table));
}

function objectOf({ type, name, table, sql }: Entry): SchemaObject {
  const kind = type;
  if (type === "table") return { kind, name, definition: tableDefinition(sql ?? "") };
  const place = type === "index" || type === "trigger" ? `${name} ON ${table}` : name;
  const definition =
    type === "index"
      ? plainSql(sqlTokens(sql ?? ""))
      : (sql ?? "")
          .split("\n")
          .map((line) => line.trim().replace(/[ \t]+/g, " "))
          .filter((line) => line !== "")
          .join("\n");
  return { kind, name: place, definition };
}

/** A line for each column and constraint, sorted, then what stands behind the list. The name is not repeated: its quotes change with a rename. */
export function tableDefinition(sql: string): string {
  if (/^\s*CREATE\s+VIRTUAL/i.test(sql)) return plainSql(sqlTokens(sql));
  const parts: Token[][] = [[]];
  const behind: Token[] = [];
  let depth = 0;
  let closed = false;
  for (const token of sqlTokens(sql)) {
    if (token.text === ")") depth--;
    if (depth === 0 && token.text === ")") closed = true;
    else if (closed) behind.push(token);
    else if (depth === 1 && token.text === ",") parts.push([]);
    else if (depth > 0) parts.at(-1)?.push(token);
    if (token.text === "(") depth++;
  }
  const columns = parts.map((part) => plainSql(part)).sort(order);
  const options = plainSql(behind).toUpperCase();
  return [...columns, ...(options === "" ? [] : [options])].join("\n");
}

function countRows(database: Database, tables: readonly Entry[]): TableRows[] {
  const untilMs = performance.now() + countingMs;
  return tables
    .map(({ name }): TableRows => {
      if (performance.now() < untilMs) {
        const sql = `SELECT count(*) AS count FROM (SELECT 1 FROM ${quoteName(name)} LIMIT ${countedRows + 1})`;
        const count = database.query<{ count: number }, []>(sql).get()?.count ?? 0;
        if (count <= countedRows) return { table: name, rows: count, exact: true };
      }
      return { table: name, rows: estimate(database, name), exact: false };
    })
    .sort((a, b) => order(a.table, b.table));
}

/** The largest row number is found at once; without row numbers nobody knows. */
function estimate(database: Database, table: string): number | null {
  try {
    return database.query<{ last: number | null }, []>(`SELECT max(rowid) AS last FROM ${quoteName(table)}`).get()?.last ?? null;
  } catch {
    return null;
  }
}

function libraryVersion(): string {
  const database = new Database(":memory:");
  const version = database.query<{ version: string }, []>("SELECT sqlite_version() AS version").get()?.version;
  database.close();
  return `SQLite ${version}`;
}

function order(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
