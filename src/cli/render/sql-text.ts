import type { Paint } from "../paint.ts";
import type { SqlResult } from "../sql/sql-session.ts";
import { type Cell, tableLines } from "./table.ts";

const longestCell = 200;

/** A table with its count, or what was done. What is wider than `width` is printed with a line for each value instead. */
export function sqlLines(result: SqlResult, options: { paint: Paint; ellipsis: string; width?: number | null }): string[] {
  const { paint, ellipsis, width = null } = options;
  if (result.columns.length === 0) return [paint.dim(result.done)];
  if (width !== null && result.rows.length > 0 && widthOf(result, ellipsis) > width) return recordLines(result, options);
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

/** `LINE 2: …` with a mark under the place. */
export function placeLines(statement: string, position: number): string[] {
  const before = [...statement].slice(0, position).join("");
  const number = before.split("\n").length;
  const line = statement.split("\n")[number - 1] ?? "";
  const title = `LINE ${number}: `;
  const indent = before.slice(before.lastIndexOf("\n") + 1).replaceAll("\t", " ");
  // What is far to the right of a long line would not be seen.
  const from = Math.max(0, indent.length - 60);
  const text = `${from > 0 ? "..." : ""}${line.slice(from, from + 100)}`;
  return [`${title}${shown(text, "...")}`, `${" ".repeat(title.length + Bun.stringWidth(indent.slice(from)) + (from > 0 ? 3 : 0))}^`];
}

/** As RFC 4180 has it; NULL is empty, an empty text is quoted. */
export function sqlCsv({ columns, rows }: SqlResult): string {
  if (columns.length === 0) return "";
  const field = (value: string | null) =>
    value === null ? "" : value === "" || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  return [columns, ...rows].map((row) => `${row.map(field).join(",")}\n`).join("");
}

function widthOf({ columns, rows }: SqlResult, ellipsis: string): number {
  const widest = columns.map((name) => Bun.stringWidth(shown(name, ellipsis)));
  for (const row of rows) {
    for (const [index, value] of row.entries()) {
      widest[index] = Math.max(widest[index] ?? 0, value === null ? 4 : Bun.stringWidth(shown(value, ellipsis)));
    }
  }
  return widest.reduce((sum, each) => sum + each + 2, -2);
}

function recordLines(result: SqlResult, { paint, ellipsis }: { paint: Paint; ellipsis: string }): string[] {
  const names = result.columns.map((name) => shown(name, ellipsis));
  const longest = Math.max(...names.map((name) => Bun.stringWidth(name)));
  const records = result.rows.flatMap((row, index) => [
    paint.dim(`-- row ${index + 1}`),
    ...row.map((value, column) => {
      const name = names[column] ?? "";
      const pad = " ".repeat(longest - Bun.stringWidth(name));
      return `${paint.bold(name)}${pad}  ${value === null ? paint.dim("NULL") : shown(value, ellipsis)}`;
    }),
  ]);
  return [...records, paint.dim(`(${result.done})`)];
}

/** On one line, and without what would move the cursor. */
function shown(text: string, ellipsis: string): string {
  const line = text
    .replace(/\n/g, "\\n")
    .replace(/\t/g, "\\t")
    .replace(/\p{Cc}/gu, "");
  return line.length > longestCell ? `${line.slice(0, longestCell)}${ellipsis}` : line;
}
