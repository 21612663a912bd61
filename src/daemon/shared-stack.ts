// The services of a compose file that run once per project: one stack for all environments, made from the main worktree's files when the first needs it.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import type { Door } from "../environment/container-variables.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { type JsonValue, WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { worktreeFiles } from "../git/worktree-files.ts";
import { entryAt, removeTree } from "../os/files.ts";
import { modelPart } from "../runtime/compose/model-part.ts";
import type { ComposeModel } from "../runtime/compose/transform/compose-model.ts";
import { transformModel } from "../runtime/compose/transform/transform-model.ts";
import type { TransformResult } from "../runtime/compose/transform/transform-result.ts";
import { readConfig, requireTrust } from "./config-reader.ts";
import { removeMarked } from "./containers.ts";
import type { EnvironmentSession } from "./environment-session.ts";
import { type Call, never } from "./journaled-run.ts";
import { mainEnvironment } from "./main-environment.ts";
import { ensurePort } from "./port-leases.ts";
import { leaseSubnets, stackCall, takenProjects } from "./prepare-stack.ts";
import type { ServiceRunner } from "./service-runner.ts";
import { isReady } from "./service-waits.ts";
import { connectAll, dropStale } from "./shared-connections.ts";
import { heldServices } from "./shared-doors.ts";
import { type SharedFacts, sharedFacts } from "./shared-facts.ts";
import { refuseHolders } from "./shared-holders.ts";
import { doorName, sharedLock, sharedName } from "./shared-names.ts";
import { sharedServers, sharedTargets } from "./shared-servers.ts";
import { awaitShared, sharedDefinition, startShared } from "./shared-services.ts";
import {
  claimComposeProject,
  claimParts,
  projectLease,
  releaseShared,
  type StackOwner,
  subnetsOf,
  updateProjectLease,
} from "./stack-leases.ts";
import { composeSource, markOf, projectDirectory, refuseUnsafe, sharedMark, sharedRequest } from "./stack-model.ts";
import type { World } from "./world.ts";

/** Afterwards the shared services that the environment names run and are ready. Gives where the host reaches them. The caller holds no lock of the main environment but its own. */
export async function ensureShared(world: World, session: EnvironmentSession, call: Call): Promise<Door[]> {
  const wanted = session.config.compose?.shared ?? [];
  const main = mainEnvironment(world, session);
  if (wanted.length === 0 || !main) return [];
  return world.locks.run(
    sharedLock(session.project),
    async () => {
      const names = wanted.map(sharedName);
      await world.shared.whenSettled(main.id, names, call.abort);
      const runs = names.every((name) => {
        const runner = world.shared.runner(main.id, name);
        return runner !== null && isReady(runner);
      });
      if (!runs) await applyShared(world, { session, main, wanted, anew: false }, call);
      return sharedFacts(world, session.project).doors;
    },
    call.abort,
  );
}

/** Anew from the main worktree's files: what changed there is made anew, and all of it runs. */
export async function raiseShared(world: World, session: EnvironmentSession, call: Call): Promise<void> {
  const main = mainEnvironment(world, session);
  if (!main) return;
  await world.locks.run(sharedLock(session.project), () => applyShared(world, { session, main, wanted: [], anew: true }, call), call.abort);
}

export async function lowerShared(world: World, project: ProjectRecord, call: Call): Promise<void> {
  const main = mainEnvironment(world, { project });
  if (!main) return;
  const lower = async () => {
    await world.shared.stop(
      main.id,
      world.shared.runners(main.id).map(({ name }) => name),
    );
    // Also those that somebody has started by hand.
    if (projectLease(world, main.id, "shared")) await world.stack.stop(sharedMark(main), "shared", call.abort);
  };
  await world.locks.run(sharedLock(project), lower, call.abort);
}

/** With what its volumes hold, unless that is somebody's (see `refuseHolders`). */
export async function removeShared(world: World, project: ProjectRecord, call: Call): Promise<void> {
  const main = mainEnvironment(world, { project });
  if (!main) return;
  const remove = async () => {
    refuseHolders(world, project);
    const runners = world.shared.runners(main.id);
    await world.shared.stop(
      main.id,
      runners.map(({ name }) => name),
    );
    await freeVolumes(world, main);
    await removeMarked(world, { slug: main.slug, mark: sharedMark(main), volumes: true });
    await forgetRunners(world, main, runners);
    await removeTraces(world, main);
    releaseShared(world, main.id);
  };
  await world.locks.run(sharedLock(project), remove, call.abort);
}

/** The engine keeps a volume as long as a container has it, though that one be stopped: those of the main worktree are made again by its next `wt up`. */
async function freeVolumes(world: World, main: EnvironmentRecord): Promise<void> {
  const { volumes } = await world.stack.observe(sharedMark(main), never());
  const { containers } = await world.stack.observe(markOf(main), never());
  for (const { ref, unnamedVolumes, ...container } of containers) {
    const holds = container.volumes.some((name) => volumes.some((volume) => volume.name === name));
    if (holds && !unnamedVolumes) await world.stack.remove(markOf(main), { volumes: false, images: false, service: ref.service }, never());
  }
}

/** What the driver noted of their containers. The main worktree's own environment lives on in the same directory. */
async function removeTraces(world: World, main: EnvironmentRecord): Promise<void> {
  const directory = join(world.paths.environments, main.id);
  if (!projectLease(world, main.id, "environment")) await removeTree(join(directory, "containers"));
  if (entryAt(directory) && readdirSync(directory).length === 0) await removeTree(directory);
}

interface Applying {
  session: EnvironmentSession;
  main: EnvironmentRecord;
  /** What an environment asks for; the rest of the shared services comes with it. */
  wanted: readonly string[];
  /** Services whose container changed are stopped and made anew. */
  anew: boolean;
}

async function applyShared(world: World, applying: Applying, call: Call): Promise<void> {
  const { session, main, wanted } = applying;
  const { project } = session;
  const config = await mainConfig(world, applying);
  const owner: StackOwner = { project, environment: main, role: "shared" };
  if (!projectLease(world, main.id, "shared") && config.compose?.shared.length === 0) return;
  const taken = await takenProjects(world, owner, call.abort);
  const name = claimComposeProject(world, owner, taken);
  const mainSession: EnvironmentSession = { ...session, environment: main, config };
  const source = composeSource(world, mainSession, name);
  const model = await world.stack.readModel(source, call.abort);
  const from = { directory: projectDirectory(source), env: await world.stack.readVariables(source, model, call.abort) };
  const services = (config.compose?.shared ?? []).filter((service) => model.services[service] !== undefined);
  const absent = wanted.filter((service) => !services.includes(service));
  if (absent.length > 0) throw notInMain(main, absent);
  const doors = await leaseDoors(world, { main, config, model, services });
  const request = { ...sharedRequest(world, { project, main, config, name, worktree: main.path }), services, ports: portsOf(doors) };
  const result = transformModel(model, request);
  refuseUnsafe(result.refusals);
  claimParts(world, owner, result.names);
  await leaseSubnets(world, owner, { draft: result, abort: call.abort });
  const subnets = subnetsOf(world, main.id, "shared");
  const made = transformModel(model, { ...request, subnets });
  call.emit({ type: "output", step: "stack", stream: "stdout", line: `Shared services: ${services.join(", ") || "none any more"}` });
  await makeShared(world, { ...from, project, main, name, made, services, anew: applying.anew }, call);
  keepFacts(world, main, { doors, servers: sharedServers(model, services) });
  await connectAll(world, project, call.abort);
  startShared(
    world,
    services.map((service) => ({ main, name, service, model, made: made.model, shared: services, doors })),
  );
  await awaitShared(world, main, { services, abort: call.abort });
}

async function mainConfig(world: World, { session, main, wanted, anew }: Applying): Promise<Config> {
  const { project } = session;
  // Whoever brings the main environment up was asked about trust already.
  if (session.environment.id === main.id && !anew) return session.config;
  const files = worktreeFiles(createGit(world.env), main.path);
  const config = await readConfig(project, files);
  if (!config.compose) throw notInMain(main, wanted);
  await requireTrust(world, project, { config, files, environment: { slug: main.slug, here: false } });
  return config;
}

function notInMain(main: EnvironmentRecord, services: readonly string[]): WtError {
  return new WtError({
    kind: "config",
    code: "shared_not_in_main",
    message:
      services.length === 0
        ? `Shared services run from the main worktree's files, and those do not say \`runtime: compose\` (${main.path}).`
        : `Shared services run from the main worktree's files, and there compose.shared has no ${services.join(", ")} (${main.path}).`,
    hints: [
      "Merge them into the main worktree's wt.yaml and compose file, or take them out of `shared` here so that this environment has its own.",
    ],
  });
}

/** Each port that anybody may want of a shared service, on loopback of the host. */
async function leaseDoors(
  world: World,
  shared: { main: EnvironmentRecord; config: Config; model: ComposeModel; services: readonly string[] },
): Promise<Door[]> {
  const doors: Door[] = [];
  for (const service of shared.services) {
    for (const target of sharedTargets(shared.model.services[service] ?? {}, resourceTypes(shared.config, service))) {
      const lease = { name: doorName(service, target), port: { kind: "leased" as const } };
      const port = await ensurePort(world, shared.main, lease);
      if (port !== null) doors.push({ port, service, target });
    }
  }
  return doors;
}

function resourceTypes({ resources }: Config, service: string): string[] {
  return Object.values(resources).flatMap((one) => (one.service === service ? [one.type] : []));
}

function portsOf(doors: readonly Door[]) {
  return doors.map(({ service, target, port }) => ({ service, target, hostPort: port }));
}

interface Making {
  project: ProjectRecord;
  main: EnvironmentRecord;
  name: string;
  made: TransformResult;
  services: readonly string[];
  directory: string;
  env: Readonly<Record<string, string>>;
  anew: boolean;
}

async function makeShared(world: World, making: Making, call: Call): Promise<void> {
  const { main, name, made, services, directory, env } = making;
  const stack = { project: name, directory, env, model: made.model, mark: sharedMark(main) };
  await world.stack.ensureImages(stack, stackCall(call));
  const changed = services.filter((service) => {
    const runner = world.shared.runner(main.id, sharedName(service));
    return runner?.status.live && runner.plan?.definition !== sharedDefinition(made.model, service);
  });
  if (making.anew) await world.shared.stop(main.id, changed.map(sharedName));
  // One that runs and is not to be made anew stays as it is: other environments use it at this moment.
  const still = services.filter((service) => !world.shared.runner(main.id, sharedName(service))?.status.live);
  // Also where the file has one no more: what others have in it can be taken out only while it runs.
  const needed = [...services, ...heldServices(world, making.project)];
  if (making.anew) await forgetAllBut(world, main, needed);
  const stranded = await dropStale(world, { mark: stack.mark, services: needed, model: made.model }, call.abort);
  const options = { services: still, anew: stranded };
  if (still.length > 0) await world.stack.create({ ...stack, model: modelPart(made.model, still) }, stackCall(call), options);
}

/** What the file has no more, and nobody has anything in, stops. */
async function forgetAllBut(world: World, main: EnvironmentRecord, services: readonly string[]): Promise<void> {
  const known = new Set(services.map(sharedName));
  const gone = world.shared.runners(main.id).filter(({ name }) => !known.has(name));
  await world.shared.stop(
    main.id,
    gone.map(({ name }) => name),
  );
  await forgetRunners(world, main, gone);
}

async function forgetRunners(world: World, main: EnvironmentRecord, runners: readonly ServiceRunner[]): Promise<void> {
  for (const { name, plan } of runners) {
    world.shared.forget(main.id, name);
    if (plan) await world.driver.removeLogs(plan.spec.logPath);
  }
}

function keepFacts(world: World, main: EnvironmentRecord, facts: SharedFacts): void {
  const lease = projectLease(world, main.id, "shared");
  // Plain JSON by their types; TypeScript's interfaces have no index signature to say so.
  if (lease) updateProjectLease(world, lease, facts as unknown as { [key: string]: JsonValue });
}
