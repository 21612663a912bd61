import { listOf, objectOf, textOf } from "../compose-model.ts";
import { editService, isKept, refuse, type StackEdit, serviceByContainerName, serviceOf, servicesOf } from "../stack-edit.ts";

const namespaces = ["network_mode", "pid", "ipc", "uts"] as const;
/** Values that concern this container only. */
const own = new Set(["", "none", "private", "shareable", "default"]);
const risks = {
  network_mode: "it shares the host's ports and reaches every environment",
  pid: "it sees and can end the host's processes",
  ipc: "it shares memory with the host's processes",
  uts: "it shares the host's name",
} as const;

/** Namespaces of the host, of other containers and of other services; `volumes_from`, which is of the same kind. */
export function joinNamespaces(stack: StackEdit): void {
  for (const [service, definition] of servicesOf(stack)) {
    for (const key of namespaces) {
      const value = textOf(definition[key]);
      if (value !== null && !(key === "network_mode" && leavesBridge(stack, service, value))) joinNamespace(stack, { service, key, value });
    }
    const entries = listOf(definition.volumes_from).map(String);
    const joined = entries.map((entry) => joinVolumes(stack, service, entry));
    if (entries.length > 0) editService(stack, { service, key: ["volumes_from"], rule: "container-name" }, joined);
  }
}

function leavesBridge(stack: StackEdit, service: string, value: string): boolean {
  if (value !== "bridge" && value !== "default") return false;
  editService(stack, { service, key: ["network_mode"], rule: "own-network" }, undefined);
  editService(stack, { service, key: ["networks"], rule: "own-network" }, { default: null });
  if (stack.editor.model.networks?.default === undefined) {
    stack.editor.edit({ path: ["networks", "default"], value: stack.original.networks?.default ?? {}, rule: "own-network" });
  }
  return true;
}

function joinNamespace(stack: StackEdit, place: { service: string; key: keyof typeof risks; value: string }): void {
  const { service, key, value } = place;
  if (own.has(value)) return;
  const of = /^(service|container):(.+)$/.exec(value);
  const name = of?.[2] ?? "";
  const other = of?.[1] === "container" ? serviceByContainerName(stack, name) : of?.[1] === "service" ? name : null;
  if (other !== null) {
    if (!isKept(stack, other)) {
      refuseMissing(stack, { service, key }, other);
      return;
    }
    editService(stack, { service, key: [key], rule: "container-name" }, `service:${other}`);
    if (of?.[1] === "container") startAfter(stack, service, other);
    return;
  }
  const joined = name === "" ? (key === "network_mode" ? `the network ${value}` : value) : `the container ${name}`;
  const whose = value === "host" ? risks[key] : `it joins ${joined}, which is not of this project`;
  refuse(stack, { rule: "host-namespace", service, key, details: [value], message: `${service} has ${key}: ${value}; ${whose}.` });
}

function joinVolumes(stack: StackEdit, service: string, entry: string): string {
  const [, kind, name = "", mode = ""] = /^(container:)?([^:]+)(:.*)?$/.exec(entry) ?? [];
  const other = kind === undefined ? name : serviceByContainerName(stack, name);
  if (other === null) {
    const message = `${service} takes volumes from the container ${name}, which is not of this project; every environment would write to them.`;
    refuse(stack, { rule: "outside-mount", service, key: "volumes_from", details: [name], message });
    return entry;
  }
  if (!isKept(stack, other)) {
    refuseMissing(stack, { service, key: "volumes_from" }, other);
    return entry;
  }
  if (kind !== undefined) startAfter(stack, service, other);
  return `${other}${mode}`;
}

/** As Compose has it for `service:…`, and had no need to see for `container:…`. */
function startAfter(stack: StackEdit, service: string, other: string): void {
  const waits = objectOf(serviceOf(stack, service)?.depends_on);
  if (service === other || Object.hasOwn(waits, other)) return;
  editService(stack, { service, key: ["depends_on", other], rule: "container-name" }, { condition: "service_started", required: true });
}

/** Containers of two stacks come and go apart, so one cannot live inside another. */
export function refuseMissing(stack: StackEdit, place: { service: string; key: string }, other: string): void {
  const message = `${place.service} has ${place.key} of ${other}, which is not in the same stack; share both services, or none of them.`;
  refuse(stack, { rule: "missing-part", ...place, message, final: true });
}
