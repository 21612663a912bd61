// `wt explain` and `wt compose`: the compose file as it is rewritten, looked at without making anything.

import type { ComposeCall, ExplainDocument, StackExplanation, StackRequest } from "../api/stacks.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { worktreeFiles } from "../git/worktree-files.ts";
import { repositoryFiles } from "../os/repository-files.ts";
import { stampModel } from "../runtime/compose/stamp-model.ts";
import { composeModelText } from "../runtime/compose/transform/compose-model.ts";
import { explainRewrites } from "../runtime/compose/transform/explain-rewrites.ts";
import { transformModel } from "../runtime/compose/transform/transform-model.ts";
import type { TransformResult } from "../runtime/compose/transform/transform-result.ts";
import { readConfig, requireTrust } from "./config-reader.ts";
import { callerEnvironment, type EnvironmentSession } from "./environment-session.ts";
import { never } from "./journaled-run.ts";
import { mainEnvironment } from "./main-environment.ts";
import { locateTarget, seenFrom } from "./projects.ts";
import { sharedFacts } from "./shared-facts.ts";
import { projectLease } from "./stack-leases.ts";
import { composeSource, containerServices, refuseUnsafe, type StackPlace, sharedRequest, transformFor } from "./stack-model.ts";
import type { World } from "./world.ts";

export async function explainStack(world: World, request: StackRequest): Promise<ExplainDocument> {
  const session = await stackSession(world, request);
  const { environment, config, project } = session;
  const place = await placeOf(world, session);
  const services = containerServices(config).map(({ name }) => name);
  const own = transformFor(world, session, { stack: place, services, variables: services });
  const shared = (config.compose?.shared ?? []).filter((service) => place.model.services[service] !== undefined);
  const main = mainEnvironment(world, { project }) ?? environment;
  const apart = transformModel(place.model, {
    ...sharedRequest(world, { project, main, config, name: place.sharedProject, worktree: environment.path }),
    services: shared,
    ports: place.doors.map(({ service, target, port }) => ({ service, target, hostPort: port })),
  });
  return {
    schema: 1,
    environment: environment.slug,
    project: place.project,
    own: explanation(own, services),
    shared: explanation(apart, shared),
  };
}

/** The environment's own containers, as they would be made now. */
export async function composeCall(world: World, request: StackRequest): Promise<ComposeCall> {
  const session = await stackSession(world, request);
  const { project, environment, config } = session;
  if (!projectLease(world, environment.id, "environment")) throw nothingMade(environment.slug);
  // Compose may be told to build and start what the files say now.
  const files = worktreeFiles(createGit(world.env), environment.path);
  await requireTrust(world, project, { config, files, environment: seenFrom(world, request.target.cwd, environment) });
  const place = await placeOf(world, session);
  const services = containerServices(config).map(({ name }) => name);
  const { model, refusals } = transformFor(world, session, { stack: place, services, variables: services });
  refuseUnsafe(refusals);
  const { composeCommand, endpoint } = await world.stack.checkEngine(never());
  const env = await world.stack.readVariables(composeSource(world, session, place.project), model, never());
  return {
    command: composeCommand,
    project: place.project,
    directory: environment.path,
    // As it is when wt makes them, so that what Compose makes by hand is found like all else.
    model: composeModelText(stampModel(model, world.paths.state)),
    env: { ...env, DOCKER_HOST: endpoint },
  };
}

export async function stackSession(world: World, request: StackRequest): Promise<EnvironmentSession> {
  const callerEnv = callerEnvironment(request.env);
  const git = createGit(callerEnv);
  const { project, environment } = await locateTarget(world, git, request.target);
  const config = await readConfig(project, repositoryFiles(environment.path));
  if (!config.compose) throw withoutCompose(environment.slug);
  return { project, environment, config, git, callerEnv };
}

async function placeOf(world: World, session: EnvironmentSession): Promise<StackPlace> {
  const { environment, project } = session;
  const main = mainEnvironment(world, { project });
  const name = projectLease(world, environment.id, "environment")?.key ?? `${project.name}-${environment.slug}`;
  const sharedProject = (main && projectLease(world, main.id, "shared")?.key) ?? `${project.name}-shared`;
  const model = await world.stack.readModel(composeSource(world, session, name), never());
  return { project: name, sharedProject, model, doors: sharedFacts(world, project).doors };
}

function explanation(result: TransformResult, services: string[]): StackExplanation {
  const { rewrites, refusals, warnings } = result;
  return {
    services,
    lines: explainRewrites(result),
    rewrites: rewrites.map(({ service, key, from, to, why }) => ({ service, key, from, to, why })),
    refusals: refusals.map(({ service, key, message, allow }) => ({ service, key, message, allow })),
    warnings: warnings.map(({ service, key, message }) => ({ service, key, message })),
  };
}

export function withoutCompose(slug: string): WtError {
  return new WtError({
    kind: "refused",
    code: "compose_unused",
    message: `${slug} has no containers: its wt.yaml does not say \`runtime: compose\`.`,
    hints: ["See what it runs: wt status"],
  });
}

function nothingMade(slug: string): WtError {
  return new WtError({
    kind: "refused",
    code: "compose_not_up",
    message: `Nothing of ${slug} was brought up yet, so Compose has nothing to work on.`,
    hints: [`Bring it up first: wt up ${slug}`],
  });
}
