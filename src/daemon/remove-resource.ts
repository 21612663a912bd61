// `wt db remove`: a resource goes with its content and its checkpoints, by the driver that made it, whatever wt.yaml says by now.
import type { ResourceDocument, ResourceTarget } from "../api/resources.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { environmentDocument } from "./environment-views.ts";
import { type Call, runStep } from "./journaled-run.ts";
import { locateTarget } from "./projects.ts";
import { noResources, unknownResource } from "./resource-choice.ts";
import { running, underLock } from "./resource-operations.ts";
import { leasedResources, removeResource } from "./resources.ts";
import type { World } from "./world.ts";

export async function removeOperation(world: World, request: ResourceTarget & { resource: string }, call: Call): Promise<ResourceDocument> {
  const git = createGit(world.env);
  const { environment } = await locateTarget(world, git, request.target);
  const { resource: name } = request;
  await underLock(world, { environment, kind: "remove", call }, async (operation) => {
    const leased = leasedResources(world, environment.id);
    if (leased.length === 0) throw noResources(environment);
    if (!leased.some(({ spec }) => spec.name === name)) throw unknownResource({ name, where: environment.slug, known: leased });
    refuseWhileShared(world, environment, name);
    const work = () => removeResource(world, environment, name);
    await runStep(world, call, { operation, step: `remove_resource:${name}`, label: `Remove ${name}`, work });
  });
  return { ...(await environmentDocument(world, git, environment.id)), resources: [name], runningServices: running(world, environment) };
}

/** What the main worktree has may be everybody's. */
function refuseWhileShared(world: World, environment: EnvironmentRecord, name: string): void {
  const users = sharers(world, environment, name);
  if (users.length === 0) return;
  throw new WtError({
    kind: "refused",
    code: "resource_shared",
    message: `${name} of ${environment.slug} is shared with ${users.join(", ")}.`,
    hints: [`Remove it there first: ${users.map((slug) => `wt db remove ${name} -e ${slug}`).join("; ")}`],
    details: { environments: users },
  });
}

function sharers(world: World, environment: EnvironmentRecord, name: string): string[] {
  const leased = leasedResources(world, environment.id).find(({ spec }) => spec.name === name);
  const url = leased?.connection?.values.url;
  if (!environment.main || url === undefined) return [];
  const others = world.ledger.environments({ projectId: environment.projectId }).filter((one) => !one.main);
  return others
    .filter((one) => leasedResources(world, one.id).some(({ spec }) => spec.options.url === url))
    .map(({ slug }) => slug)
    .toSorted();
}
