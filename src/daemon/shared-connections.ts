// The containers of the shared stack inside the networks of environments, under the names that the compose file gives them.
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import type { StackContainer, StackMark } from "../runtime/compose/compose-stack.ts";
import { mountedVolumes } from "../runtime/compose/mounted-volumes.ts";
import type { ComposeModel } from "../runtime/compose/transform/compose-model.ts";
import { mainEnvironment } from "./main-environment.ts";
import { sharedLock } from "./shared-names.ts";
import { projectLease, stackLeases } from "./stack-leases.ts";
import { markOf, sharedMark } from "./stack-model.ts";
import type { World } from "./world.ts";

/** Names by which an environment knows the shared services, as its lease keeps them. */
interface KnownAlias {
  service: string;
  networkName: string;
  aliases: string[];
}

/** Under the lock of the shared services: every environment of the project that has networks gets the shared containers into them. */
export async function connectAll(world: World, project: ProjectRecord, abort: AbortSignal): Promise<void> {
  const containers = await sharedContainers(world, project, abort);
  for (const environment of world.ledger.environments({ projectId: project.id })) {
    const known = (projectLease(world, environment.id, "environment")?.data.aliases ?? []) as unknown as KnownAlias[];
    if (known.length === 0) continue;
    const { networks } = await world.stack.observe(markOf(environment), abort);
    const there = new Set(networks.map(({ name }) => name));
    const aliases = known.filter(({ networkName }) => there.has(networkName));
    await connect(world, { containers, aliases }, abort).catch(async (error: unknown) => {
      // It may be on its way out: its networks go without this lock.
      const left = (await world.stack.observe(markOf(environment), abort)).networks;
      if (aliases.every(({ networkName }) => left.some(({ name }) => name === networkName))) throw error;
    });
  }
}

/** Before the first container of an environment starts, and after its networks are there. Nobody makes the shared containers anew meanwhile. */
export async function connectShared(
  world: World,
  project: ProjectRecord,
  wanted: { aliases: readonly KnownAlias[]; abort: AbortSignal },
): Promise<void> {
  if (wanted.aliases.length === 0) return;
  const work = async () =>
    connect(world, { containers: await sharedContainers(world, project, wanted.abort), aliases: wanted.aliases }, wanted.abort);
  await world.locks.run(sharedLock(project), work, wanted.abort);
}

/** Before networks of an environment go: a container that is stopped would never start again while it has one that is gone. */
export async function disconnectShared(world: World, environment: EnvironmentRecord, abort: AbortSignal): Promise<void> {
  const project = world.ledger.project(environment.projectId);
  const main = project ? mainEnvironment(world, { project }) : null;
  if (!project || !main || !projectLease(world, main.id, "shared")) return;
  const going = stackLeases(world, environment.id, "environment").flatMap(({ kind, key }) => (kind === "network" ? [key] : []));
  if (going.length === 0) return;
  for (const { id, networks } of await sharedContainers(world, project, abort)) {
    for (const network of networks) if (going.includes(network)) await world.stack.disconnect({ container: id, network }, abort);
  }
}

/**
 * Containers of services that are no more go, unless they have volumes without a name, whose content would go with them. Gives the services whose
 * container has to be made anew though Compose would keep it: it has a network that somebody has removed (`docker network prune`) and cannot start, or
 * lacks a volume of the model, which has another name by now. None that runs.
 */
export async function dropStale(
  world: World,
  stack: { mark: StackMark; services: readonly string[]; model: ComposeModel },
  abort: AbortSignal,
): Promise<string[]> {
  const { mark, services, model } = stack;
  const [{ containers }, taken] = await Promise.all([world.stack.observe(mark, abort), world.stack.takenSubnets(abort)]);
  const names = new Set([...taken.map(({ network }) => network), "host", "none", "bridge"]);
  const ids = new Set(taken.map(({ networkId }) => networkId));
  // One of the same name that was made since then is another.
  const isStranded = ({ networks, networkIds }: StackContainer) =>
    networks.some((name) => !names.has(name)) || networkIds.some((id) => !ids.has(id));
  const lacksVolume = ({ ref, volumes }: StackContainer) => mountedVolumes(model, ref.service).some((name) => !volumes.includes(name));
  const idle = containers.filter(({ state }) => state !== "running" && state !== "paused");
  for (const { ref, unnamedVolumes } of idle) {
    if (services.includes(ref.service) || unnamedVolumes) continue;
    await world.stack.remove(mark, { volumes: false, images: false, service: ref.service }, abort);
  }
  return idle.filter((one) => services.includes(one.ref.service) && (isStranded(one) || lacksVolume(one))).map(({ ref }) => ref.service);
}

async function sharedContainers(world: World, project: ProjectRecord, abort: AbortSignal): Promise<StackContainer[]> {
  const main = mainEnvironment(world, { project });
  if (!main) return [];
  return (await world.stack.observe(sharedMark(main), abort)).containers;
}

async function connect(
  world: World,
  { containers, aliases }: { containers: readonly StackContainer[]; aliases: readonly KnownAlias[] },
  abort: AbortSignal,
): Promise<void> {
  await Promise.all(
    aliases.map(async (alias) => {
      const container = containers.find(({ ref }) => ref.service === alias.service);
      if (container) await world.stack.connect({ container: container.id, network: alias.networkName, aliases: alias.aliases }, abort);
    }),
  );
}
