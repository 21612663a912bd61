// A service of the config, resolved for one environment: everything the supervisor needs, ready to be stored in the ledger.

import { resolveCommandReferences } from "../config/command-references.ts";
import type { ContainerConfig, ReadyProbe, ServiceConfig } from "../config/config.ts";
import type { ServiceSpec } from "../runtime/runtime-driver.ts";
import { containerInput, containerVariables, type Door } from "./container-variables.ts";
import { type ContractInput, contractVariables, referenceLookup } from "./variables.ts";

export interface ServicePlan {
  /** Without `generation`, which is counted per start. */
  spec: Omit<ServiceSpec, "generation">;
  ready: ReadyProbe;
  readyTimeoutMs: number;
  needs: string[];
  restart: "always" | "on-failure" | "never";
  successCodes: number[];
  routes: string[];
  /**
   * Changes exactly when a running service has to be started anew to be what the config says. The caller's shell is left out:
   * another terminal's `SHLVL` is no reason to restart.
   */
  definition: string;
}

/**
 * Names in the order to stop them: groups, each to be ended before the next, so that nothing loses what it needs while it still works.
 * A circle (the config refuses one) ends up in one group.
 */
export function stopOrder(services: readonly { name: string; needs: readonly string[] }[]): string[][] {
  const groups: string[][] = [];
  let left = [...services];
  while (left.length > 0) {
    const needed = new Set(left.flatMap((service) => service.needs.filter((name) => name !== service.name)));
    const free = left.filter((service) => !needed.has(service.name));
    const group = free.length > 0 ? free : left;
    groups.push(group.map((service) => service.name));
    left = left.filter((service) => !group.includes(service));
  }
  return groups;
}

export interface ServicePlanInput extends ContractInput {
  /** The caller's environment, scrubbed. */
  callerEnv: Readonly<Record<string, string>>;
  /** Absolute directory of the environment's logs. */
  logDirectory: string;
  /** What its containers are made of; absent where there are none. */
  stack?: StackInput;
}

export interface StackInput {
  /** The compose project. */
  project: string;
  /** Of shared services. */
  doors: readonly Door[];
  /** By service of the compose file: changes exactly when its container has to be made anew, apart from variables and ports. */
  definitions: Readonly<Record<string, string>>;
}

export function planService(input: ServicePlanInput, service: ServiceConfig): ServicePlan {
  return service.container ? planContainer(input, service, service.container) : planProcess(input, service);
}

/** The container has its variables from when it was made: nothing of them, and nothing of the caller's shell, is in the plan. */
function planContainer(input: ServicePlanInput, service: ServiceConfig, container: ContainerConfig): ServicePlan {
  if (!input.stack) throw new Error(`${service.name} is a container, and its environment has none`);
  const { project, doors, definitions } = input.stack;
  const { container: _, ...onHost } = service;
  const asProcess = planProcess(input, onHost);
  const variables = containerVariables(containerInput(input, doors), service).map(({ key, value }) => [key, value]);
  const definition = [definitions[container.service] ?? null, variables.sort(), asProcess.spec.port, service.stop];
  return {
    ...asProcess,
    spec: {
      ...asProcess.spec,
      command: "",
      // Only a command that asks whether it is ready runs on the host.
      env: asProcess.ready.kind === "command" ? asProcess.spec.env : {},
      container: { project, service: container.service },
    },
    definition: JSON.stringify(definition),
  };
}

function planProcess(input: ServicePlanInput, service: ServiceConfig): ServicePlan {
  const lookup = referenceLookup(input);
  const place = `services.${service.name}`;
  const command = resolveCommandReferences(service.run, lookup, `${place}.run`);
  const variables = Object.fromEntries(contractVariables(input, service).map(({ key, value }) => [key, value]));
  const directory = service.directory === "." ? input.environment.path : `${input.environment.path}/${service.directory}`;
  const port = input.ports[service.name] ?? null;
  const ready: ReadyProbe =
    service.ready.kind === "command"
      ? { kind: "command", run: resolveCommandReferences(service.ready.run, lookup, `${place}.ready.command`) }
      : service.ready;
  return {
    spec: {
      environmentId: input.environment.id,
      nonce: input.environment.nonce,
      service: service.name,
      command,
      directory,
      env: { ...input.callerEnv, ...variables, PWD: directory },
      port,
      logPath: `${input.logDirectory}/${service.name}.log`,
      stop: service.stop,
    },
    ready,
    readyTimeoutMs: service.readyTimeoutMs,
    needs: service.needs,
    restart: service.restart,
    successCodes: service.successCodes,
    routes: service.routes,
    definition: JSON.stringify([command, directory, Object.entries(variables).sort(), port, service.stop]),
  };
}
