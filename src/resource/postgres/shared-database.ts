// `branch: shared`: everybody uses the one database that a URL names. Nothing is made and nothing is removed.
import { SQL } from "bun";
import { WtError } from "../../errors/wt-error.ts";
import type { Login } from "./connection.ts";

const connectTimeoutMs = 5_000;

/** What a URL says, decoded. */
export function sharedLogin(url: string): Login {
  const parts = new URL(url);
  const user = decodeURIComponent(parts.username);
  return {
    url,
    user,
    password: decodeURIComponent(parts.password),
    host: parts.hostname.replace(/^\[|\]$/g, ""),
    port: Number(parts.port || 5432),
    database: decodeURIComponent(parts.pathname.slice(1)) || user,
  };
}

/** `app on db.example.com:5432`: never the password. */
export function sharedDetail(url: string): string {
  const { database, host, port } = sharedLogin(url);
  return `${database} on ${host}:${port}`;
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
