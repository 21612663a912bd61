import type { SqlFailure, SqlResult } from "../sql/sql-session.ts";

/** A line a statement: `{"schema":1,"columns":[…],"rows":[[…]],"done":"1 row"}`. Values are text; NULL is null. */
export function sqlJson({ columns, rows, done }: SqlResult): string {
  return `${JSON.stringify({ schema: 1, columns, rows, done })}\n`;
}

/** What the database said about the statement that ended the run. */
export function sqlErrorJson({ message, hint, position }: SqlFailure): string {
  const error = {
    kind: "refused",
    code: "sql_failed",
    message,
    hints: hint === null ? [] : [hint],
    ...(position === null ? {} : { details: { position } }),
  };
  return `${JSON.stringify({ schema: 1, error })}\n`;
}
