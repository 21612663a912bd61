// How an app reaches its branch. Pure but for the random password.
import type { ResourceConnection } from "../resource-driver.ts";
import { appRole } from "./data-directory.ts";
import { defaultVariable } from "./postgres-options.ts";
import { serverUrlText } from "./server-url.ts";

export interface Login extends UrlParts {
  /** As it was written, where it was written. */
  url?: string;
}

/** The app's own login to its branch. */
export function appLogin({ password, port }: { password: string; port: number }): Login {
  return { user: appRole, password, host: "127.0.0.1", port, database: appRole };
}

/** Names of the variables a connection gives. Under a name of its own a URL comes alone: `PGHOST` and the like can mean one database only. */
export function variableNames(variable: string): string[] {
  return variable === defaultVariable ? [variable, "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"] : [variable];
}

export function connectionOf(login: Login, variable: string): ResourceConnection {
  const { host, user, password, database } = login;
  const url = login.url ?? postgresUrl(login);
  const port = String(login.port);
  const all: Record<string, string> = {
    [variable]: url,
    PGHOST: host,
    PGPORT: port,
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: database,
  };
  const variables = Object.fromEntries(variableNames(variable).map((name) => [name, all[name] ?? ""]));
  return { variables, values: { url, host, port, user, password, database } };
}

export interface UrlParts {
  user: string;
  password: string;
  host: string;
  port: number;
  database: string;
}

export function postgresUrl(parts: UrlParts): string {
  return serverUrlText({ ...parts, host: parts.host.replace(/^\[|\]$/g, ""), parameters: [] });
}

/** 32 characters that need no escaping anywhere. */
export function randomPassword(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString("base64url");
}
