// Which environment's service answers for a host and path. Pure, in memory; changed only by the daemon.
import { WtError } from "../errors/wt-error.ts";

export interface Route {
  /** Exact, lower case, no port: `my-branch.localhost`. */
  host: string;
  /** `/` or `/api`. */
  prefix: string;
  environmentId: string;
  project: string;
  slug: string;
  service: string;
  port: number;
}

export type RouteMatch =
  | { kind: "route"; route: Route }
  /** The host is an environment's, but none of its routes covers the path. */
  | { kind: "no_path"; host: string; environmentId: string }
  | { kind: "unknown_host" };

/** A host belongs to one environment alone; there is no wildcard and no fallback to a parent. */
export class RouteTable {
  /** Host → its routes, longest prefix first. */
  #hosts = new Map<string, Route[]>();

  /** All routes of an environment, in place of those it had. Throws, and changes nothing, when a host is another environment's. */
  replace(environmentId: string, routes: Route[]): void {
    const next = new Map<string, Route[]>();
    for (const given of routes) {
      const route = { ...given, host: given.host.toLowerCase(), prefix: normalPrefix(given.prefix) };
      const holder = this.#hosts.get(route.host)?.[0];
      if (holder && holder.environmentId !== environmentId) throw hostTaken(route, holder);
      const list = next.get(route.host) ?? [];
      list.push(route);
      next.set(route.host, list);
    }
    this.remove(environmentId);
    for (const [host, list] of next) {
      list.sort((a, b) => b.prefix.length - a.prefix.length);
      this.#hosts.set(host, list);
    }
  }

  remove(environmentId: string): void {
    for (const [host, list] of this.#hosts) if (list[0]?.environmentId === environmentId) this.#hosts.delete(host);
  }

  /** `host`: a Host header's value, in any case, with or without port and trailing dot. `path`: starts with `/`; a query is ignored. */
  match(host: string, path: string): RouteMatch {
    const name = hostName(host);
    const list = this.#hosts.get(name);
    const first = list?.[0];
    if (!list || !first) return { kind: "unknown_host" };
    for (const route of list) if (covers(route.prefix, path)) return { kind: "route", route };
    return { kind: "no_path", host: name, environmentId: first.environmentId };
  }

  all(): Route[] {
    return [...this.#hosts.values()].flat();
  }
}

/** A Host header's name alone: lower case, without port and trailing dot. */
export function hostName(host: string): string {
  const colon = host.indexOf(":");
  let name = colon === -1 ? host : host.slice(0, colon);
  if (name.endsWith(".")) name = name.slice(0, -1);
  return name.toLowerCase();
}

/** `/api` covers `/api`, `/api/x` and `/api?x`, not `/apix`. */
function covers(prefix: string, path: string): boolean {
  if (prefix === "/") return true;
  if (!path.startsWith(prefix)) return false;
  const after = path.charCodeAt(prefix.length);
  return Number.isNaN(after) || after === slash || after === question;
}

const slash = 47;
const question = 63;

/** `/api/` means `/api`. */
function normalPrefix(prefix: string): string {
  return prefix.length > 1 && prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
}

function hostTaken(route: Route, holder: Route): WtError {
  return new WtError({
    kind: "internal",
    code: "host_taken",
    message: `The host ${route.host} belongs to the environment ${holder.slug} of ${holder.project}, so ${route.slug} of ${route.project} cannot have it.`,
  });
}
