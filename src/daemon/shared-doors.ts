// Ports by which the host reaches shared services, as they are leased: also of one that the compose file has no more, whose data is there all the same.
import { type Door, passesDoor } from "../environment/container-variables.ts";
import type { ProjectRecord } from "../environment/ledger.ts";
import type { ResourceSpec } from "../resource/resource-driver.ts";
import { keptOf, keptSpecs } from "./kept-environment.ts";
import { mainEnvironment } from "./main-environment.ts";
import { leasedPorts } from "./port-leases.ts";
import { leasedResources } from "./resources.ts";
import { serviceOfDoor } from "./shared-names.ts";
import type { World } from "./world.ts";

export function sharedDoors(world: World, project: ProjectRecord): Door[] {
  const main = mainEnvironment(world, { project });
  const leased = main ? Object.entries(leasedPorts(world, main.id)) : [];
  return leased.flatMap(([name, port]) => {
    const door = serviceOfDoor(name);
    return door ? [{ ...door, port }] : [];
  });
}

/** Those through which what these specs stand for is reached. */
export function doorsOf(specs: readonly Pick<ResourceSpec, "options">[], doors: readonly Door[]): Door[] {
  const text = JSON.stringify(specs.map(({ options }) => options));
  return doors.filter((door) => passesDoor(text, door));
}

/** Shared services in which an environment, or one that was deleted and is kept, has something of its own. */
export function heldServices(world: World, project: ProjectRecord): string[] {
  const living = world.ledger.environments({ projectId: project.id }).flatMap(({ id }) => leasedResources(world, id));
  const kept = world.ledger.deleted({ projectId: project.id }).flatMap((record) => keptSpecs(keptOf(record)));
  const held = doorsOf([...living.map(({ spec }) => spec), ...kept], sharedDoors(world, project));
  return [...new Set(held.map(({ service }) => service))];
}
