// What a database of MySQL or MariaDB holds, from what the server itself writes about it. Reads only.
import type { Inspection, ResourceContent, SchemaObject, TableRows } from "../resource-driver.ts";
import { quoteName, quoteText, type Row, type Session } from "./mysql-session.ts";

/** A table of more rows is estimated. */
const countedRows = 500_000;
/** For all tables of a database. */
const countingMs = 5_000;

/** Gives up on what somebody has locked. */
export async function inspectDatabase(
  session: Session,
  { database, how }: { database: string; how: Inspection },
): Promise<ResourceContent> {
  how.abort.throwIfAborted();
  await session.query("SET SESSION TRANSACTION READ ONLY");
  await session.query("SET SESSION lock_wait_timeout = 10");
  await session.query(`USE ${quoteName(database)}`);
  const [server] = await session.query("SELECT VERSION() AS version");
  const version = String(server?.version ?? "");
  const schema = quoteText(database);
  const tables = await session.query(
    `SELECT TABLE_NAME AS name, TABLE_TYPE AS type, TABLE_ROWS AS estimate FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${schema} ORDER BY TABLE_ROWS`,
  );
  const objects: SchemaObject[] = [];
  for (const { name, type } of tables) {
    how.abort.throwIfAborted();
    objects.push(await tableObject(session, { name: String(name), view: String(type) === "VIEW" }));
  }
  for (const query of [triggers, routines, events]) {
    for (const { kind, name, definition } of await session.query(query(schema))) {
      objects.push({ kind: String(kind).toLowerCase(), name: String(name), definition: String(definition ?? "") });
    }
  }
  // In a name of its own for each environment, the database is named in views and bodies.
  const own = new RegExp(`\`${database.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}\`\\.`, "g");
  return {
    version: `${/mariadb/i.test(version) ? "MariaDB" : "MySQL"} ${version.split("-")[0]}`,
    objects: objects
      .map((one) => ({ ...one, definition: one.definition.replace(own, "").trimEnd() }))
      .sort((a, b) => order(a.kind, b.kind) || order(a.name, b.name)),
    rows: how.rows ? await countRows(session, { abort: how.abort, tables }) : [],
  };
}

/** A line for each column, key and constraint, sorted. Where numbering stands is content. */
async function tableObject(session: Session, { name, view }: { name: string; view: boolean }): Promise<SchemaObject> {
  const [row] = await session.query(`SHOW CREATE ${view ? "VIEW" : "TABLE"} ${quoteName(name)}`);
  const text = String(Object.values(row ?? {})[1] ?? "");
  if (view) return { kind: "view", name, definition: text.replace(/^CREATE .*? VIEW `(?:[^`]|``)*`(?:\.`(?:[^`]|``)*`)? AS /, "") };
  const lines = text.split("\n");
  const end = lines.findIndex((line) => line.startsWith(")"));
  const parts = lines.slice(1, end).map((line) => line.trim().replace(/,$/, ""));
  const options = lines.slice(end).map((line) => line.replace(/^\) ?/, "").replace(/ ?AUTO_INCREMENT=\d+/, ""));
  return { kind: "table", name, definition: [...parts.sort(order), ...options].join("\n") };
}

const triggers = (schema: string) => `
  SELECT 'trigger' AS kind, CONCAT(TRIGGER_NAME, ' ON ', EVENT_OBJECT_TABLE) AS name,
    CONCAT(ACTION_TIMING, ' ', EVENT_MANIPULATION, '\\n', ACTION_STATEMENT) AS definition
  FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ${schema}`;

const routines = (schema: string) => `
  SELECT r.ROUTINE_TYPE AS kind, r.ROUTINE_NAME AS name,
    CONCAT('(', COALESCE((SELECT GROUP_CONCAT(CONCAT_WS(' ', p.PARAMETER_MODE, p.PARAMETER_NAME, p.DTD_IDENTIFIER) ORDER BY p.ORDINAL_POSITION SEPARATOR ', ')
      FROM information_schema.PARAMETERS p WHERE p.SPECIFIC_SCHEMA = r.ROUTINE_SCHEMA AND p.SPECIFIC_NAME = r.SPECIFIC_NAME AND p.ORDINAL_POSITION > 0), ''), ')',
      CASE WHEN r.ROUTINE_TYPE = 'FUNCTION' THEN CONCAT(' RETURNS ', r.DTD_IDENTIFIER) ELSE '' END, ' ', r.SQL_DATA_ACCESS,
      CASE WHEN r.IS_DETERMINISTIC = 'YES' THEN ' DETERMINISTIC' ELSE '' END, '\\n', COALESCE(r.ROUTINE_DEFINITION, '')) AS definition
  FROM information_schema.ROUTINES r WHERE r.ROUTINE_SCHEMA = ${schema} AND r.ROUTINE_TYPE IN ('FUNCTION', 'PROCEDURE')`;

const events = (schema: string) => `
  SELECT 'event' AS kind, EVENT_NAME AS name,
    CONCAT_WS(' ', COALESCE(CONCAT('EVERY ', INTERVAL_VALUE, ' ', INTERVAL_FIELD), CONCAT('AT ', EXECUTE_AT)), STATUS, CONCAT('\\n', EVENT_DEFINITION)) AS definition
  FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ${schema}`;

/** Small tables first, so that the time goes where it gives most answers. */
async function countRows(session: Session, given: { abort: AbortSignal; tables: Row[] }): Promise<TableRows[]> {
  const untilMs = performance.now() + countingMs;
  const counted: TableRows[] = [];
  for (const { name, type, estimate } of given.tables.filter((one) => String(one.type) !== "VIEW")) {
    given.abort.throwIfAborted();
    const guess = estimate === null || estimate === undefined ? null : Number(estimate);
    const table = String(name);
    // Anything but a plain table (a sequence) has no rows to speak of.
    const small = String(type) === "BASE TABLE" && (guess === null || guess <= countedRows) && performance.now() < untilMs;
    const count = small ? await countUpTo(session, table) : null;
    counted.push(count === null ? { table, rows: guess, exact: false } : { table, rows: count, exact: true });
  }
  return counted.sort((a, b) => order(a.table, b.table));
}

/** null: there are more. */
async function countUpTo(session: Session, table: string): Promise<number | null> {
  const [row] = await session.query(`SELECT COUNT(*) AS count FROM (SELECT 1 FROM ${quoteName(table)} LIMIT ${countedRows + 1}) AS found`);
  const count = Number(row?.count);
  return count > countedRows ? null : count;
}

function order(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
