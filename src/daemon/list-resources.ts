// `wt db list` and `wt db usage`.
import type { ListedResource, ResourceList, ResourceListRequest } from "../api/resources.ts";
import { createGit } from "../git/git.ts";
import { listedEnvironments } from "./environment-views.ts";
import { locateTarget } from "./projects.ts";
import { unknownResource } from "./resource-choice.ts";
import { describedView, usageOf } from "./resource-views.ts";
import { leasedResources } from "./resources.ts";
import type { World } from "./world.ts";

export async function listResources(world: World, request: ResourceListRequest): Promise<ResourceList> {
  const git = createGit(world.env);
  const { cwd, all, environment: name } = request;
  const only = name === null ? null : await locateTarget(world, git, { cwd, name });
  const listed = only ? [only] : await listedEnvironments(world, git, { cwd, all, git: "skip" });
  const found = listed.flatMap(({ project, environment }) =>
    leasedResources(world, environment.id).map((leased) => ({ project: project.name, environment: environment.slug, leased })),
  );
  const { resource } = request;
  const wanted = resource === null ? found : found.filter(({ leased }) => leased.spec.name === resource);
  if (resource !== null && wanted.length === 0)
    throw unknownResource({ name: resource, where: only?.environment.slug ?? "this project", known: found.map((one) => one.leased) });
  const resources = await Promise.all(
    wanted.map(async ({ leased, ...place }): Promise<ListedResource> => {
      const [view, usage] = await Promise.all([describedView(world, leased), request.usage ? usageOf(world, leased) : undefined]);
      return { ...place, ...view, ...(usage === undefined ? {} : { usage }) };
    }),
  );
  return { schema: 1, resources };
}
