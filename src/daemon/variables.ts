// What `wt run` and `wt env` get.

import type { CommandContainer, VariablesRequest, VariablesResult } from "../api/operations.ts";
import type { Config, ServiceConfig } from "../config/config.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { contractVariables, foreignNames } from "../environment/variables.ts";
import { createGit } from "../git/git.ts";
import { worktreeFiles } from "../git/worktree-files.ts";
import { readConfig, requireTrust } from "./config-reader.ts";
import { contractInput, type EnvironmentSession, guard, unmadeVariableNames } from "./environment-session.ts";
import { ensurePort, leasedPorts } from "./port-leases.ts";
import { locateTarget, seenFrom } from "./projects.ts";
import { projectLease } from "./stack-leases.ts";
import { environmentGone, unknownService } from "./up-environment.ts";
import type { World } from "./world.ts";

/** Throws `WtError` (`refused`, `foreign_resource`) for variables that would lead to another environment's resource. */
export async function readVariables(world: World, request: VariablesRequest): Promise<VariablesResult> {
  const git = createGit(world.env);
  const { project, environment } = await locateTarget(world, git, request.target);
  const files = worktreeFiles(git, environment.path);
  const config = await readConfig(project, files);
  const service = request.service === undefined ? null : config.services.find((one) => one.name === request.service);
  if (service === undefined)
    throw unknownService(
      request.service ?? "",
      config.services.map((one) => one.name),
    );
  // A repository that sets PATH or NODE_OPTIONS decides what the user's own command runs.
  const ownVariables = Object.keys(config.env).length + Object.keys(service?.env ?? {}).length;
  if (ownVariables > 0)
    await requireTrust(world, project, { config, files, environment: seenFrom(world, request.target.cwd, environment) });
  await ensurePorts(world, environment, config);
  const session: EnvironmentSession = { project, environment, config, git, callerEnv: {} };
  const input = contractInput(world, session);
  const variables = contractVariables(input, service);
  if (!request.explain) guard(session, { user: service ? `services.${service.name}` : "wt run", variables, connections: input.resources });
  const names = request.callerNames ?? [];
  const foreign = foreignNames({ ...Object.fromEntries(names.map((name) => [name, ""])), WT_VARIABLES: request.callerMark ?? "" });
  const unmade = unmadeVariableNames(world, session).filter((name) => names.includes(name));
  const container = commandContainer(world, session, service);
  const unset = [...new Set([...foreign, ...unmade])];
  return { slug: environment.slug, path: environment.path, variables, unset, ...(container ? { container } : {}) };
}

/** Of the service that was named, else of the one that answers on the environment's URL, else of the first container. */
function commandContainer(world: World, { environment, config }: EnvironmentSession, named: ServiceConfig | null): CommandContainer | null {
  if (named && !named.container) return null;
  const all = config.services.filter(({ container }) => container);
  const service = named ?? all.find(({ routes }) => routes.includes("/")) ?? all.find(({ routes }) => routes.length > 0) ?? all[0];
  if (!service?.container) return null;
  const { container } = service;
  const runner = world.supervisor.runner(environment.id, service.name);
  const identity = runner?.instance?.identity as { endpoint?: string; container?: string } | undefined;
  const binds = (projectLease(world, environment.id, "environment")?.data.binds ?? []) as {
    service: string;
    source: string;
    target: string;
  }[];
  return {
    service: service.name,
    id: runner?.status.live && runner.status.phase !== "Unknown" ? (identity?.container ?? null) : null,
    state: runner?.status.phase ?? "Stopped",
    reason: runner?.status.reason ?? null,
    endpoint: identity?.endpoint === undefined ? null : `unix://${identity.endpoint}`,
    binds: binds.flatMap(({ service: of, source, target }) => (of === container.service ? [{ source, target }] : [])),
  };
}

/** Without waiting for the operation in flight where every port is leased already: a setup command may well ask for its variables. */
async function ensurePorts(world: World, environment: EnvironmentRecord, config: Config): Promise<void> {
  const leased = leasedPorts(world, environment.id);
  if (config.services.every(({ name, port }) => port.kind === "none" || leased[name] !== undefined)) return;
  await world.locks.run(`environment:${environment.id}`, async () => {
    if (!world.ledger.environment(environment.id)) throw environmentGone(environment);
    for (const one of config.services) await ensurePort(world, environment, one);
  });
}
