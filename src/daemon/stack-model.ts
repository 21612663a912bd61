// From what Compose reads in the worktree to what is made of it: the request of the transform, and what its answer means for the operation.
import { homedir } from "node:os";
import { dirname } from "node:path";
import type { Config, ServiceConfig } from "../config/config.ts";
import { containerInput, containerVariables, type Door } from "../environment/container-variables.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { contractVariables } from "../environment/variables.ts";
import { WtError } from "../errors/wt-error.ts";
import type { ComposeSource, StackMark, StackModel } from "../runtime/compose/compose-stack.ts";
import type { ComposeModel } from "../runtime/compose/transform/compose-model.ts";
import { transformModel } from "../runtime/compose/transform/transform-model.ts";
import type { PublishedPort, ServiceVariable, TransformRequest } from "../runtime/compose/transform/transform-request.ts";
import type { BindMount, Refusal, SharedAlias, StackNames, TransformResult } from "../runtime/compose/transform/transform-result.ts";
import { contractInput, type EnvironmentSession, guard } from "./environment-session.ts";
import { furtherPorts } from "./further-ports.ts";
import { leasedPorts } from "./port-leases.ts";
import { subnetsOf } from "./stack-leases.ts";
import type { World } from "./world.ts";

/** What the stack step found out, for the rest of the operation. */
export interface PreparedStack {
  /** Compose projects. */
  project: string;
  sharedProject: string;
  /** Of the first compose file. */
  directory: string;
  /** As Compose reads it. */
  model: ComposeModel;
  /** What its secrets and configs take from the caller's shell and from `.env`. Never kept longer than the operation. */
  env: Readonly<Record<string, string>>;
  names: StackNames;
  aliases: SharedAlias[];
  binds: BindMount[];
  /** Of the shared services. */
  doors: Door[];
  /** By service of the compose file: see `StackInput`. */
  definitions: Record<string, string>;
}

export type StackPlace = Pick<PreparedStack, "project" | "sharedProject" | "model" | "doors">;

export function markOf({ id, nonce }: EnvironmentRecord): StackMark {
  return { environmentId: id, nonce };
}

/** The shared stack stands with the main environment, and is none of its own: what looks for that one's containers must not find it. */
export function sharedMark({ id, nonce }: Pick<EnvironmentRecord, "id" | "nonce">): StackMark {
  return { environmentId: id, nonce: `${nonce}-shared` };
}

export function containerServices(config: Config): (ServiceConfig & { container: NonNullable<ServiceConfig["container"]> })[] {
  return config.services.flatMap((service) => (service.container ? [{ ...service, container: service.container }] : []));
}

/** Names of the caller's Compose would lead to another project. */
const composeOwn = /^COMPOSE_(PROJECT_NAME|FILE|PROFILES|PATH_SEPARATOR|ENV_FILES)$/;

export function composeSource(world: World, session: EnvironmentSession, project: string): ComposeSource {
  const { environment, config, callerEnv } = session;
  const { files, profiles } = config.compose ?? { files: [], profiles: [] };
  const contract = contractVariables(containerInput(contractInput(world, session), []), null);
  const env = { ...callerEnv, ...Object.fromEntries(contract.map(({ key, value }) => [key, value])) };
  return {
    directory: environment.path,
    files: files.map((file) => `${environment.path}/${file}`),
    profiles,
    project,
    env: Object.fromEntries(Object.entries(env).filter(([key]) => !composeOwn.test(key))),
  };
}

/** The stack of the session with a model made of it, as Compose gets it. */
export function stackOf({ environment }: EnvironmentSession, { project, directory, env }: PreparedStack, model: ComposeModel): StackModel {
  return { project, directory, env, model, mark: markOf(environment) };
}

/** Compose sees paths from there, and reads its `.env`. */
export function projectDirectory({ directory, files }: ComposeSource): string {
  return files[0] === undefined ? directory : dirname(files[0]);
}

export interface WantedContainers {
  stack: StackPlace;
  /** Names of services of wt.yaml; containers of others are left out. */
  services: readonly string[];
  /** Those of them that get their variables, which need all resources. */
  variables: readonly string[];
  /** Over all others, for one-off commands. */
  extra?: Readonly<Record<string, string>>;
}

export function transformFor(world: World, session: EnvironmentSession, wanted: WantedContainers): TransformResult {
  return transformModel(wanted.stack.model, requestFor(world, session, wanted));
}

function requestFor(world: World, session: EnvironmentSession, wanted: WantedContainers): TransformRequest {
  const { stack } = wanted;
  const { environment, project, config } = session;
  const compose = config.compose ?? { shared: [], sharedVolumes: [], allow: [], dockerfiles: [] };
  const chosen = containerServices(config).filter(({ name }) => wanted.services.includes(name));
  return {
    role: "environment",
    wtProject: project.name,
    project: stack.project,
    environmentId: environment.id,
    nonce: environment.nonce,
    slug: environment.slug,
    worktree: environment.path,
    repositoryRoot: project.root,
    ...placesOf(world),
    services: chosen.map(({ container }) => container.service),
    shared: compose.shared,
    sharedVolumes: compose.sharedVolumes,
    allow: compose.allow,
    dockerfiles: compose.dockerfiles,
    ports: chosen.flatMap((service) => publishedPorts(world, environment.id, service)),
    variables: Object.fromEntries(
      chosen.flatMap((service) =>
        wanted.variables.includes(service.name)
          ? [[service.container.service, serviceVariables(world, session, { service, wanted })] as const]
          : [],
      ),
    ),
    subnets: subnetsOf(world, environment.id, "environment"),
    sharedProject: stack.sharedProject,
  };
}

interface SharedStack {
  project: ProjectRecord;
  main: EnvironmentRecord;
  config: Config;
  /** Compose project. */
  name: string;
  /** Whose files were read. */
  worktree: string;
}

/** What the services that run once become, all but which and at what ports. */
export function sharedRequest(
  world: World,
  { project, main, config, name, worktree }: SharedStack,
): Omit<TransformRequest, "services" | "ports"> {
  return {
    role: "shared",
    wtProject: project.name,
    project: name,
    environmentId: main.id,
    nonce: sharedMark(main).nonce,
    slug: main.slug,
    worktree,
    repositoryRoot: project.root,
    ...placesOf(world),
    shared: config.compose?.shared ?? [],
    sharedVolumes: config.compose?.sharedVolumes ?? [],
    allow: config.compose?.allow ?? [],
    dockerfiles: config.compose?.dockerfiles ?? [],
    variables: {},
    subnets: {},
    sharedProject: name,
  };
}

/** Of this user and of wt, which no container is to see. */
function placesOf({ paths }: World): Pick<TransformRequest, "home" | "own"> {
  return { home: homedir(), own: [paths.state, paths.runtime, paths.config] };
}

function publishedPorts(
  world: World,
  environmentId: string,
  { name, container: { service, target } }: ReturnType<typeof containerServices>[number],
): PublishedPort[] {
  const own = leasedPorts(world, environmentId)[name];
  const ports = [...(target === null || own === undefined ? [] : [{ target, hostPort: own }]), ...furtherPorts(world, environmentId, name)];
  return ports
    .filter((one, index) => ports.findIndex((other) => other.target === one.target) === index)
    .map((port) => ({ service, ...port }));
}

function serviceVariables(
  world: World,
  session: EnvironmentSession,
  { service, wanted }: { service: ServiceConfig; wanted: WantedContainers },
): ServiceVariable[] {
  const extra = Object.entries(wanted.extra ?? {});
  const input = containerInput(contractInput(world, session), wanted.stack.doors);
  const variables = containerVariables(input, service);
  guard(session, { user: `services.${service.name}`, variables, connections: input.resources });
  const given = variables.filter(({ key }) => !extra.some(([name]) => name === key));
  return [...given, ...extra.map(([key, value]) => ({ key, value, origin: "the command", force: true }))];
}

/** All refusals at once, with what would accept each. Nothing has been made by then. */
export function refuseUnsafe(refusals: readonly Refusal[]): void {
  if (refusals.length === 0) return;
  const allowed = refusals.flatMap(({ allow }) => (allow === null ? [] : [allow]));
  const [first, ...more] = refusals;
  throw new WtError({
    kind: "refused",
    code: "compose_unsafe",
    message:
      more.length === 0
        ? (first?.message ?? "")
        : `The compose file has ${refusals.length} things that environments cannot have: ${refusals.map(({ message }) => message).join(" ")}`,
    hints: [
      ...(allowed.length > 0
        ? [`If it is meant so, accept it in wt.yaml under \`compose:\`: allow: [${allowed.map((one) => JSON.stringify(one)).join(", ")}]`]
        : []),
      "See everything that is rewritten, and why: wt explain",
    ],
    details: { refusals: refusals.map(({ service, key, message, allow }) => ({ service, key, message, allow })) },
  });
}
