// What the ledger says about containers: the compose project of an environment and of the shared stack, and what stands beside the containers.
import type { EnvironmentRecord, Lease, LeaseKind, Ledger, ProjectRecord } from "../environment/ledger.ts";
import { freeSubnet, isTaken } from "../environment/subnet-pool.ts";
import { type JsonValue, WtError } from "../errors/wt-error.ts";
import type { StackNames } from "../runtime/compose/transform/transform-result.ts";
import { type KeptEnvironment, keptOf } from "./kept-environment.ts";
import { isSharedName } from "./shared-names.ts";
import type { World } from "./world.ts";

export type StackRole = "environment" | "shared";

const usedSetting = "compose.used";
const stackKinds: readonly LeaseKind[] = ["compose_project", "network", "volume", "image", "subnet"];

/** Of one role; both, with null. Those of the shared stack stand with the main environment. */
export function stackLeases(world: World, environmentId: string, role: StackRole | null): Lease[] {
  return world.ledger
    .leases({ environmentId })
    .filter(({ kind, data }) => stackKinds.includes(kind) && (role === null || (data.role ?? "environment") === role));
}

/** A world that never made a container asks Docker nothing. */
export function usesContainers(ledger: Ledger): boolean {
  return ledger.setting(usedSetting) !== null;
}

export function hasStack(ledger: Ledger, environmentId: string): boolean {
  return ledger.leases({ environmentId, kind: "compose_project" }).length > 0;
}

export function projectLease(world: World, environmentId: string, role: StackRole): Lease | null {
  return stackLeases(world, environmentId, role).find(({ kind }) => kind === "compose_project") ?? null;
}

export interface StackOwner {
  project: ProjectRecord;
  /** Of a shared stack: the main one. */
  environment: EnvironmentRecord;
  role: StackRole;
}

/** The name of the compose project, chosen once: one that nobody on this machine uses. `taken`: those of others. */
export function claimComposeProject(world: World, { project, environment, role }: StackOwner, taken: ReadonlySet<string>): string {
  const known = projectLease(world, environment.id, role);
  if (known) return known.key;
  const plain = composeProjectName(project.name, role === "shared" ? "shared" : environment.slug);
  const kept = new Set(world.ledger.deleted().flatMap((record) => keptOf(record).stack?.project ?? []));
  for (const name of [plain, `${plain}-${environment.id.slice(0, 6)}`, `${plain}-${environment.id}`]) {
    if (taken.has(name) || kept.has(name)) continue;
    const lease = world.ledger.transaction(() => {
      world.ledger.putSetting(usedSetting, "yes");
      return world.ledger.claim({ environmentId: environment.id, kind: "compose_project", key: name, data: { role } });
    });
    if (lease) return lease.key;
  }
  throw new WtError({
    kind: "machine",
    code: "compose_project_taken",
    message: `Something else uses the compose project ${plain} on this machine, and every other name for ${environment.slug} too.`,
    hints: ["See what it is: docker compose ls --all"],
  });
}

/** Compose wants lower-case letters, digits, `-` and `_`, beginning with a letter or digit. */
function composeProjectName(project: string, part: string): string {
  return `${project}-${part}`
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "");
}

/** Writes a row for all that is about to be made. Throws `WtError` (`refused`) for what another environment has. */
export function claimParts(world: World, owner: StackOwner, names: StackNames): void {
  const { environment, role } = owner;
  const parts = [
    ...names.networks.flatMap(({ key, name, made }) => (made ? [{ kind: "network" as const, key: name, data: { role, key } }] : [])),
    ...names.volumes.flatMap(({ key, name, scope }) =>
      scope === "environment" || (scope === "shared" && role === "shared")
        ? [{ kind: "volume" as const, key: name, data: { role, key } }]
        : [],
    ),
    ...names.images.map(({ service, name }) => ({ kind: "image" as const, key: name, data: { role, service } })),
  ];
  const known = new Set(stackLeases(world, environment.id, role).map(({ kind, key }) => `${kind} ${key}`));
  if (parts.every(({ kind, key }) => known.has(`${kind} ${key}`))) return;
  world.ledger.transaction(() => {
    for (const part of parts) {
      if (world.ledger.claim({ environmentId: environment.id, ...part })) continue;
      throw new WtError({
        kind: "refused",
        code: "stack_part_taken",
        message: `The ${part.kind} ${part.key} belongs to another environment.`,
        hints: ["See which: wt list --all"],
      });
    }
  });
}

/** A subnet for every network that is made, chosen once. `taken`: what networks and routes of the machine have. */
export function claimSubnets(
  world: World,
  { environment, role }: StackOwner,
  { names, taken }: { names: StackNames; taken: readonly string[] },
): Record<string, string> {
  const known = subnetsOf(world, environment.id, role);
  const seed = Bun.hash.crc32(`${world.paths.state}/${environment.id}`);
  const missing = names.networks.filter(({ key, made }) => made && known[key] === undefined);
  for (const { key } of missing) {
    const leased = world.ledger.leases({ kind: "subnet" }).map((lease) => lease.key);
    const subnet = freeSubnet([...taken, ...leased], seed);
    if (subnet === null) throw noSubnet();
    world.ledger.claim({ environmentId: environment.id, kind: "subnet", key: subnet, data: { role, network: key } });
    known[key] = subnet;
  }
  return known;
}

/** Those of networks that are not there and that others have by now: a network that was removed gets another when it is made again. */
export function releaseLostSubnets(
  world: World,
  { environment, role }: StackOwner,
  { names, there, taken }: { names: StackNames; there: ReadonlySet<string>; taken: readonly string[] },
): void {
  const absent = new Set(names.networks.flatMap(({ key, name }) => (there.has(name) ? [] : [key])));
  for (const { id, key, data } of stackLeases(world, environment.id, role).filter(({ kind }) => kind === "subnet"))
    if (absent.has(String(data.network)) && isTaken(key, taken)) world.ledger.release(id);
}

export function subnetsOf(world: World, environmentId: string, role: StackRole): Record<string, string> {
  const leases = stackLeases(world, environmentId, role).filter(({ kind }) => kind === "subnet");
  return Object.fromEntries(leases.map(({ key, data }) => [String(data.network), key]));
}

function noSubnet(): WtError {
  return new WtError({
    kind: "machine",
    code: "subnets_exhausted",
    message: "No private subnet is left for the networks of this environment.",
    hints: ["Delete environments you no longer need: wt list --all", "See what takes them: docker network ls; ip route"],
  });
}

/** With the ports of its services, after all of it was verified gone. */
export function releaseShared(world: World, mainId: string): void {
  world.ledger.transaction(() => {
    for (const { id } of stackLeases(world, mainId, "shared")) world.ledger.release(id);
    for (const { id, data } of world.ledger.leases({ environmentId: mainId, kind: "port" })) {
      if (isSharedName(String(data.service))) world.ledger.release(id);
    }
  });
}

/** What was kept comes back under its own names. */
export function claimKeptStack(world: World, environmentId: string, { stack }: KeptEnvironment): void {
  if (!stack) return;
  const data = { role: "environment" };
  world.ledger.claim({ environmentId, kind: "compose_project", key: stack.project, data });
  for (const { name, key } of stack.volumes) world.ledger.claim({ environmentId, kind: "volume", key: name, data: { ...data, key } });
}

export function updateProjectLease(world: World, lease: Lease, data: { [key: string]: JsonValue }): void {
  const next = { ...lease.data, ...data };
  if (lease.state === "present" && JSON.stringify(next) === JSON.stringify(lease.data)) return;
  world.ledger.updateLease(lease.id, { state: "present", data: next });
}

/** After they were verified gone. */
export function releaseStack(world: World, environmentId: string, { volumes }: { volumes: boolean }): void {
  world.ledger.transaction(() => {
    for (const { id, kind } of stackLeases(world, environmentId, null)) {
      // The name of the project stays with what volumes hold.
      if (volumes || (kind !== "volume" && kind !== "compose_project")) world.ledger.release(id);
    }
  });
}
