// One database of a server copied into another, empty one of it.
import { WtError } from "../../errors/wt-error.ts";
import { canDump, copyByDump } from "./load-dump.ts";
import type { Login } from "./mysql-connection.ts";
import { quoteName, quoteText, type Session } from "./mysql-session.ts";

export interface DatabaseCopy {
  /** Who may read it. */
  login: Login;
  /** Who has all rights on the copy and no others. In the copy, views, triggers and routines were defined by this account. */
  writer: Login;
  from: string;
  to: string;
  /** The option that asked for it, for errors. */
  key: string;
  /** Where to find the dump program. */
  searchPath: string;
  abort: AbortSignal;
}

/** With the dump program where the machine has it, else by statements, which copy tables alone. Throws `WtError`; the target may hold a part then. */
export async function copyDatabase(session: Session, copy: DatabaseCopy): Promise<void> {
  if (await copyByDump(copy)) return;
  const { from, to, abort } = copy;
  await requireCopyable(session, copy);
  // References to tables that are not there yet.
  await session.query("SET SESSION foreign_key_checks = 0, unique_checks = 0, sql_mode = 'NO_AUTO_VALUE_ON_ZERO'");
  await session.query(`USE ${quoteName(to)}`);
  const tables = await session.query(
    `SELECT TABLE_NAME AS name FROM information_schema.tables WHERE TABLE_SCHEMA = ${quoteText(from)} AND TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_NAME`,
  );
  for (const name of tables.map((row) => String(row.name))) {
    abort.throwIfAborted();
    const [made] = await session.query(`SHOW CREATE TABLE ${quoteName(from)}.${quoteName(name)}`);
    await session.query(String(made?.["Create Table"]));
    const columns = await session.query(
      `SELECT COLUMN_NAME AS name FROM information_schema.columns WHERE TABLE_SCHEMA = ${quoteText(from)} AND TABLE_NAME = ${quoteText(name)}
        AND EXTRA NOT LIKE '%GENERATED%' ORDER BY ORDINAL_POSITION`,
    );
    const list = columns.map((row) => quoteName(String(row.name))).join(", ");
    await session.query(`INSERT INTO ${quoteName(name)} (${list}) SELECT ${list} FROM ${quoteName(from)}.${quoteName(name)}`);
  }
  await session.query("SET SESSION foreign_key_checks = DEFAULT, unique_checks = DEFAULT, sql_mode = DEFAULT");
}

/** Throws `WtError` (`machine`, `program_missing`) where only a program that is missing could copy everything. */
export async function requireCopyable(
  session: Session,
  { from, key, searchPath }: Pick<DatabaseCopy, "from" | "key" | "searchPath">,
): Promise<void> {
  if (canDump(searchPath)) return;
  const others = await readOthers(session, from);
  if (others.length > 0) throw needsProgram(key, from, others);
}

/** What is not a plain table: `view v`. */
async function readOthers(session: Session, from: string): Promise<string[]> {
  const database = quoteText(from);
  const rows = await session.query(`
    SELECT LOWER(TABLE_TYPE) AS kind, TABLE_NAME AS name FROM information_schema.tables WHERE TABLE_SCHEMA = ${database} AND TABLE_TYPE <> 'BASE TABLE'
    UNION ALL SELECT 'trigger', TRIGGER_NAME FROM information_schema.triggers WHERE TRIGGER_SCHEMA = ${database}
    UNION ALL SELECT LOWER(ROUTINE_TYPE), ROUTINE_NAME FROM information_schema.routines WHERE ROUTINE_SCHEMA = ${database}
    UNION ALL SELECT 'event', EVENT_NAME FROM information_schema.events WHERE EVENT_SCHEMA = ${database}`);
  return rows.map((row) => `${row.kind} ${row.name}`);
}

function needsProgram(key: string, from: string, others: readonly string[]): WtError {
  const more = others.length > 3 ? ` and ${others.length - 3} more` : "";
  return new WtError({
    kind: "machine",
    code: "program_missing",
    message: `${key}: ${from} holds the ${others.slice(0, 3).join(", the ")}${more}, which only the program mariadb-dump (or mysqldump) can copy, and it was not found.`,
    hints: [`Install it with \`${process.platform === "darwin" ? "brew install mariadb" : "sudo apt-get install mariadb-client"}\`.`],
    details: { program: "mariadb-dump" },
  });
}
