// Ports that a container publishes besides the one that requests go to: a debugger's, a console's. Each is leased like that one.
import type { ServiceConfig } from "../config/config.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { type ComposeModel, isObject } from "../runtime/compose/transform/compose-model.ts";
import { ensurePort, leasedPorts } from "./port-leases.ts";
import type { containerServices } from "./stack-model.ts";
import type { World } from "./world.ts";

/** Those that the compose file has no more are given back. A service with `port: none` publishes nothing. */
export async function leaseFurtherPorts(
  world: World,
  environment: EnvironmentRecord,
  { services, model }: { services: ReturnType<typeof containerServices>; model: ComposeModel },
): Promise<void> {
  for (const service of services) {
    const wanted = furtherTargets(service, model);
    for (const target of wanted)
      await ensurePort(world, environment, { name: furtherPortName(service.name, target), port: { kind: "leased" } });
    for (const { id, data } of world.ledger.leases({ environmentId: environment.id, kind: "port" })) {
      const target = furtherTarget(service.name, String(data.service));
      if (target !== null && !wanted.includes(target)) world.ledger.release(id);
    }
  }
}

/** Container port → port of the host. */
export function furtherPorts(world: World, environmentId: string, service: string): { target: number; hostPort: number }[] {
  return Object.entries(leasedPorts(world, environmentId)).flatMap(([name, hostPort]) => {
    const target = furtherTarget(service, name);
    return target === null ? [] : [{ target, hostPort }];
  });
}

function furtherTargets({ container, port }: ReturnType<typeof containerServices>[number], { services }: ComposeModel): number[] {
  const ports = services[container.service]?.ports;
  if (port.kind === "none" || !Array.isArray(ports)) return [];
  const published = ports.flatMap((entry) => (isObject(entry) && (entry.protocol ?? "tcp") === "tcp" ? [Number(entry.target)] : []));
  return [...new Set(published)].filter((target) => Number.isInteger(target) && target !== container.target);
}

/** Name of its lease; no service can be called so. */
function furtherPortName(service: ServiceConfig["name"], target: number): string {
  return `${service}:${target}`;
}

function furtherTarget(service: string, lease: string): number | null {
  return lease.startsWith(`${service}:`) && /^\d+$/.test(lease.slice(service.length + 1)) ? Number(lease.slice(service.length + 1)) : null;
}
