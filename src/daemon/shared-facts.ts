// What the ledger keeps of a project's shared stack: where the host reaches its services, and how an administrator gets in.
import type { Door } from "../environment/container-variables.ts";
import type { ProjectRecord } from "../environment/ledger.ts";
import { mainEnvironment } from "./main-environment.ts";
import type { SharedServer } from "./shared-servers.ts";
import { projectLease } from "./stack-leases.ts";
import type { World } from "./world.ts";

/** What the lease of the shared stack says of it. */
export interface SharedFacts {
  doors: Door[];
  servers: SharedServer[];
}

export function sharedFacts(world: World, project: ProjectRecord): SharedFacts {
  const main = mainEnvironment(world, { project });
  const data = main ? projectLease(world, main.id, "shared")?.data : undefined;
  // Written by `keepFacts` below.
  return { doors: (data?.doors ?? []) as unknown as Door[], servers: (data?.servers ?? []) as unknown as SharedServer[] };
}
