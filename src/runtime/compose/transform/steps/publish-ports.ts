import type { JsonValue } from "../../../../errors/wt-error.ts";
import { objectOf } from "../compose-model.ts";
import { editService, networksOf, type StackEdit, serviceOf, servicesOf, warn } from "../stack-edit.ts";
import type { PublishedPort } from "../transform-request.ts";
import { networkHolder } from "./own-containers.ts";

const extraNetwork = "wt-ports";

/** The ports of the request and no others, on 127.0.0.1. */
export function publishPorts(stack: StackEdit): void {
  const published = new Map<string, PublishedPort[]>();
  for (const port of stack.request.ports) {
    const holder = networkHolder(stack, port.service);
    if (serviceOf(stack, port.service) !== null && canPublish(stack, port, holder))
      published.set(holder, [...(published.get(holder) ?? []), port]);
  }
  for (const [service] of servicesOf(stack)) {
    const ports = published.get(service) ?? [];
    editService(stack, { service, key: ["ports"], rule: "ports" }, ports.length === 0 ? undefined : ports.map(portEntry));
    if (ports.length > 0) leaveInternal(stack, service);
  }
}

/** Who shares another service's network publishes through it; who has the host's, or none, cannot. */
function canPublish(stack: StackEdit, port: PublishedPort, holder: string): boolean {
  const mode = serviceOf(stack, holder)?.network_mode;
  if (mode === undefined || mode === null) return true;
  const message = `Port ${port.target} of ${port.service} is not published, because it has network_mode: ${String(mode)}.`;
  warn(stack, { rule: "port-not-published", service: port.service, key: "network_mode", message });
  return false;
}

function portEntry({ target, hostPort, protocol }: PublishedPort): JsonValue {
  return { mode: "ingress", host_ip: "127.0.0.1", target, published: String(hostPort), protocol: protocol ?? "tcp" };
}

function leaveInternal(stack: StackEdit, service: string): void {
  const networks = objectOf(stack.editor.model.networks);
  const keys = networksOf(serviceOf(stack, service) ?? {});
  if (keys.length === 0 || keys.some((key) => objectOf(networks[key]).internal !== true)) return;
  editService(stack, { service, key: ["networks", extraNetwork], rule: "internal-port" }, null);
  if (networks[extraNetwork] === undefined) stack.editor.edit({ path: ["networks", extraNetwork], value: {}, rule: "internal-port" });
}
