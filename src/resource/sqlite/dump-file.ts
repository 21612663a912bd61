// An SQLite database as SQL, as the shell's `.dump` writes it, or as a file; and back. Work goes on in small pieces, so that the daemon answers meanwhile.
import { Database } from "bun:sqlite";
import { chmod, open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { entryAt, removeTree } from "../../os/files.ts";
import type { DumpFormat, DumpWish } from "../resource-driver.ts";
import { cloneDatabase } from "./clone-database.ts";
import { quoteName, unreadable } from "./inspect-file.ts";
import { createStatementCutter } from "./sql-tokens.ts";

const pieceBytes = 256 * 1024;
const pieceMs = 8;

/** Writes the dump and gives its format. Throws `WtError`, and then nothing is at `wish.path`. */
export async function dumpFile(path: string, wish: DumpWish, abort: AbortSignal): Promise<DumpFormat> {
  abort.throwIfAborted();
  const format = wish.format ?? "plain";
  try {
    if (format === "plain") await writeSql(path, wish, abort);
    else if (format === "file") await writeFile(path, wish, abort);
    else throw formatError(format);
    return format;
  } catch (error) {
    for (const suffix of ["", "-wal", "-shm"]) await removeTree(wish.path + suffix);
    if (error instanceof WtError || abort.aborted) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") throw noSpace(wish.path);
    throw unreadable(path, error);
  }
}

/** Makes a database at `to`, which is absent, of a dump. Throws `WtError` that names the line. */
export async function loadFile(from: string, to: string, abort: AbortSignal): Promise<void> {
  if (await isDatabase(from)) return void (await cloneDatabase({ from, to, abort }));
  const database = new Database(to, { readwrite: true, create: true });
  const where = { line: 1 };
  try {
    // Inside of a transaction it cannot be changed; a whole script that is read anew needs none of this safety.
    database.run("PRAGMA synchronous = OFF");
    const shell = await runScript(database, { from, where, abort });
    database.close();
    if (shell) await runShell({ from, to, abort });
    checkLoaded(to);
  } catch (error) {
    if (abort.aborted || error instanceof WtError) throw error;
    throw new WtError({
      kind: "usage",
      code: "dump_unreadable",
      message: `${from} line ${where.line}: ${(error instanceof Error ? error.message : String(error)).replace(/\.$/, "")}.`,
      hints: ["It must be SQL as `.dump` of sqlite3 writes it, or a database file."],
      details: { path: from, line: where.line },
    });
  } finally {
    database.close();
  }
  const handle = await open(to, "r");
  await handle.sync().finally(() => handle.close());
}

async function runShell({ from, to, abort }: { from: string; to: string; abort: AbortSignal }): Promise<void> {
  const shell = Bun.which("sqlite3");
  if (!shell) {
    throw new WtError({
      kind: "machine",
      code: "client_missing",
      message: `${from} holds virtual tables, which only the program sqlite3 can read from SQL, and it was not found.`,
      hints: ["Install sqlite3, or dump the database as a file: wt db dump --format file"],
      details: { program: "sqlite3" },
    });
  }
  for (const suffix of ["", "-journal", "-wal", "-shm"]) await removeTree(to + suffix);
  // `-safe`: a script must not run programs or reach other files.
  const command = ["/bin/sh", "-c", 'exec "$0" -safe -batch -bail "$1" < "$2"', shell, to, from];
  const result = await exec(command, { cwd: "/", env: { PATH: "/usr/bin:/bin", HOME: "/nonexistent" }, abort });
  if (result.code !== 0) throw new Error(result.stderr.trim().split("\n")[0] ?? "sqlite3 failed");
}

/** Opened anew: a script may have written into the schema table itself. */
function checkLoaded(path: string): void {
  const database = new Database(path, { readwrite: true, create: false });
  try {
    const found = database.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get()?.quick_check;
    if (found !== "ok") throw new Error(found ?? "it cannot be read");
  } finally {
    database.close();
  }
}

async function isDatabase(path: string): Promise<boolean> {
  const handle = await open(path, "r");
  try {
    const head = Buffer.alloc(16);
    const { bytesRead } = await handle.read(head, 0, 16, 0);
    return bytesRead === 0 || head.toString("latin1") === "SQLite format 3\0";
  } finally {
    await handle.close();
  }
}

interface Script {
  from: string;
  where: { line: number };
  abort: AbortSignal;
}

/** True: it writes into the schema table, as `.dump` does for virtual tables, which only the shell can. */
async function runScript(database: Database, script: Script): Promise<boolean> {
  const { from, where, abort } = script;
  const cutter = createStatementCutter();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let sinceMs = performance.now();
  const run = (statement: string) => {
    const before = /^\s*/.exec(statement)?.[0] ?? "";
    where.line += linesOf(before);
    if (statement.trim() !== ";") database.run(statement);
    where.line += linesOf(statement) - linesOf(before);
  };
  for await (const chunk of Bun.file(from).stream()) {
    for (const statement of cutter.add(decoder.decode(chunk, { stream: true }))) {
      if (/^\s*PRAGMA\s+writable_schema\s*=\s*(ON|1)\s*;/i.test(statement)) return true;
      run(statement);
      if (performance.now() - sinceMs < pieceMs) continue;
      await setImmediate();
      abort.throwIfAborted();
      sinceMs = performance.now();
    }
  }
  const rest = cutter.end();
  if (rest.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, "").trim() !== "") run(rest);
  if (database.inTransaction) throw new Error("it ends in the middle of a transaction");
  return false;
}

function linesOf(text: string): number {
  return text.split("\n").length - 1;
}

async function writeFile(path: string, wish: DumpWish, abort: AbortSignal): Promise<void> {
  if (!wish.schema || !wish.data) throw formatError("file");
  await cloneDatabase({ from: path, to: wish.path, abort });
  const copy = new Database(wish.path, { readwrite: true, create: false });
  // What the log holds goes into the file: it has to stand alone.
  if (entryAt(wish.path)?.size !== 0) copy.run("PRAGMA wal_checkpoint(TRUNCATE)");
  copy.close();
  await removeTree(`${wish.path}-wal`);
  await removeTree(`${wish.path}-shm`);
  await chmod(wish.path, 0o600);
  const handle = await open(wish.path, "r");
  await handle.sync().finally(() => handle.close());
}

interface Entry {
  type: string;
  name: string;
  sql: string;
}

async function writeSql(path: string, wish: DumpWish, abort: AbortSignal): Promise<void> {
  const handle = await open(wish.path, "wx", 0o600);
  const database = new Database(path, { readonly: true });
  try {
    database.run("PRAGMA busy_timeout = 5000");
    // One state of the database, whatever is written meanwhile.
    database.run("BEGIN");
    let open = "";
    let sinceMs = performance.now();
    for (const line of dumpLines(database, wish)) {
      open += line;
      if (open.length < pieceBytes && performance.now() - sinceMs < pieceMs) continue;
      await handle.write(open);
      open = "";
      await setImmediate();
      abort.throwIfAborted();
      sinceMs = performance.now();
    }
    await handle.write(open);
    await handle.sync();
  } finally {
    database.close();
    await handle.close();
  }
}

function* dumpLines(database: Database, { schema, data }: DumpWish): Generator<string, void> {
  const all = database.query<Entry, []>("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").all();
  const tables = all.filter(({ type, name }) => type === "table" && (!name.startsWith("sqlite_") || name === "sqlite_sequence"));
  const virtual = tables.filter(({ sql }) => /^\s*CREATE\s+VIRTUAL/i.test(sql));
  yield "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n";
  for (const { name, sql } of tables) {
    const isVirtual = virtual.some((one) => one.name === name);
    if (name === "sqlite_sequence") {
      if (data) yield "DELETE FROM sqlite_sequence;\n";
    } else if (schema && isVirtual) yield virtualTable(name, sql);
    else if (schema) yield `${sql};\n`;
    if (data && !isVirtual) yield* rowLines(database, name);
  }
  if (schema) {
    if (virtual.length > 0) yield "PRAGMA writable_schema=OFF;\n";
    for (const { type, sql } of all) if (type !== "table") yield `${sql};\n`;
    // The shell leaves these out; migration tools count their steps in the first.
    for (const key of ["user_version", "application_id"]) {
      const value = Object.values(database.query<Record<string, number>, []>(`PRAGMA ${key}`).get() ?? {})[0] ?? 0;
      if (value !== 0) yield `PRAGMA ${key}=${value};\n`;
    }
  }
  yield "COMMIT;\n";
}

/** Its content lies in tables that are written like any other, so it must not make them itself. */
function virtualTable(name: string, sql: string): string {
  const text = (value: string) => `'${value.replaceAll("'", "''")}'`;
  const row = `'table',${text(name)},${text(name)},0,${text(sql)}`;
  return `PRAGMA writable_schema=ON;\nINSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES(${row});\n`;
}

function* rowLines(database: Database, table: string): Generator<string, void> {
  const columns = database.query<{ name: string; hidden: number }, [string]>("SELECT name, hidden FROM pragma_table_xinfo(?)").all(table);
  const stored = columns.filter(({ hidden }) => hidden === 0).map(({ name }) => quoteName(name));
  const list = stored.length < columns.length ? `(${stored.join(",")})` : "";
  const values = stored.map(literal).join("||','||");
  const rows = database.prepare<{ line: string }, []>(`SELECT ${values} AS line FROM ${quoteName(table)}`);
  try {
    for (const { line } of rows.iterate()) yield `INSERT INTO ${quoteName(table)}${list} VALUES(${line});\n`;
  } finally {
    rows.finalize();
  }
}

/** `quote` ends a text at its first NUL and knows no infinite numbers. */
function literal(column: string): string {
  return `CASE WHEN typeof(${column})='text' AND instr(CAST(${column} AS BLOB),x'00')>0 THEN 'CAST(X'''||hex(CAST(${column} AS BLOB))||''' AS TEXT)'
    WHEN typeof(${column})='real' AND abs(${column})=9e999 THEN CASE WHEN ${column}>0 THEN '9e999' ELSE '-9e999' END ELSE quote(${column}) END`;
}

function formatError(format: DumpFormat): WtError {
  return new WtError({
    kind: "usage",
    code: "dump_format",
    message:
      format === "file" ? "A database file always holds schema and data." : `An SQLite database cannot be dumped in the format ${format}.`,
    hints: ["It can in plain (SQL) and, with schema and data, in file (a database)."],
  });
}

function noSpace(path: string): WtError {
  return new WtError({
    kind: "machine",
    code: "disk_full",
    message: `There is not enough space for the dump ${path}.`,
    hints: ["Free some space, or name a place on another disk."],
  });
}
