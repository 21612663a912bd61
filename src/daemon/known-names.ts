import type { CallEndpoints } from "../api/endpoints.ts";
import { knownLocation } from "./projects.ts";
import type { World } from "./world.ts";

/** For completion: from the ledger alone, empty in a place the daemon does not know. */
export function knownNames(world: World, cwd: string): CallEndpoints["/v1/names"]["response"] {
  const location = knownLocation(world, cwd);
  if (!location) return { environments: [], branches: [], services: [] };
  const environments = world.ledger.environments({ projectId: location.project.id });
  const services = new Set(environments.flatMap((one) => world.supervisor.runners(one.id).map((runner) => runner.name)));
  return {
    environments: environments.map((one) => one.slug),
    branches: environments.flatMap((one) => one.branch ?? []),
    services: [...services],
  };
}
