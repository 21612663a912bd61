// What the compose file says of a shared server: which of its ports the host needs, and how its administrator gets in. Pure.
import { WtError } from "../errors/wt-error.ts";
import type { ComposeModel, ComposeObject } from "../runtime/compose/transform/compose-model.ts";

export type ServerKind = "postgres" | "mysql" | "redis";

/** How resources of a shared service are made. Holds a password, as the ledger's other URLs do. */
export interface SharedServer {
  service: string;
  kind: ServerKind;
  user: string;
  password: string;
  /** A database that is there from the start; empty where there is none. */
  database: string;
}

const standardPorts: Readonly<Record<ServerKind, number>> = { postgres: 5432, mysql: 3306, redis: 6379 };

export function kindOfType(type: string): ServerKind | null {
  if (type === "mariadb") return "mysql";
  return type === "postgres" || type === "mysql" || type === "redis" ? type : null;
}

/** Ports that the compose file publishes, else those it exposes, and the standard port of each type of resource that lives there. */
export function sharedTargets(service: ComposeObject, types: readonly string[]): number[] {
  const ports = list(service.ports).flatMap((port) => portNumber(object(port).target));
  const exposed = list(service.expose).flatMap(portNumber);
  const standard = types.flatMap((type) => standardPorts[kindOfType(type) ?? "redis"]).filter((_, index) => kindOfType(types[index] ?? ""));
  return [...new Set([...(ports.length > 0 ? ports : exposed), ...standard])].sort((a, b) => a - b);
}

export function sharedServers(model: ComposeModel, services: readonly string[]): SharedServer[] {
  return services.flatMap((service) => {
    const described = model.services[service];
    const found = described ? serverOf(described) : null;
    return found ? [{ service, ...found }] : [];
  });
}

function serverOf(service: ComposeObject): Omit<SharedServer, "service"> | null {
  const env = environmentOf(service);
  const image = typeof service.image === "string" ? service.image : "";
  if (env.MYSQL_ROOT_PASSWORD !== undefined || env.MARIADB_ROOT_PASSWORD !== undefined || /mysql|mariadb|percona/.test(image)) {
    const password = env.MYSQL_ROOT_PASSWORD ?? env.MARIADB_ROOT_PASSWORD ?? "";
    return { kind: "mysql", user: "root", password, database: env.MYSQL_DATABASE ?? env.MARIADB_DATABASE ?? "" };
  }
  if (env.POSTGRES_PASSWORD !== undefined || env.POSTGRES_HOST_AUTH_METHOD !== undefined || /postg|pgvector|timescale/.test(image)) {
    const user = env.POSTGRES_USER ?? "postgres";
    return { kind: "postgres", user, password: env.POSTGRES_PASSWORD ?? "", database: env.POSTGRES_DB ?? user };
  }
  if (/redis|valkey|keydb|dragonfly/.test(image) || /(redis|valkey)-server/.test(words(service.command).join(" "))) {
    const command = words(service.command);
    const at = command.indexOf("--requirepass");
    return { kind: "redis", user: "", password: env.REDIS_PASSWORD ?? (at === -1 ? "" : (command[at + 1] ?? "")), database: "" };
  }
  return null;
}

/** The administrator's URL for a resource of `type`. Throws `WtError` (`config`) when the service is no such server. */
export function adminUrl(
  wanted: { resource: string; type: string; service: string },
  server: SharedServer | null,
  port: number | null,
): string {
  const kind = kindOfType(wanted.type);
  if (!server || server.kind !== kind || port === null) throw noServer(wanted);
  const { user, password, database } = server;
  const login =
    password === "" && user === "" ? "" : `${encodeURIComponent(user)}${password === "" ? "" : `:${encodeURIComponent(password)}`}@`;
  const path = database === "" ? "" : `/${encodeURIComponent(database)}`;
  return `${kind}://${login}127.0.0.1:${port}${path}`;
}

export function standardPort(type: string): number | null {
  const kind = kindOfType(type);
  return kind ? standardPorts[kind] : null;
}

function noServer({ resource, type, service }: { resource: string; type: string; service: string }): WtError {
  return new WtError({
    kind: "config",
    code: "shared_server_unknown",
    message: `resources.${resource} lives in the shared service ${service}, which does not look like a ${type} server in the compose file.`,
    hints: [
      `It is recognised by its image and by variables such as POSTGRES_PASSWORD or MYSQL_ROOT_PASSWORD.`,
      `Else name the server by its URL: \`server:\` under resources.${resource}.`,
    ],
  });
}

function environmentOf(service: ComposeObject): Record<string, string> {
  const { environment } = service;
  return Object.fromEntries(
    Object.entries(object(environment)).flatMap(([key, value]) => (value === null || value === undefined ? [] : [[key, String(value)]])),
  );
}

function words(command: unknown): string[] {
  if (Array.isArray(command)) return command.map(String).flatMap((word) => word.split(/\s+/));
  return typeof command === "string" ? command.split(/\s+/) : [];
}

function portNumber(value: unknown): number[] {
  const port = Number(String(value ?? "").split("/")[0]);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? [port] : [];
}

function object(value: unknown): ComposeObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as ComposeObject) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
