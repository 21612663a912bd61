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
import type { World } from "./world.ts";

export interface EnvironmentSession {
  project: ProjectRecord;
  environment: EnvironmentRecord;
  config: Config;
  git: Git;
  /** The caller's environment, scrubbed of what belongs to other environments. */
  callerEnv: Record<string, string>;
}

export function contractInput(world: World, session: EnvironmentSession): ContractInput {
  return {
    project: session.project,
    environment: session.environment,
    config: session.config,
    ports: leasedPorts(world, session.environment.id),
    hostSuffix: hostSuffix(world.gateway.port),
    resources: wantedConnections(world, session),
  };
}

/** What wt.yaml does not name any more is there until somebody removes it, but nobody gets it. */
function wantedConnections(world: World, session: EnvironmentSession): Record<string, ResourceConnection> {
  const made = Object.entries(resourceConnections(world, session.environment.id));
  return Object.fromEntries(made.filter(([name]) => name in session.config.resources));
}

export function servicePlan(world: World, session: EnvironmentSession, service: ServiceConfig): ServicePlan {
  const input = contractInput(world, session);
  guard(world, session, { user: `services.${service.name}`, variables: contractVariables(input, service) });
  return planService(
    {
      ...input,
      callerEnv: withoutKeys(world, session),
      logDirectory: join(world.paths.environments, session.environment.id),
    },
    service,
  );
}

/** What each service would run now; services whose port is not leased yet are left out. */
export function definitions(world: World, session: EnvironmentSession): Record<string, string> {
  const ports = leasedPorts(world, session.environment.id);
  const ready = session.config.services.filter((service) => service.port.kind === "none" || ports[service.name] !== undefined);
  return ready.length < session.config.services.length
    ? {}
    : Object.fromEntries(ready.map((service) => [service.name, servicePlan(world, session, service).definition]));
}

/** The complete environment of a setup command. */
export function commandEnvironment(world: World, session: EnvironmentSession): Record<string, string> {
  const variables = contractVariables(contractInput(world, session), null);
  guard(world, session, { user: "setup", variables });
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

/** Resources that are shared on purpose are not guarded. */
export function guard(world: World, session: EnvironmentSession, used: { user: string; variables: ContractVariable[] }): void {
  const shared = new Set(
    Object.entries(session.config.resources).flatMap(([name, resource]) => (resource.options.branch === "shared" ? [name] : [])),
  );
  const made = Object.entries(wantedConnections(world, session));
  const of = (isShared: boolean) => Object.fromEntries(made.filter(([name]) => shared.has(name) === isShared));
  guardResources({ ...used, connections: of(false), shared: of(true) });
}

export function callerEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  return scrubCallerEnvironment(env);
}
