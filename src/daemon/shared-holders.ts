// Who would lose something if the shared services went with what their volumes hold.
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import type { ResourceSpec } from "../resource/resource-driver.ts";
import { type KeptEnvironment, keptOf, keptSpecs } from "./kept-environment.ts";
import { mainEnvironment } from "./main-environment.ts";
import { leasedResources } from "./resources.ts";
import { doorsOf, sharedDoors } from "./shared-doors.ts";
import { projectLease } from "./stack-leases.ts";
import type { World } from "./world.ts";

/**
 * Throws `WtError` (`refused`) while an environment has containers, which may have their databases in a shared service, or one that was deleted and is
 * kept has a database there; of the main worktree, whose containers never go, while it runs.
 */
export function refuseHolders(world: World, project: ProjectRecord): void {
  const doors = sharedDoors(world, project);
  const isHolder = (specs: readonly ResourceSpec[]) => doorsOf(specs, doors).length > 0;
  const users = world.ledger.environments({ projectId: project.id }).filter((one) => {
    const specs = leasedResources(world, one.id).map(({ spec }) => spec);
    return isHolder(specs) || (!one.main && projectLease(world, one.id, "environment") !== null);
  });
  if (users.length > 0) throw stillUsed(users);
  const main = mainEnvironment(world, { project });
  if (main && isAtWork(world, main)) throw mainRuns(main);
  const kept = world.ledger.deleted({ projectId: project.id }).map(keptOf);
  const holders = kept.filter((one) => isHolder(keptSpecs(one)));
  if (holders.length > 0) throw stillKept(holders);
}

function isAtWork(world: World, { id }: EnvironmentRecord): boolean {
  const live = world.supervisor.runners(id).some(({ status, plan }) => status.live && plan?.spec.container !== undefined);
  return live || (projectLease(world, id, "environment") !== null && world.ledger.operations({ environmentId: id }).length > 0);
}

function mainRuns({ slug }: EnvironmentRecord): WtError {
  return new WtError({
    kind: "refused",
    code: "shared_in_use",
    message: `${slug} runs, and uses the shared services.`,
    hints: [`Stop it first: wt down ${slug}`, "Or only stop the services: wt shared down"],
    details: { environments: [slug] },
  });
}

function stillUsed(users: readonly EnvironmentRecord[]): WtError {
  const names = users.map(({ slug }) => slug).join(", ");
  return new WtError({
    kind: "refused",
    code: "shared_in_use",
    message: `The shared services hold what these environments have made there: ${names}.`,
    hints: ["Delete them first (of the main worktree: wt db remove), or only stop the services: wt shared down"],
    details: { environments: users.map(({ slug }) => slug) },
  });
}

function stillKept(holders: readonly KeptEnvironment[]): WtError {
  const slugs = holders.map(({ environment }) => environment.slug);
  const purges = holders.map(({ environment, state }) => (state === "kept" ? `wt undelete ${environment.id} --purge` : "wt gc"));
  return new WtError({
    kind: "refused",
    code: "shared_kept",
    message: `The shared services hold databases of deleted environments that can be brought back: ${slugs.join(", ")}.`,
    hints: [`Give them up first: ${[...new Set(purges)].join("; ")}`, "Or only stop the services: wt shared down"],
    details: { environments: slugs },
  });
}
