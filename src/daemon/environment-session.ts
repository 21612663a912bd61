// One operation's view of one environment: its config, variables and service plans, computed once the ports are leased.
import { join } from "node:path";
import type { Config, ServiceConfig } from "../config/config.ts";
import { exampleOptions, isMainShared, ownOptions } from "../config/resource-references.ts";
import { guardResources } from "../environment/guard.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { hostSuffix } from "../environment/routes.ts";
import { planService, type ServicePlan } from "../environment/service-plan.ts";
import { type ContractInput, type ContractVariable, contractVariables, scrubCallerEnvironment } from "../environment/variables.ts";
import type { Git } from "../git/git.ts";
import type { ResourceConnection } from "../resource/resource-driver.ts";
import { leasedPorts } from "./port-leases.ts";
import { driverOf, resourceConnections } from "./resources.ts";
import { projectLease } from "./stack-leases.ts";
import type { PreparedStack } from "./stack-model.ts";
import type { World } from "./world.ts";

export interface EnvironmentSession {
  project: ProjectRecord;
  environment: EnvironmentRecord;
  config: Config;
  git: Git;
  /** The caller's environment, scrubbed of what belongs to other environments. */
  callerEnv: Record<string, string>;
  /** Put there by the plan's step `stack`; absent where nothing is a container. */
  stack?: PreparedStack;
}

export function contractInput(world: World, session: EnvironmentSession): ContractInput {
  const composeProject = projectLease(world, session.environment.id, "environment")?.key;
  return {
    project: session.project,
    environment: session.environment,
    config: session.config,
    ports: leasedPorts(world, session.environment.id),
    hostSuffix: hostSuffix(world.gateway.port),
    resources: wantedConnections(world, session),
    ...(composeProject === undefined ? {} : { composeProject }),
  };
}

/** What wt.yaml does not name any more is there until somebody removes it, but nobody gets it. */
function wantedConnections(world: World, session: EnvironmentSession): Record<string, ResourceConnection> {
  const made = Object.entries(resourceConnections(world, session.environment.id));
  return Object.fromEntries(made.filter(([name]) => name in session.config.resources));
}

export function servicePlan(world: World, session: EnvironmentSession, service: ServiceConfig): ServicePlan {
  const input = contractInput(world, session);
  const onHost = contractVariables(input, service);
  guard(session, { user: `services.${service.name}`, variables: onHost, connections: input.resources });
  return planService(
    {
      ...input,
      callerEnv: withoutKeys(world, session),
      logDirectory: join(world.paths.environments, session.environment.id),
      ...(session.stack ? { stack: session.stack } : {}),
    },
    service,
  );
}

/** What each service would run now; services whose port is not leased yet are left out. */
export function definitions(world: World, session: EnvironmentSession): Record<string, string> {
  const ports = leasedPorts(world, session.environment.id);
  const ready = session.config.services.filter((service) => service.port.kind === "none" || ports[service.name] !== undefined);
  const made = session.stack !== undefined || !session.config.services.some(({ container }) => container);
  return ready.length < session.config.services.length || !made
    ? {}
    : Object.fromEntries(ready.map((service) => [service.name, servicePlan(world, session, service).definition]));
}

/** The complete environment of a setup command. */
export function commandEnvironment(world: World, session: EnvironmentSession): Record<string, string> {
  const input = contractInput(world, session);
  const variables = contractVariables(input, null);
  guard(session, { user: "setup", variables, connections: input.resources });
  const unmade = new Set(unmadeVariableNames(world, session));
  const callerEnv = Object.fromEntries(Object.entries(withoutKeys(world, session)).filter(([key]) => !unmade.has(key)));
  return { ...callerEnv, ...Object.fromEntries(variables.map(({ key, value }) => [key, value])) };
}

/** What commands and services get of the caller's shell: not the keys that make databases. The plan of a service stays in the ledger. */
function withoutKeys(world: World, session: EnvironmentSession): Record<string, string> {
  const keys = new Set(
    Object.values(session.config.resources).flatMap((resource) => {
      const driver = driverOf(world, resource.type);
      const parsed = driver.keyNames ? driver.parseOptions(exampleOptions(resource, session.config)) : { problems: [] };
      return "options" in parsed ? (driver.keyNames?.(parsed.options) ?? []) : [];
    }),
  );
  return Object.fromEntries(Object.entries(session.callerEnv).filter(([key]) => !keys.has(key)));
}

/** Variables of resources that are not ready yet: a command must not find another database under the name in its caller's shell. */
export function unmadeVariableNames(world: World, session: EnvironmentSession): string[] {
  const ready = resourceConnections(world, session.environment.id);
  return Object.entries(session.config.resources)
    .filter(([name]) => !(name in ready))
    .flatMap(([name, resource]) => {
      const driver = driverOf(world, resource.type);
      const options = exampleOptions(resource, session.config);
      const parsed = driver.parseOptions(isMainShared(resource) ? ownOptions(options) : options);
      return "options" in parsed ? driver.variableNames(parsed.options, name) : [];
    });
}

/** Resources that are shared on purpose are not guarded. `connections`: as whoever gets the variables sees them. */
export function guard(
  session: Pick<EnvironmentSession, "config">,
  used: { user: string; variables: ContractVariable[]; connections: Readonly<Record<string, ResourceConnection>> },
): void {
  const shared = new Set(
    Object.entries(session.config.resources).flatMap(([name, resource]) => (resource.options.branch === "shared" ? [name] : [])),
  );
  const of = (isShared: boolean) => Object.fromEntries(Object.entries(used.connections).filter(([name]) => shared.has(name) === isShared));
  guardResources({ user: used.user, variables: used.variables, connections: of(false), shared: of(true) });
}

export function callerEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  return scrubCallerEnvironment(env);
}
