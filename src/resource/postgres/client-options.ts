// What Bun's client is told about a server. Everything is said: what is not, it takes from PG* variables of the daemon, and PGDATABASE even
// wins over the database of a URL, so that a statement would run somewhere else.
import { sharedLogin } from "./shared-database.ts";

export interface ClientOptions {
  url: string;
  hostname: string;
  database: string;
}

export function clientOptions(url: string, database?: string): ClientOptions {
  const login = sharedLogin(url);
  return { url, hostname: login.host, database: database ?? login.database };
}
