import { WtError } from "../errors/wt-error.ts";

/** `name`: as people know it. Pure. */
export function databaseAbsent(name: string): WtError {
  return new WtError({
    kind: "not_found",
    code: "database_absent",
    message: `The database ${name} does not exist.`,
    hints: ["Run `wt up`."],
  });
}
