// `branch: shared`: everybody uses the one database that a URL names. Nothing is made and nothing is removed.
import { SQL } from "bun";
import { WtError } from "../../errors/wt-error.ts";
import type { ResourceConnection } from "../resource-driver.ts";
import { connectionOf } from "./connection.ts";

const connectTimeoutMs = 5_000;

export function sharedConnection(url: string): ResourceConnection {
  const parts = new URL(url);
  const user = decodeURIComponent(parts.username);
  const database = decodeURIComponent(parts.pathname.slice(1)) || user;
  return connectionOf({
    DATABASE_URL: url,
    PGHOST: parts.hostname.replace(/^\[|\]$/g, ""),
    PGPORT: parts.port || "5432",
    PGUSER: user,
    PGPASSWORD: decodeURIComponent(parts.password),
    PGDATABASE: database,
  });
}

/** `app on db.example.com:5432`: never the password. */
export function sharedDetail(url: string): string {
  const { values } = sharedConnection(url);
  return `${values.database} on ${values.host}:${values.port}`;
}

/** Throws `WtError` when the database does not answer. `key` is the option that named it. */
export async function checkReachable(url: string, key: string): Promise<void> {
  const sql = new SQL({ url, max: 1, connectionTimeout: connectTimeoutMs / 1000 });
  try {
    await sql`SELECT 1`;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new WtError({
      kind: "machine",
      code: "database_unreachable",
      message: `${key}: the database ${sharedDetail(url)} does not answer: ${reason.replace(/\.$/, "")}.`,
      hints: ["Start that server, or mend the URL in wt.yaml."],
    });
  } finally {
    await sql.close({ timeout: 0 }).catch(() => undefined);
  }
}
