// The options of a resource as its driver gets them: references resolved, and the main worktree's URL where everybody shares that one.
import { isMainShared, ownOptions, resolveOptions, sharedOptions } from "../config/resource-references.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { referenceLookup } from "../environment/variables.ts";
import { WtError } from "../errors/wt-error.ts";
import type { ResourceOptions } from "../resource/resource-driver.ts";
import { contractInput, type EnvironmentSession } from "./environment-session.ts";
import { leasedResources } from "./resources.ts";
import type { World } from "./world.ts";

/** Throws `WtError` (`config`) for a reference without a value, (`refused`, `main_resource_absent`) while the main worktree has not what all share. */
export function wantedOptions(world: World, session: EnvironmentSession, name: string): ResourceOptions {
  const resource = session.config.resources[name];
  if (!resource) return {};
  const options = resolveOptions(resource.options, referenceLookup(contractInput(world, session)), `resources.${name}`);
  if (!isMainShared(resource)) return options;
  if (session.environment.main) return ownOptions(options);
  const url = mainUrl(world, session, name);
  if (url !== null) return sharedOptions(options, url);
  throw new WtError({
    kind: "refused",
    code: "main_resource_absent",
    message: `resources.${name} is shared, and the main worktree has no ${name} yet.`,
    hints: ["Make it there: wt up -e main"],
  });
}

function mainUrl(world: World, session: EnvironmentSession, name: string): string | null {
  const main = mainEnvironment(world, session);
  const leased = main ? leasedResources(world, main.id).find((one) => one.spec.name === name) : undefined;
  return leased?.connection?.values.url ?? null;
}

/** null in a bare repository. */
export function mainEnvironment(world: World, { project }: Pick<EnvironmentSession, "project">): EnvironmentRecord | null {
  return world.ledger.environments({ projectId: project.id }).find((one) => one.main) ?? null;
}
