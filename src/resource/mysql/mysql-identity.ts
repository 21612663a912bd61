// What a mysql resource is, in words: a change of them means another database. Pure.
import type { ResourceOptions } from "../resource-driver.ts";
import { loginDetail, loginOfUrl } from "./mysql-connection.ts";
import { mysqlOptions } from "./mysql-options.ts";

/** Ends a sentence; never with a password. */
export function mysqlIdentity(written: ResourceOptions): string {
  const options = mysqlOptions(written);
  if (options.mode === "branch") return "a database server of its own";
  const login = loginOfUrl(options.url);
  return options.mode === "shared" ? `the shared database ${loginDetail(login)}` : `a database of its own on ${login.host}:${login.port}`;
}
