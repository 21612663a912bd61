// Ports are leased once and kept for the environment's life: chosen here, probed again at every start by the supervisor.
import type { PortPolicy } from "../config/config.ts";
import type { EnvironmentRecord, Lease } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { isPortFree } from "../os/ports.ts";
import { isPortWanted } from "./wanted-ports.ts";
import type { World } from "./world.ts";

/** Outside every system's ephemeral range and the browsers' blocked list. */
const firstPort = 20_000;
const portCount = 10_000;

/** Leased port per service. */
export function leasedPorts(world: World, environmentId: string): Record<string, number> {
  return Object.fromEntries(portLeases(world, environmentId).map((lease) => [String(lease.data.service), Number(lease.key)]));
}

function portLeases(world: World, environmentId: string): Lease[] {
  return world.ledger.leases({ environmentId, kind: "port" });
}

/**
 * Leases a port for the service unless it has one. Throws `WtError` (`machine`) when a predictable port is held by a stranger or no
 * port is free, (`refused`) when another environment owns the predictable one.
 */
export async function ensurePort(
  world: World,
  environment: EnvironmentRecord,
  service: { name: string; port: PortPolicy },
): Promise<number | null> {
  if (service.port.kind === "none") return null;
  const existing = portLeases(world, environment.id).find((lease) => lease.data.service === service.name);
  const wanted = service.port.kind === "slot" ? service.port.base + environment.slot : null;
  if (existing && (wanted === null || wanted === Number(existing.key))) return Number(existing.key);
  const port =
    wanted === null
      ? await claimAnyPort(world, environment, service.name)
      : await claimSlotPort(world, environment, { name: service.name, port: wanted });
  if (existing) world.ledger.release(existing.id);
  return port;
}

/** Gives back the ports of services that are no longer wanted. */
export function releaseUnwantedPorts(
  world: World,
  environmentId: string,
  wanted: { services: ReadonlySet<string>; resources: ReadonlySet<string> },
): void {
  for (const lease of portLeases(world, environmentId)) {
    if (!isPortWanted(String(lease.data.service), wanted)) world.ledger.release(lease.id);
  }
}

async function claimSlotPort(world: World, environment: EnvironmentRecord, service: { name: string; port: number }): Promise<number> {
  const claimed = world.ledger.claim({
    environmentId: environment.id,
    kind: "port",
    key: String(service.port),
    data: { service: service.name },
  });
  if (!claimed || claimed.data.service !== service.name) {
    throw new WtError({
      kind: "refused",
      code: "port_leased",
      message: `Port ${service.port}, which services.${service.name}.port gives to slot ${environment.slot}, belongs to another service or environment.`,
      hints: [`Choose another base for services.${service.name}.port in wt.yaml, or leave it out to get any free port.`],
    });
  }
  return service.port;
}

async function claimAnyPort(world: World, environment: EnvironmentRecord, service: string): Promise<number> {
  const start = hash(`${world.paths.state}/${environment.id}/${service}`) % portCount;
  for (let step = 0; step < portCount; step++) {
    const port = firstPort + ((start + step) % portCount);
    const lease = world.ledger.claim({ environmentId: environment.id, kind: "port", key: String(port), data: { service } });
    if (!lease || lease.data.service !== service) continue;
    if (await isPortFree(port)) return port;
    world.ledger.release(lease.id);
  }
  throw new WtError({
    kind: "machine",
    code: "ports_exhausted",
    message: `No port between ${firstPort} and ${firstPort + portCount - 1} is free.`,
    hints: ["Delete environments you no longer need: `wt list --all`."],
  });
}

/** Spreads worlds and services over the range, so that two worlds that probe at the same moment rarely want the same port. */
function hash(text: string): number {
  return Bun.hash.crc32(text);
}
