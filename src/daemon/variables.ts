// What `wt run` and `wt env` get.
import type { VariablesRequest, VariablesResult } from "../api/operations.ts";
import { contractVariables, foreignNames } from "../environment/variables.ts";
import { createGit } from "../git/git.ts";
import { repositoryFiles } from "../os/repository-files.ts";
import { readConfig } from "./config-reader.ts";
import { contractInput, type EnvironmentSession, guard, unmadeVariableNames } from "./environment-session.ts";
import { ensurePort } from "./port-leases.ts";
import { locateTarget } from "./projects.ts";
import { unknownService } from "./up-environment.ts";
import type { World } from "./world.ts";

/** Throws `WtError` (`refused`, `foreign_resource`) for variables that would lead to another environment's resource. */
export async function readVariables(world: World, request: VariablesRequest): Promise<VariablesResult> {
  const git = createGit(world.env);
  const { project, environment } = await locateTarget(world, git, request.target);
  const config = await readConfig(project, repositoryFiles(environment.path));
  const service = request.service === undefined ? null : config.services.find((one) => one.name === request.service);
  if (service === undefined)
    throw unknownService(
      request.service ?? "",
      config.services.map((one) => one.name),
    );
  await world.locks.run(`environment:${environment.id}`, async () => {
    for (const one of config.services) await ensurePort(world, environment, one);
  });
  const session: EnvironmentSession = { project, environment, config, git, callerEnv: {} };
  const variables = contractVariables(contractInput(world, session), service);
  if (!request.explain) guard(world, session, { user: service ? `services.${service.name}` : "wt run", variables });
  const names = request.callerNames ?? [];
  const foreign = foreignNames({ ...Object.fromEntries(names.map((name) => [name, ""])), WT_VARIABLES: request.callerMark ?? "" });
  const unmade = unmadeVariableNames(world, session).filter((name) => names.includes(name));
  return { slug: environment.slug, path: environment.path, variables, unset: [...new Set([...foreign, ...unmade])] };
}
