// What Bun's client is told about a server. Everything is said: what is not, it takes from PG* variables of the daemon, which came from some shell;
// and PGDATABASE wins even over the database of a URL, so that a statement would run somewhere else.
import { userInfo } from "node:os";
import type { ServerUrl } from "./server-url.ts";
import { serverUrlText } from "./server-url.ts";

export interface ClientOptions {
  url: string;
  username: string;
  password: string | (() => string);
  database: string;
  /** A pooler between us and the server keeps no prepared statements. */
  prepare: false;
}

/** Parameters that the client would otherwise take from its environment, with libpq's defaults. */
const said: [string, string][] = [
  ["sslmode", "prefer"],
  ["channel_binding", "disable"],
  ["application_name", "worldtree"],
];

/** `database`: another one than the URL's. */
export function clientOptions(server: ServerUrl, database?: string): ClientOptions {
  const names = new Set(server.parameters.map(([name]) => name));
  const user = server.user || userInfo().username;
  const full = {
    ...server,
    user,
    database: database ?? (server.database || user),
    parameters: [...server.parameters, ...[...said, ...unsaid()].filter(([name]) => !names.has(name))],
  };
  const password = server.password === "" ? () => "" : server.password;
  return { url: serverUrlText(full), username: user, password, database: full.database, prepare: false };
}

/** PGOPTIONS would set things for a session that nobody meant. Else it is left out: poolers refuse it. */
function unsaid(): [string, string][] {
  return process.env.PGOPTIONS ? [["options", ""]] : [];
}
