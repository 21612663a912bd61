import type { Finding, KeyPath } from "../check-written.ts";
import { listOf, probesPort, spelledOut } from "../normalize.ts";
import type { Rule, RuleInput } from "../rules.ts";

const highestBase = 65_000;
/** Bases that are nearer than this meet as soon as there are that many environments. */
const roomForSlots = 20;
/** From the fetch standard's list of bad ports, those from 1024 up. */
const blockedByBrowsers = [
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

export const portRules: readonly Rule[] = [
  {
    name: "port-range",
    check: ({ written }) =>
      Object.entries(written.services ?? {}).flatMap(([name, service]): Finding[] => {
        const port = spelledOut(service).port;
        if (typeof port !== "number" || (Number.isInteger(port) && port >= 1024 && port <= highestBase)) return [];
        const message = `services.${name}.port must be a whole number from 1024 to ${highestBase}, not ${port}.`;
        return [{ path: ["services", name, "port"], message, hint: "Leave `port` out for any free port." }];
      }),
  },
  { name: "port-bases-apart", check: basesApart },
  {
    name: "port-open-to-browsers",
    check: ({ config }) =>
      config.services.flatMap((service): Finding[] => {
        if (service.port.kind !== "slot" || !blockedByBrowsers.includes(service.port.base)) return [];
        const message = `services.${service.name}.port is ${service.port.base}, which browsers refuse to open.`;
        return [{ path: ["services", service.name, "port"], message, hint: "Choose another port.", level: "warning" }];
      }),
  },
  { name: "one-service-a-route", check: routesOnce },
  {
    name: "route-needs-port",
    check: ({ config }) =>
      config.services
        .filter((service) => service.port.kind === "none" && service.routes.length > 0)
        .map((service) => ({
          path: ["services", service.name, "route"],
          message: `services.${service.name} has a route but no port to send requests to.`,
          hint: "Remove its `port: none`, or its `route`.",
        })),
  },
  {
    name: "probe-needs-port",
    check: ({ written, config }) =>
      config.services
        .filter((service) => service.port.kind === "none" && probesPort(spelledOut(written.services?.[service.name] ?? "").ready))
        .map((service) => ({
          path: ["services", service.name, "ready"],
          message: `services.${service.name}.ready asks a port, but the service has none.`,
          hint: "Remove its `port: none`, or use `ready: { log: … }`, `ready: { command: … }` or `ready: none`.",
        })),
  },
];

function basesApart({ config }: RuleInput): Finding[] {
  const found: Finding[] = [];
  const seen: { name: string; base: number }[] = [];
  for (const { name, port } of config.services) {
    if (port.kind !== "slot") continue;
    const near = seen.find((other) => Math.abs(other.base - port.base) < roomForSlots);
    seen.push({ name, base: port.base });
    if (!near) continue;
    const path = ["services", name, "port"];
    if (near.base === port.base) {
      const message = `services.${name}.port and services.${near.name}.port are both ${port.base}.`;
      found.push({ path, message, hint: `Give one of them another port, such as ${port.base + 100}.` });
    } else {
      const message = `services.${name}.port ${port.base} and services.${near.name}.port ${near.base} meet in environments of another slot, because the slot is added to both.`;
      found.push({ path, message, hint: `Leave room between them, such as ${near.base} and ${near.base + 100}.`, level: "warning" });
    }
  }
  return found;
}

function routesOnce({ written, config }: RuleInput): Finding[] {
  const owners = new Map<string, string>();
  const found: Finding[] = [];
  for (const service of config.services) {
    const route = spelledOut(written.services?.[service.name] ?? "").route;
    for (const [index, prefix] of listOf(route).entries()) {
      const path: KeyPath = ["services", service.name, "route", ...(Array.isArray(route) ? [index] : [])];
      const problem = routeProblem(prefix);
      if (problem) {
        found.push({ path, message: `services.${service.name}.route \`${prefix}\` ${problem}.`, hint: "Write it like `/` or `/api`." });
        continue;
      }
      const normal = service.routes[index] ?? prefix;
      const owner = owners.get(normal);
      if (owner === undefined) owners.set(normal, service.name);
      else {
        const whose = owner === service.name ? "twice in this service" : `the route of services.${owner} too`;
        found.push({
          path,
          message: `services.${service.name}.route \`${normal}\` is ${whose}.`,
          hint: "One route leads to one service; change one of them.",
        });
      }
    }
  }
  return found;
}

function routeProblem(route: string): string | null {
  if (!route.startsWith("/")) return "does not begin with `/`";
  if (/[\s?#]/.test(route) || route.includes("//")) return "is not a path prefix";
  if (route.includes("*")) return "holds `*`, but a route is a prefix and matches everything below it";
  return route.split("/").some((part) => part === "." || part === "..") ? "holds `.` or `..`" : null;
}
