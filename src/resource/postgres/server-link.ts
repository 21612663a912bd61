// Talking to a PostgreSQL server that is not ours, as the user its URL names.
import { SQL } from "bun";
import { WtError } from "../../errors/wt-error.ts";
import { clientOptions } from "./client-options.ts";
import { placeOf, readServerUrl, unreachable } from "./shared-database.ts";

export interface ServerLink {
  /** Runs one or more statements; gives the rows of the last one. */
  run(sql: string): Promise<Record<string, unknown>[]>;
}

const connectTimeoutS = 5;

/** Opens one connection (to another database of that server when one is named), uses it, closes it. Throws `WtError` where it does not answer. */
export async function withServer<T>(
  at: { url: string; key: string; database?: string },
  use: (link: ServerLink) => Promise<T>,
): Promise<T> {
  const server = readServerUrl(at.url);
  const database = at.database ?? (server.database || "postgres");
  const sql = new SQL({ ...clientOptions(server, database), max: 1, connectionTimeout: connectTimeoutS });
  try {
    await sql.unsafe("SELECT 1").catch((error: unknown) => {
      throw unreachable(at.key, `${database} on ${placeOf(server)}`, error);
    });
    return await use({
      run: async (text) => {
        const rows: unknown = await sql.unsafe(text);
        const last = Array.isArray(rows) && Array.isArray(rows[0]) ? rows.at(-1) : rows;
        return [...(last as Record<string, unknown>[])];
      },
    });
  } finally {
    await sql.close({ timeout: 0 }).catch(() => undefined);
  }
}

/** SQLSTATE of what a server refused; empty for other errors. */
export function sqlState(error: unknown): string {
  const code = (error as { errno?: unknown } | undefined)?.errno;
  return typeof code === "string" ? code : "";
}

/** What the user named by the URL may not do is a sentence about the key. */
export function serverRefusal(key: string, what: string, error: unknown): WtError {
  if (error instanceof WtError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new WtError({
    kind: sqlState(error) === "53100" ? "machine" : "config",
    code: sqlState(error) === "53100" ? "disk_full" : "postgres_server_refused",
    message: `${key}: the server could not ${what}: ${reason.replace(/\.$/, "")}.`,
    hints: sqlState(error) === "42501" ? ["The user of this URL must be allowed to create databases and roles."] : [],
    cause: error,
  });
}
