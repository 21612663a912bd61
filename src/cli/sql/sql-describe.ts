// The prompt's own words that begin with a backslash, as statements in each dialect. Pure.
import type { Dialect } from "./sql-statements.ts";

export type MetaCommand =
  | { kind: "leave" }
  | { kind: "help" }
  /** Run one after the other; those but the first may have nothing to show. `absent` is said when the first has not. */
  | { kind: "show"; statements: string[]; absent: string }
  | { kind: "unknown"; name: string };

/** null: it is none, but SQL. */
export function parseMeta(line: string, dialect: Dialect): MetaCommand | null {
  const match = /^\s*\\([^\s;]+)\s*(.*?)\s*;?\s*$/.exec(line);
  if (!match) return null;
  const [, name = "", subject = ""] = match;
  if (name === "q") return { kind: "leave" };
  if (name === "?" || name === "h") return { kind: "help" };
  if (name === "dt" || (name === "d" && subject === ""))
    return { kind: "show", statements: [tablesOf[dialect]], absent: "There are no tables." };
  if (name === "d") return { kind: "show", statements: describeTable(subject, dialect), absent: `There is no table ${subject}.` };
  return { kind: "unknown", name: `\\${name}` };
}

const tablesOf: Readonly<Record<Dialect, string>> = {
  postgres: `SELECT n.nspname AS schema, c.relname AS name, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END AS type
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY 1, 2`,
  mysql: "SHOW FULL TABLES",
  sqlite: "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1",
};

function describeTable(name: string, dialect: Dialect): string[] {
  if (dialect === "mysql") {
    const quoted = name.replace(/^`|`$/g, "").replaceAll("`", "``");
    return [`SHOW FULL COLUMNS FROM \`${quoted}\``, `SHOW INDEX FROM \`${quoted}\``];
  }
  if (dialect === "sqlite") {
    const text = literal(name.replace(/^"|"$/g, ""));
    return [
      `SELECT name AS "column", type, CASE "notnull" WHEN 1 THEN 'not null' ELSE '' END AS nullable, dflt_value AS "default", CASE WHEN pk > 0 THEN 'primary key' ELSE '' END AS key FROM pragma_table_xinfo(${text})`,
      `SELECT name AS "index or trigger", sql FROM sqlite_schema WHERE tbl_name = ${text} AND type IN ('index', 'trigger') AND sql IS NOT NULL`,
    ];
  }
  // Written plainly or in quotes, with its schema or without, as in SQL. A name that is no name at all is no table either.
  const table = `to_regclass(${literal(name)})`;
  return [
    `SELECT a.attname AS "column", format_type(a.atttypid, a.atttypmod) AS type, CASE WHEN a.attnotnull THEN 'not null' ELSE '' END AS nullable,
      pg_get_expr(d.adbin, d.adrelid) AS "default" FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = ${table} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    `SELECT indexrelid::regclass AS index, pg_get_indexdef(indexrelid) AS definition FROM pg_index WHERE indrelid = ${table} ORDER BY 1`,
    `SELECT conname AS "constraint", pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = ${table} AND contype NOT IN ('p', 'n') ORDER BY 1`,
  ];
}

/** Without a backslash escape: where those count, a name that holds one is none. */
function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
