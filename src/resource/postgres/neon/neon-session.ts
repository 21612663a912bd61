// The one thing that Neon's API cannot do: giving a role the password that it had before, so that an environment's URL stays the same.
import { SQL } from "bun";
import { WtError } from "../../../errors/wt-error.ts";
import { clientOptions } from "../client-options.ts";
import { quoteLiteral } from "../pg-session.ts";
import { readServerUrl } from "../shared-database.ts";

const connectTimeoutS = 30;

/** As the role itself; `url` has its present password. */
export async function setOwnPassword(url: string, password: string, place: string): Promise<void> {
  await withClient(url, place, (sql) => sql.unsafe(`ALTER ROLE SESSION_USER PASSWORD ${quoteLiteral(password)}`));
}

/** Other sessions of the app's role in its database; what Neon itself does there has roles of its own. */
export async function countSessions(url: string, place: string): Promise<number> {
  const [row] = await withClient(url, place, (sql) =>
    sql.unsafe(
      "SELECT count(*)::int AS sessions FROM pg_stat_activity WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    ),
  );
  return Number((row as { sessions?: unknown } | undefined)?.sessions ?? 0);
}

async function withClient(url: string, place: string, use: (sql: SQL) => Promise<unknown[]>): Promise<unknown[]> {
  const sql = new SQL({ ...clientOptions(readServerUrl(url)), max: 1, connectionTimeout: connectTimeoutS });
  try {
    // A role may begin its sessions as another (`ALTER ROLE … SET role`); what we do is its own business.
    await sql.unsafe("SET ROLE NONE");
    return await use(sql);
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
    throw new WtError({
      kind: "machine",
      code: "database_unreachable",
      message: `${place}: the branch at Neon does not answer: ${reason}.`,
      hints: ["Check the network, then try again."],
    });
  } finally {
    await sql.close({ timeout: 0 }).catch(() => undefined);
  }
}
