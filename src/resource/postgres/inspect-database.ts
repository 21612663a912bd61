// What a database of PostgreSQL holds: its schema in one snapshot, then its row counts as far as they are counted in a moment. Reads only.
import type { Inspection, ResourceContent, TableRows } from "../resource-driver.ts";
import { type Ask, readSchema } from "./inspect-schema.ts";

/** A table of more rows is estimated. */
const countedRows = 1_000_000;
/** For all tables of a database. */
const countingMs = 5_000;

export async function inspectDatabase(ask: Ask, { abort, rows }: Pick<Inspection, "abort" | "rows">): Promise<ResourceContent> {
  abort.throwIfAborted();
  await ask("SET default_transaction_read_only = on");
  await ask("SET search_path = ''");
  await ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const [server] = await ask("SELECT current_setting('server_version') AS version");
  const objects = await readSchema(ask);
  const tables = rows ? await ask(tablesWithEstimates) : [];
  await ask("COMMIT");
  const version = `PostgreSQL ${String(server?.version ?? "").split(" ")[0]}`;
  return { version, objects, rows: await countRows(ask, { abort, tables }) };
}

/** Foreign tables lead elsewhere. Of a table that was never analysed its size tells about how much there is, if not how many. */
const tablesWithEstimates = `
  SELECT c.oid::regclass::text AS table, format('%I.%I', n.nspname, c.relname) AS name, c.relkind = 'p' AS parted,
    CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END AS estimate
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e')
  ORDER BY 4 NULLS FIRST`;

/** Small tables first, so that the time goes where it gives most answers. */
async function countRows(ask: Ask, given: { abort: AbortSignal; tables: Record<string, unknown>[] }): Promise<TableRows[]> {
  const untilMs = performance.now() + countingMs;
  const counted: TableRows[] = [];
  for (const { table, name, estimate } of given.tables) {
    given.abort.throwIfAborted();
    const guess = estimate === null || estimate === undefined ? null : Number(estimate);
    const rows = guess !== null && guess > countedRows ? null : await count(ask, String(table), untilMs - performance.now());
    counted.push({ table: String(name), rows: rows ?? guess, exact: rows !== null });
  }
  return counted.sort((a, b) => (a.table < b.table ? -1 : 1));
}

/** null: more than are counted, or not in this time. */
async function count(ask: Ask, table: string, leftMs: number): Promise<number | null> {
  if (leftMs < 1) return null;
  try {
    await ask(`SET statement_timeout = ${Math.ceil(leftMs)}`);
    const [row] = await ask(`SELECT count(*) AS count FROM (SELECT 1 FROM ${table} LIMIT ${countedRows + 1}) AS found`);
    const found = Number(row?.count);
    return found > countedRows ? null : found;
  } catch (error) {
    if (isTimeout(error)) return null;
    throw error;
  }
}

/** `query_canceled`, as both of our clients tell it. */
function isTimeout(error: unknown): boolean {
  const { code, errno } = error as { code?: unknown; errno?: unknown };
  return code === "57014" || errno === "57014";
}
