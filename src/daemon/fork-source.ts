// Whose content a resource begins with: `from: { environment: … }` in wt.yaml, and the argument of `wt db branch`.
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { requireForkable } from "../resource/fork-source.ts";
import type { ResourceSpec } from "../resource/resource-driver.ts";
import type { EnvironmentSession } from "./environment-session.ts";
import { driverOf, leasedResources } from "./resources.ts";
import type { World } from "./world.ts";

/** What wt.yaml says; null: nothing, or that others begin with this environment's own. Throws `WtError` when it cannot be begun with. */
export async function configuredSource(world: World, session: EnvironmentSession, name: string): Promise<ResourceSpec | null> {
  const resource = session.config.resources[name];
  if (resource?.fork === undefined) return null;
  const place = `resources.${name}.from: `;
  const environment = environmentCalled(world, session, { slug: resource.fork, place });
  if (environment.id === session.environment.id) return null;
  return sourceIn(world, environment, { name, type: resource.type, place });
}

/** The environment of this project with this slug; `main`: the main worktree's. Throws `WtError` that lists what there is. */
export function environmentCalled(
  world: World,
  { project }: Pick<EnvironmentSession, "project">,
  wanted: { slug: string; place: string },
): EnvironmentRecord {
  const all = world.ledger.environments({ projectId: project.id });
  const found = (wanted.slug === "main" ? all.find((one) => one.main) : undefined) ?? all.find((one) => one.slug === wanted.slug);
  if (found) return found;
  throw new WtError({
    kind: "not_found",
    code: "environment_unknown",
    message: `${wanted.place}${wanted.place === "" ? "There" : "there"} is no environment ${wanted.slug} in ${project.name}.`,
    hints: [all.length > 0 ? `There is: ${all.map((one) => one.slug).join(", ")}` : "See what there is: wt list"],
  });
}

/** Its resource of this name, made and working. Throws `WtError` that says why it cannot be begun with. */
export async function sourceIn(
  world: World,
  environment: EnvironmentRecord,
  wanted: { name: string; type: string; place: string },
): Promise<ResourceSpec> {
  const { name, type, place } = wanted;
  const leased = leasedResources(world, environment.id).find((one) => one.spec.name === name);
  if (!leased?.connection) {
    throw new WtError({
      kind: "not_found",
      code: "fork_source",
      message: `${place}${environment.slug} has no ${name} yet to begin with.`,
      hints: [`Make it: wt up ${environment.slug}`],
    });
  }
  if (leased.type !== type) {
    throw new WtError({
      kind: "refused",
      code: "fork_type",
      message: `${place}${name} of ${environment.slug} is of type ${leased.type}, and this one of type ${type}.`,
      hints: ["Only a resource of the same type can be begun with."],
    });
  }
  try {
    requireForkable(leased.spec, await driverOf(world, type).observe(leased.spec));
  } catch (error) {
    const { message, ...rest } = WtError.from(error).toWire();
    throw new WtError({ ...rest, message: `${place}${environment.slug}: ${message}`, cause: error });
  }
  return leased.spec;
}
