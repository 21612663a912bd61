import { listOf, objectOf, textOf } from "../compose-model.ts";
import { type StackEdit, servicesOf, warn } from "../stack-edit.ts";

/** Variables as the compose file has them whose address is a port of this machine that it publishes: here nobody is there, or another project. */
export function checkPortsInVariables(stack: StackEdit): void {
  const holders = publishedPorts(stack);
  if (holders.size === 0) return;
  for (const [service, { environment }] of servicesOf(stack)) {
    const written = objectOf(stack.original.services[service]?.environment);
    for (const [key, value] of Object.entries(objectOf(environment))) {
      // What wt.yaml says was said with environments in mind.
      if (value !== written[key]) continue;
      const [address, holder] = goneAddress(textOf(value) ?? "", holders) ?? [];
      if (address === undefined || holder === undefined) continue;
      const message = `The variable ${key} of ${service} holds ${address}, where ${holder} is with plain Compose only. Say under services.${service}.env of wt.yaml what it is here, such as \${{ services.${holder}.public_url }}.`;
      warn(stack, { rule: "address-in-variable", service, key: `environment.${key}`, message });
    }
  }
}

/** Whose port it was, by the number on this machine; without those that are the same here. */
function publishedPorts({ original, request }: StackEdit): Map<string, string> {
  const kept = new Set(request.ports.map(({ service, hostPort }) => `${service}:${hostPort}`));
  return new Map(
    Object.entries(original.services).flatMap(([service, { ports }]) =>
      listOf(ports).flatMap((entry): [string, string][] => {
        const published = textOf(objectOf(entry).published) ?? "";
        return published === "" || kept.has(`${service}:${published}`) ? [] : [[published, service]];
      }),
    ),
  );
}

function goneAddress(text: string, holders: ReadonlyMap<string, string>): [address: string, holder: string] | null {
  for (const [, address = "", port = ""] of text.matchAll(/:\/\/(?:[^/@\s,]*@)?((?:localhost|127\.0\.0\.1|\[::1\]):(\d+))/g)) {
    const holder = holders.get(port);
    if (holder !== undefined) return [address, holder];
  }
  return null;
}
