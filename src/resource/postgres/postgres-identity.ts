// What a postgres resource is, in words: a change of them means another database. Pure.
import type { ResourceOptions } from "../resource-driver.ts";
import { postgresOptions } from "./postgres-options.ts";

/** Ends a sentence; never with a password. */
export function postgresIdentity(written: ResourceOptions): string {
  const options = postgresOptions(written);
  switch (options.mode) {
    case "branch":
      return "a PostgreSQL server of its own";
    case "shared":
      return `the shared database ${placeOf(options.url)}`;
    case "server":
      return `a database of its own on ${placeOf(options.url)}`;
    case "remote":
      return `a branch of the ${options.remote} project ${options.project}`;
  }
}

function placeOf(text: string): string {
  const url = URL.parse(text);
  return url === null ? "a server" : `${url.host}${url.pathname === "/" ? "" : url.pathname}`;
}
