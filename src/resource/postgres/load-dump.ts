// Fills a database from what `from:` names: an SQL file or plain dump by ourselves, any other dump with the user's own pg_restore.
import { existsSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { type ClientSearch, findClient } from "./dump-clients.ts";
import { PgFailure, type Session } from "./pg-session.ts";
import type { ServerPrograms } from "./server-programs.ts";
import { createScriptCutter, type ScriptPart, withoutComments } from "./sql-script.ts";

export type DumpKind = "sql" | "custom" | "tar" | "directory";

/** What a path holds. Throws `WtError` (`config`) when it cannot be a source. */
export async function readDumpKind(path: string, key: string): Promise<DumpKind> {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (!entry) throw sourceError(key, `the file ${path} does not exist`, "Write its path as seen from the worktree.");
  if (entry.isDirectory()) {
    if (existsSync(join(path, "toc.dat"))) return "directory";
    throw sourceError(key, `the directory ${path} is not a dump of pg_dump -Fd`, "Name an SQL file or a dump.");
  }
  const file = await open(path, "r");
  try {
    const head = Buffer.alloc(512);
    await file.read(head, 0, head.length, 0);
    if (head.toString("latin1", 0, 5) === "PGDMP") return "custom";
    if (head.toString("latin1", 257, 262) === "ustar") return "tar";
    if (head[0] === 0x1f && head[1] === 0x8b)
      throw sourceError(key, `${path} is compressed with gzip`, `Unpack it first: \`gunzip -k ${path}\`.`);
    if (head.subarray(0, Math.min(512, entry.size)).includes(0))
      throw sourceError(key, `${path} is neither SQL nor a dump of pg_dump`, "Make one with `pg_dump -Fc`.");
    return "sql";
  } finally {
    await file.close();
  }
}

export interface SqlLoad {
  session: Session;
  path: string;
  /** The option that named the file, for errors. */
  key: string;
  abort: AbortSignal;
}

/** Runs an SQL file or plain dump; gives what was passed over because it makes no sense in another server (owners, grants of unknown roles). */
export async function loadSql({ session, path, key, abort }: SqlLoad): Promise<string[]> {
  const passedOver: string[] = [];
  const parts = readParts(path, abort);
  let connected = false;
  for (let next = await parts.next(); !next.done; next = await parts.next()) {
    const part = next.value;
    try {
      if (part.kind === "command") {
        if (/^\\(restrict|unrestrict)\b/.test(part.text)) continue;
        if (/^\\c(onnect)?\b/.test(part.text) && !connected) {
          connected = true;
          continue;
        }
        const what = connected && /^\\c/.test(part.text) ? "it holds more than one database" : `\`${part.text}\` is a command to psql`;
        throw sourceError(key, `${basename(path)} line ${part.line}: ${what}`, "Make the dump with `pg_dump` of one database.");
      }
      if (part.kind === "copy") await session.copyIn(Buffer.from(part.text, "latin1"), copyData(parts));
      else if (part.kind === "statement" && !/^(CREATE|DROP|ALTER)\s+DATABASE\b/i.test(withoutComments(part.text))) {
        await session.query(Buffer.from(part.text, "latin1"));
      }
    } catch (error) {
      if (!(error instanceof PgFailure) || !("line" in part)) throw error;
      if (!mayPassOver(withoutComments(part.text), error.code)) throw statementError(key, `${basename(path)} line ${part.line}`, error);
      passedOver.push(`line ${part.line}: ${error.message}`);
    }
  }
  return passedOver;
}

/** Owners, grants and settings that another server or version knows; psql too goes on after them. */
function mayPassOver(statement: string, code: string): boolean {
  if (code !== "42704") return false;
  return /^(GRANT|REVOKE|SET|ALTER\s+DEFAULT\s+PRIVILEGES)\b/i.test(statement) || /^ALTER\s[\s\S]*\sOWNER\s+TO\s/i.test(statement);
}

async function* readParts(path: string, abort: AbortSignal): AsyncGenerator<ScriptPart, void> {
  const cutter = createScriptCutter();
  let rest = "";
  for await (const chunk of Bun.file(path).stream()) {
    abort.throwIfAborted();
    rest += Buffer.from(chunk).toString("latin1");
    let from = 0;
    for (let end = rest.indexOf("\n"); end !== -1; end = rest.indexOf("\n", from)) {
      yield* cutter.line(rest.slice(from, end + 1));
      from = end + 1;
    }
    rest = rest.slice(from);
  }
  if (rest) yield* cutter.line(rest);
  yield* cutter.end();
}

async function* copyData(parts: AsyncGenerator<ScriptPart, void>): AsyncGenerator<Buffer, void> {
  let batch = "";
  for (let next = await parts.next(); !next.done && next.value.kind === "data"; next = await parts.next()) {
    batch += next.value.text;
    if (batch.length < 65_536) continue;
    yield Buffer.from(batch, "latin1");
    batch = "";
  }
  if (batch) yield Buffer.from(batch, "latin1");
}

export interface Restore {
  path: string;
  programs: ServerPrograms;
  /** Where to find pg_restore. */
  searchPath: string;
  connection: Record<string, string>;
  abort: AbortSignal;
}

/** Fills a database with the user's own pg_restore. Throws `WtError` that says what is missing or too old. */
export async function restoreDump({ path, programs, searchPath, connection, abort }: Restore): Promise<void> {
  const program = await findRestore(path, { searchPath, programs: programs.directory, major: programs.major });
  const env = { ...connection, LC_ALL: "C", PATH: searchPath };
  const result = await exec([program, "--no-owner", "--no-privileges", "--no-tablespaces", "--dbname", "app", path], {
    cwd: "/",
    env,
    abort,
  });
  if (result.code === 0) return;
  const lines = result.stderr.trim().split("\n");
  const newer = /unsupported version \(([\d.]+)\) in file header/.exec(result.stderr);
  const reason = (lines.find((line) => line.includes("error:")) ?? lines.at(-1) ?? "").replace(/^pg_restore: (error: )?/, "");
  throw new WtError({
    kind: "machine",
    code: newer ? "pg_restore_too_old" : "restore_failed",
    message: newer
      ? `The dump ${path} was made by a newer pg_dump (format ${newer[1]}) than ${program} can read.`
      : `pg_restore could not read ${path}: ${reason.replace(/\.$/, "")}.`,
    hints: newer
      ? ["Install the client programs of the PostgreSQL that it was made with, or make a plain dump with `pg_dump -Fp`."]
      : ["Try the same dump with `pg_restore --list`."],
    details: { lines: lines.slice(-12) },
  });
}

/** Of the server's version or newer; else the newest there is, since what it makes of a dump is SQL that later servers know. */
async function findRestore(path: string, search: ClientSearch): Promise<string> {
  for (let { major } = search; major >= oldestRestore; major--) {
    const program = await findClient("pg_restore", { ...search, major }).catch((error: unknown) => {
      if (error instanceof WtError && error.code === "client_missing") return null;
      throw error;
    });
    if (program !== null) return program;
  }
  throw new WtError({
    kind: "machine",
    code: "pg_restore_missing",
    message: `The dump ${path} can only be read with pg_restore, which was not found.`,
    hints: ["Install PostgreSQL's client programs (such as postgresql-client), or make a plain dump with `pg_dump -Fp`."],
  });
}

const oldestRestore = 12;

function sourceError(key: string, what: string, hint: string): WtError {
  return new WtError({ kind: "config", code: "database_source", message: `${key}: ${what}.`, hints: [hint] });
}

export function statementError(key: string, where: string, failure: PgFailure): WtError {
  return new WtError({
    kind: "machine",
    code: "sql_failed",
    message: `${key}: ${where} failed: ${failure.message.replace(/\.$/, "")} (SQLSTATE ${failure.code}).`,
    hints: failure.detail ? [failure.detail] : [],
  });
}
