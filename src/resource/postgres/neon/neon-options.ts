// What may stand beside `remote: neon` in wt.yaml. Pure.
import type { JsonValue } from "../../../errors/wt-error.ts";

/** A branch at a service that keeps databases. */
export interface RemoteOptions {
  mode: "remote";
  remote: "neon";
  variable: string;
  project: string;
  /** Name or id; null: the project's default branch. */
  parent: string | null;
  /** null: the only one there is. */
  database: string | null;
  /** null: the database's owner. */
  role: string | null;
  /** Name of the variable that holds the API key; never the key. */
  keyVariable: string;
  migrate: string | null;
  seed: string | null;
}

export const remoteKeys = ["remote", "project", "parent", "database", "role", "api_key_variable", "migrate", "seed", "variable"];

export interface RemoteReader {
  text(key: string): string | null;
  problem(key: string, message: string, hint?: string | null): null;
}

export function readRemote(
  written: { [key: string]: JsonValue },
  { text, problem }: RemoteReader,
): Omit<RemoteOptions, "variable" | "migrate" | "seed"> {
  if (written.remote !== "neon") problem("remote", "must be `neon`, the one service that is known.", "Write `remote: neon`.");
  const project = text("project") ?? "";
  if (written.project === undefined || written.project === null) {
    problem("project", "is missing: the id of the project at Neon.", "It stands in Neon's console, under Settings.");
  } else if (project && !/^[a-z0-9-]{1,60}$/.test(project)) {
    problem("project", "is not the id of a project at Neon.", "It looks like `quiet-river-12345678`.");
  }
  const keyVariable = text("api_key_variable") ?? "NEON_API_KEY";
  // A repository must not be able to send another service's key there; and a key itself must not stand in a file.
  if (!/^[A-Z0-9_]{0,60}NEON[A-Z0-9_]{0,60}$/.test(keyVariable) || /^\d/.test(keyVariable)) {
    problem("api_key_variable", "must be the name of a variable with NEON in it.", "The key itself never stands in wt.yaml.");
  }
  return { mode: "remote", remote: "neon", project, parent: text("parent"), database: text("database"), role: text("role"), keyVariable };
}
