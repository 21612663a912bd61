// One operation's view of one environment: its config, variables and service plans, computed once the ports are leased.
import { join } from "node:path";
import type { Config, ServiceConfig } from "../config/config.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { hostSuffix } from "../environment/routes.ts";
import { planService, type ServicePlan } from "../environment/service-plan.ts";
import { type ContractInput, contractVariables, scrubCallerEnvironment } from "../environment/variables.ts";
import type { Git } from "../git/git.ts";
import { leasedPorts } from "./port-leases.ts";
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
    resources: {},
  };
}

export function servicePlan(world: World, session: EnvironmentSession, service: ServiceConfig): ServicePlan {
  return planService(
    {
      ...contractInput(world, session),
      callerEnv: session.callerEnv,
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
  const contract = contractVariables(contractInput(world, session), null).map(({ key, value }) => [key, value]);
  return { ...session.callerEnv, ...Object.fromEntries(contract) };
}

export function callerEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  return scrubCallerEnvironment(env);
}
