import type { CallEndpoints } from "../api/endpoints.ts";
import { checkpointIds } from "./checkpoint-operations.ts";
import { knownLocation } from "./projects.ts";
import { leasedResources } from "./resources.ts";
import { templateKeys } from "./template-operations.ts";
import type { World } from "./world.ts";

/** For completion: from the ledger and the names of templates alone, empty in a place the daemon does not know. */
export async function knownNames(world: World, cwd: string): Promise<CallEndpoints["/v1/names"]["response"]> {
  const location = knownLocation(world, cwd);
  const templates = await templateKeys(world);
  if (!location) return { environments: [], branches: [], services: [], resources: [], checkpoints: [], templates };
  const environments = world.ledger.environments({ projectId: location.project.id });
  const services = new Set(environments.flatMap((one) => world.supervisor.runners(one.id).map((runner) => runner.name)));
  return {
    environments: environments.map((one) => one.slug),
    branches: environments.flatMap((one) => one.branch ?? []),
    services: [...services],
    resources: [...new Set(environments.flatMap((one) => leasedResources(world, one.id).map(({ spec }) => spec.name)))],
    checkpoints: [...new Set(environments.flatMap((one) => checkpointIds(world, one.id)))],
    templates,
  };
}
