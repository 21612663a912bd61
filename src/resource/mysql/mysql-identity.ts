// What a mysql resource is, in words: a change of them means another database. Pure.
import type { ResourceOptions } from "../resource-driver.ts";
import { loginOfUrl } from "./mysql-connection.ts";
import { mysqlOptions } from "./mysql-options.ts";
import type { Flavor } from "./server-programs.ts";

/** Ends a sentence; never with a password. */
export function mysqlIdentity(type: Flavor, written: ResourceOptions): string {
  const options = mysqlOptions(written);
  if (options.mode === "branch") return `a ${type === "mariadb" ? "MariaDB" : "MySQL"} server of its own`;
  const { host, port, database } = loginOfUrl(options.url);
  return options.mode === "shared" ? `the shared database ${host}:${port}/${database}` : `a database of its own on ${host}:${port}`;
}
