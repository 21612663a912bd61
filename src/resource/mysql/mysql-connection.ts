// How an app reaches its database. Pure but for the random password.
import type { ResourceConnection } from "../resource-driver.ts";
import { defaultVariable } from "./mysql-options.ts";

/** Name of the database and of the user on a server of the environment's own. */
export const appName = "app";

export interface Login {
  user: string;
  password: string;
  host: string;
  port: number;
  database: string;
}

/** The app's own login to its server. */
export function appLogin({ password, port }: { password: string; port: number }): Login {
  return { user: appName, password, host: "127.0.0.1", port, database: appName };
}

/** The last two are what the client programs themselves read. */
const parts = ["MYSQL_HOST", "MYSQL_PORT", "MYSQL_USER", "MYSQL_PASSWORD", "MYSQL_DATABASE", "MYSQL_TCP_PORT", "MYSQL_PWD"];

/** Names of the variables a connection gives. Under a name of its own a URL comes alone: `MYSQL_HOST` and the like can mean one database only. */
export function variableNames(variable: string): string[] {
  return variable === defaultVariable ? [variable, ...parts] : [variable];
}

/** `url`: as it was written, where it was written. */
export function connectionOf(
  login: Login,
  { variable, scheme, url }: { variable: string; scheme: string; url?: string },
): ResourceConnection {
  const { host, user, password, database } = login;
  const port = String(login.port);
  const values = { url: url ?? mysqlUrl(login, scheme), host, port, user, password, database };
  const all: Record<string, string> = {
    [variable]: values.url,
    MYSQL_HOST: host,
    MYSQL_PORT: port,
    MYSQL_USER: user,
    MYSQL_PASSWORD: password,
    MYSQL_DATABASE: database,
    MYSQL_TCP_PORT: port,
    MYSQL_PWD: password,
  };
  return { variables: Object.fromEntries(variableNames(variable).map((name) => [name, all[name] ?? ""])), values };
}

export function mysqlUrl({ user, password, host, port, database }: Login, scheme = "mysql"): string {
  const encode = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return `${scheme}://${encode(user)}:${encode(password)}@${host.includes(":") ? `[${host}]` : host}:${port}/${encode(database)}`;
}

/** What a URL says, decoded. */
export function loginOfUrl(url: string): Login {
  const given = new URL(url);
  return {
    user: decodeURIComponent(given.username) || "root",
    password: decodeURIComponent(given.password),
    host: decodeURIComponent(given.hostname).replace(/^\[|\]$/g, ""),
    port: Number(given.port || 3306),
    database: decodeURIComponent(given.pathname.slice(1)),
  };
}

/** `app on db.example.com:3306`: never the password. */
export function loginDetail({ database, host, port }: Pick<Login, "database" | "host" | "port">): string {
  return `${database} on ${host}:${port}`;
}

/** 32 characters that need no escaping anywhere. */
export function randomPassword(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString("base64url");
}
