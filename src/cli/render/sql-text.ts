import type { Paint } from "../paint.ts";
import type { SqlResult } from "../sql/sql-session.ts";
import { type Cell, tableLines } from "./table.ts";

const longestCell = 200;

/** A table with its count, or what was done. */
export function sqlLines(result: SqlResult, options: { paint: Paint; ellipsis: string }): string[] {
  const { paint, ellipsis } = options;
  if (result.columns.length === 0) return [paint.dim(result.done)];
  const rows = result.rows.map((row) =>
    row.map((value): Cell => (value === null ? { text: "NULL", paint: paint.dim } : { text: shown(value, ellipsis) })),
  );
  const table = tableLines(
    result.columns.map((name) => shown(name, ellipsis)),
    rows,
    {
      paintHeader: paint.bold,
      maxWidth: null,
      ellipsis,
      shrink: 0,
    },
  );
  return [...table, paint.dim(`(${result.done})`)];
}

/** On one line, and without what would move the cursor. */
function shown(text: string, ellipsis: string): string {
  const line = text
    .replace(/\n/g, "\\n")
    .replace(/\t/g, "\\t")
    .replace(/\p{Cc}/gu, "");
  return line.length > longestCell ? `${line.slice(0, longestCell)}${ellipsis}` : line;
}
