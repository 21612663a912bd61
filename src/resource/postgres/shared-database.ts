// `branch: shared`: everybody uses the one database that a URL names. Nothing is made and nothing is removed.
import { SQL } from "bun";
import { WtError } from "../../errors/wt-error.ts";
import { clientOptions } from "./client-options.ts";
import type { Login } from "./connection.ts";
import { parseServerUrl, type ServerUrl } from "./server-url.ts";

const connectTimeoutS = 5;

/** What a URL says that the options were checked for. Throws `WtError` for one from before they were. */
export function readServerUrl(url: string): ServerUrl {
  const read = parseServerUrl(url);
  if (!("problem" in read)) return read;
  throw new WtError({ kind: "config", code: "database_url", message: `The URL of the database ${read.problem}`, hints: [read.hint] });
}

/** What a URL says, decoded. */
export function sharedLogin(url: string): Login {
  const { user, password, host, port, database } = readServerUrl(url);
  return { url, user, password, host, port, database: database || user };
}

/** `app on db.example.com:5432`: never the password. */
export function sharedDetail(url: string): string {
  const { database, ...place } = sharedLogin(url);
  return `${database} on ${placeOf(place)}`;
}

/** `db.example.com:5432`, or the directory of a socket. */
export function placeOf({ host, port }: { host: string; port: number }): string {
  return host.startsWith("/") ? `${host} (port ${port})` : `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Throws `WtError` when the database does not answer. `key` is the option that named it. */
export async function checkReachable(url: string, key: string): Promise<void> {
  const sql = new SQL({ ...clientOptions(readServerUrl(url)), max: 1, connectionTimeout: connectTimeoutS });
  try {
    await sql.unsafe("SELECT 1");
  } catch (error) {
    throw unreachable(key, sharedDetail(url), error);
  } finally {
    await sql.close({ timeout: 0 }).catch(() => undefined);
  }
}

/** `what`: the database and where it is. */
export function unreachable(key: string, what: string, error: unknown): WtError {
  const reason = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
  return new WtError({
    kind: "machine",
    code: "database_unreachable",
    message: `${key}: the database ${what} does not answer: ${reason}.`,
    hints: [hintFor(reason)],
  });
}

function hintFor(reason: string): string {
  if (/password|authentication|no pg_hba|role .* does not exist/i.test(reason)) return "Mend user and password of the URL in wt.yaml.";
  if (/database .* does not exist/i.test(reason)) return "Mend the database's name in the URL in wt.yaml.";
  if (/SSL|TLS|certificate|encryption/i.test(reason)) return "Say in the URL how TLS is used, such as `?sslmode=require`.";
  return "Start that server, or mend the URL in wt.yaml.";
}
