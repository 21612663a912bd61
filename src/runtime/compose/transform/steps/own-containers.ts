import { objectOf, textOf } from "../compose-model.ts";
import { addAlias, editService, networksOf, type StackEdit, serviceOf, servicesOf, warn } from "../stack-edit.ts";

/** Drivers whose output Docker can hand back and that bound it by themselves. */
const readableLogs = new Set(["local", "journald"]);
const logBounds = { "max-size": "10m", "max-file": "3" };

/** The project's name; and of each container its name, its number, its life and its log. */
export function ownContainers(stack: StackEdit): void {
  stack.editor.edit({ path: ["name"], value: stack.request.project, rule: "project-name" });
  for (const [service] of servicesOf(stack)) {
    dropContainerName(stack, service);
    stopResurrection(stack, service);
    keepOne(stack, service);
    keepLogs(stack, service);
    editService(stack, { service, key: ["develop"], rule: "develop" }, undefined);
  }
}

function dropContainerName(stack: StackEdit, service: string): void {
  const name = textOf(serviceOf(stack, service)?.container_name);
  if (name === null) return;
  editService(stack, { service, key: ["container_name"], rule: "container-name" }, undefined);
  const holder = networkHolder(stack, service);
  for (const network of networksOf(serviceOf(stack, holder) ?? {}))
    addAlias(stack, { service: holder, network, rule: "container-name" }, name);
}

/** Whose network a service is in: its own, or at the end of `network_mode: service:…`. */
export function networkHolder(stack: StackEdit, service: string): string {
  const seen = new Set<string>();
  let holder = service;
  while (!seen.has(holder)) {
    seen.add(holder);
    const next = /^service:(.+)$/.exec(textOf(serviceOf(stack, holder)?.network_mode) ?? "")?.[1];
    if (next === undefined || serviceOf(stack, next) === null) return holder;
    holder = next;
  }
  return service;
}

/** Nothing comes up by itself after a boot. wt alone restarts containers, and tells what happened to them: Docker would be there first, and hold their ports. */
function stopResurrection(stack: StackEdit, service: string): void {
  const { restart, deploy } = serviceOf(stack, service) ?? {};
  const swarm = objectOf(deploy).restart_policy;
  const policy = textOf(restart) ?? (swarm === undefined || objectOf(swarm).condition === "none" ? "no" : "always");
  editService(stack, { service, key: ["deploy", "restart_policy"], rule: "restart" }, undefined);
  if (policy !== "no") editService(stack, { service, key: ["restart"], rule: "restart" }, "no");
}

function keepOne(stack: StackEdit, service: string): void {
  const { scale, deploy } = serviceOf(stack, service) ?? {};
  const counts = { scale: textOf(scale), "deploy.replicas": textOf(objectOf(deploy).replicas) };
  for (const [key, count] of Object.entries(counts)) {
    if (count === null || count === "1") continue;
    const message =
      count === "0"
        ? `${service} is to have no container (${key}: 0); it is built but not started.`
        : `${service} is to run ${count} times (${key}); an environment has one container of each service.`;
    warn(stack, { rule: "replicas", service, key, message });
    if (count !== "0") editService(stack, { service, key: key.split("."), rule: "one-replica" }, 1);
  }
}

/** Whether Compose makes a container of the service at all. */
export function hasContainer(stack: StackEdit, service: string): boolean {
  const { scale, deploy } = serviceOf(stack, service) ?? {};
  return (textOf(scale) ?? textOf(objectOf(deploy).replicas)) !== "0";
}

function keepLogs(stack: StackEdit, service: string): void {
  const logging = objectOf(serviceOf(stack, service)?.logging);
  const driver = textOf(logging.driver) ?? "";
  if (readableLogs.has(driver)) return;
  const options = driver === "json-file" || driver === "" ? objectOf(logging.options) : {};
  const bounded = { ...options, ...(options["max-size"] === undefined ? logBounds : {}) };
  const shown = { from: logging.driver === undefined ? null : driver, to: `json-file, ${String(bounded["max-size"])} a file` };
  editService(stack, { service, key: ["logging"], rule: "logging", shown }, { driver: "json-file", options: bounded });
}
