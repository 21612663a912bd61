// How an app reaches its branch. Pure but for the random password.
import type { ResourceConnection } from "../resource-driver.ts";
import { appRole } from "./data-directory.ts";

export interface AppLogin {
  password: string;
  port: number;
}

/** Names of the variables a connection gives. */
export const variableNames = ["DATABASE_URL", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"];

export function connectionVariables({ password, port }: AppLogin): Record<string, string> {
  return {
    DATABASE_URL: postgresUrl({ user: appRole, password, host: "127.0.0.1", port, database: appRole }),
    PGHOST: "127.0.0.1",
    PGPORT: String(port),
    PGUSER: appRole,
    PGPASSWORD: password,
    PGDATABASE: appRole,
  };
}

export function connectionOf(variables: Record<string, string>): ResourceConnection {
  const { DATABASE_URL: url = "", PGHOST: host = "", PGPORT: port = "" } = variables;
  const { PGUSER: user = "", PGPASSWORD: password = "", PGDATABASE: database = "" } = variables;
  return { variables, values: { url, host, port, user, password, database } };
}

export interface UrlParts {
  user: string;
  password: string;
  host: string;
  port: number;
  database: string;
}

export function postgresUrl({ user, password, host, port, database }: UrlParts): string {
  const encode = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return `postgres://${encode(user)}:${encode(password)}@${host}:${port}/${encode(database)}`;
}

/** 32 characters that need no escaping anywhere. */
export function randomPassword(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString("base64url");
}
