import { listOf, objectOf, textOf } from "./compose-model.ts";
import { isShared, networksOf, type StackEdit, sectionOf, serviceOf, servicesOf, warn } from "./stack-edit.ts";
import type { SharedAlias } from "./transform-result.ts";

/** Which shared service has to be connected where, so that the services of this stack find it under all the names they know. */
export function sharedAliases(stack: StackEdit): SharedAlias[] {
  const { request, original } = stack;
  if (request.role === "shared") return [];
  const made = new Map(
    sectionOf(stack, "networks").flatMap(([key, { name, external }]) => (external === true ? [] : [[key, String(name)] as const])),
  );
  return Object.keys(original.services)
    .filter((service) => isShared(stack, service))
    .flatMap((service) => {
      const found = networksOf(original.services[service] ?? {}).flatMap((network) => {
        const networkName = made.get(network);
        return networkName === undefined ? [] : [{ service, network, networkName, aliases: namesOn(stack, service, network) }];
      });
      if (found.length === 0) tellUnreachable(stack, service);
      return found;
    });
}

function namesOn(stack: StackEdit, service: string, network: string): string[] {
  const { container_name, hostname, domainname, networks } = objectOf(stack.original.services[service]);
  const host = textOf(hostname);
  const names = [
    service,
    textOf(container_name),
    host,
    host !== null && textOf(domainname) !== null ? `${host}.${textOf(domainname)}` : null,
    ...listOf(objectOf(objectOf(networks)[network]).aliases).map(textOf),
    ...stack.sharedNames.filter((name) => name.service === service).map(({ alias }) => alias),
  ];
  return [...new Set(names.filter((name) => name !== null && (name === service || serviceOf(stack, name) === null)))] as string[];
}

function tellUnreachable(stack: StackEdit, service: string): void {
  const needed = servicesOf(stack).filter(([name]) => Object.hasOwn(objectOf(stack.original.services[name]?.depends_on), service));
  if (needed.length === 0) return;
  const who = needed.map(([name]) => name).join(", ");
  const message = `${who} needs ${service} (shared), but the compose file has no network that both are in; ${who} cannot reach it by name.`;
  warn(stack, { rule: "shared-unreachable", service, key: "networks", message });
}
