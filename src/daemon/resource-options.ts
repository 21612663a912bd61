// The options of a resource as its driver gets them: references resolved, and the main worktree's URL where everybody shares that one.
import { isMainShared, ownOptions, resolveOptions, sharedOptions } from "../config/resource-references.ts";
import { referenceLookup } from "../environment/variables.ts";
import { WtError } from "../errors/wt-error.ts";
import type { ResourceOptions } from "../resource/resource-driver.ts";
import { contractInput, type EnvironmentSession } from "./environment-session.ts";
import { mainEnvironment } from "./main-environment.ts";
import { leasedResources } from "./resources.ts";
import { sharedFacts } from "./shared-facts.ts";
import { adminUrl, standardPort } from "./shared-servers.ts";
import type { World } from "./world.ts";

/** Throws `WtError` (`config`) for a reference without a value, (`refused`, `main_resource_absent`) while the main worktree has not what all share. */
export function wantedOptions(world: World, session: EnvironmentSession, name: string): ResourceOptions {
  const resource = session.config.resources[name];
  if (!resource) return {};
  const options = resolveOptions(resource.options, referenceLookup(contractInput(world, session)), `resources.${name}`);
  if (resource.service !== undefined)
    return onService(options, serverUrl(world, session, { name, type: resource.type, service: resource.service }));
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

/** `branch: shared`: the database that the server begins with, for all. Else an own one beside it. */
function onService(options: ResourceOptions, url: string): ResourceOptions {
  return options.branch === "shared" ? sharedOptions(options, url) : { ...ownOptions(options), server: url };
}

/** Of the shared service that the resource lives in, by the port that the host reaches it through. */
function serverUrl(world: World, { project }: EnvironmentSession, wanted: { name: string; type: string; service: string }): string {
  const { doors, servers } = sharedFacts(world, project);
  const { name: resource, type, service } = wanted;
  const target = standardPort(type);
  const door = doors.find((one) => one.service === service && one.target === target) ?? doors.find((one) => one.service === service);
  return adminUrl({ resource, type, service }, servers.find((one) => one.service === service) ?? null, door?.port ?? null);
}
