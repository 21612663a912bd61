// What a container sees of the environment: other services and resources by the names they have inside its networks. Pure.
import type { Config, ServiceConfig } from "../config/config.ts";
import type { ResourceConnection } from "../resource/resource-driver.ts";
import { type ContractInput, type ContractVariable, contractVariables, type ServiceAddress } from "./variables.ts";

/** A container's port that the host reaches on loopback. */
export interface Door {
  /** On the host. */
  port: number;
  /** Inside: the service's name in the compose file, and the container's port. */
  service: string;
  target: number;
}

export interface ContainerVariable extends ContractVariable {
  /** It counts more than what the compose file says; the others only fill in what that does not say. */
  force: boolean;
}

/** The contract as a container sees it; `doors`: of shared services. */
export function containerInput(input: ContractInput, doors: readonly Door[]): ContractInput {
  const resources = Object.entries(input.resources).map(([name, connection]) => [name, connectionInside(connection, doors)] as const);
  return { ...input, inside: addressesInside(input.config), resources: Object.fromEntries(resources) };
}

/** `input` as `containerInput` gave it. `service` null: what a command in any container gets. */
export function containerVariables(input: ContractInput, service: ServiceConfig | null): ContainerVariable[] {
  const forced = new Set([
    ...Object.values(input.resources).flatMap(({ variables }) => Object.keys(variables)),
    ...Object.keys(input.config.env),
    ...Object.keys(service?.env ?? {}),
  ]);
  return contractVariables(input, service)
    .filter(({ key }) => key !== "WT_VARIABLES")
    .map((variable) => ({ ...variable, force: forced.has(variable.key) }));
}

/** A process on the host listens on the host's loopback, which no container reaches. */
function addressesInside({ services }: Config): Record<string, ServiceAddress> {
  return Object.fromEntries(
    services.flatMap(({ name, container }) =>
      container && container.target !== null ? [[name, { host: container.service, port: container.target }]] : [],
    ),
  );
}

/** `postgres://me@127.0.0.1:20017/mine` → `postgres://me@db:5432/mine`; variables that hold host or port alone follow. */
export function connectionInside(connection: ResourceConnection, doors: readonly Door[]): ResourceConnection {
  const texts = [...Object.values(connection.variables), ...Object.values(connection.values)];
  const door = doors.find((one) => texts.some((text) => outside(one.port).test(text)));
  if (!door) return connection;
  const inside = (text: string) => {
    if (text === String(door.port)) return String(door.target);
    if (text === "127.0.0.1" || text === "localhost") return door.service;
    return text.replaceAll(outside(door.port), `${door.service}:${door.target}`);
  };
  const all = (values: Record<string, string>) => Object.fromEntries(Object.entries(values).map(([key, text]) => [key, inside(text)]));
  return { variables: all(connection.variables), values: all(connection.values) };
}

/** It names the address at which the host finds the door. */
export function passesDoor(text: string, { port }: Pick<Door, "port">): boolean {
  return outside(port).test(text);
}

function outside(port: number): RegExp {
  return new RegExp(`\\b(?:127\\.0\\.0\\.1|localhost):${port}(?!\\d)`, "g");
}
