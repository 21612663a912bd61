// `wt up`, `wt down`, `wt restart`.

import { existsSync } from "node:fs";
import type { DownRequest, EnvironmentDocument, UpRequest } from "../api/environment.ts";
import type { Config } from "../config/config.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { isSetup, planEnvironment, planServices, type WantedEnvironment } from "../environment/plan.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit, type Git } from "../git/git.ts";
import { worktreeFiles } from "../git/worktree-files.ts";
import { readConfig, requireTrust } from "./config-reader.ts";
import { stopContainers } from "./containers.ts";
import { withEnvironment } from "./environment-lock.ts";
import { observeEnvironment } from "./environment-observer.ts";
import { callerEnvironment, definitions, type EnvironmentSession } from "./environment-session.ts";
import { environmentDocument } from "./environment-views.ts";
import { warnOfGateway } from "./gateway-warning.ts";
import { awaitHealth, brokenResources, requireResources } from "./health.ts";
import { runHooks } from "./hooks.ts";
import { incompleteAt, isKept, keptFailure, markIncomplete, markWhole, readIncomplete } from "./incomplete.ts";
import { beginOperation, type Call, callOffDeletion, endOperation, runPlan } from "./journaled-run.ts";
import { type HookSubject, runHooksAfterUp, runHooksBeforeDown } from "./operation-hooks.ts";
import { releaseUnwantedPorts } from "./port-leases.ts";
import { locateNamed, seenFrom } from "./projects.ts";
import { settleChangedResources } from "./resource-changes.ts";
import { leasedResources, restResources, wakeResources } from "./resources.ts";
import type { StepContext } from "./steps.ts";
import { adviseOnStorage } from "./storage-findings.ts";
import { withUserHooks } from "./user-hooks.ts";
import { worktreeExists } from "./worktree-exists.ts";
import type { World } from "./world.ts";

export async function upEnvironment(world: World, request: UpRequest & { anew: boolean }, call: Call): Promise<EnvironmentDocument> {
  const callerEnv = callerEnvironment(request.env);
  const git = createGit(callerEnv);
  const { project, environment, services } = await locateNamed(world, git, request);
  await bringUp(
    world,
    {
      project,
      environment,
      git,
      callerEnv,
      services: services.length > 0 ? services : "all",
      anew: request.anew,
      cwd: request.target.cwd,
      hooks: request.hooks,
      setup: request.setup,
    },
    call,
  );
  if (request.hooks !== false) {
    const named = services.length > 0 ? services : "all";
    const subject = { project, environment, git, callerEnv, cwd: request.target.cwd };
    await runHooksAfterUp(world, { ...subject, operation: request.anew ? "restart" : "up", services: named, up: true }, call);
  }
  return environmentDocument(world, git, environment.id);
}

export interface BringUp {
  /** Of the caller. */
  cwd: string;
  project: ProjectRecord;
  environment: EnvironmentRecord;
  git: Git;
  callerEnv: Record<string, string>;
  /** Their names and what they need. */
  services: string[] | "all" | "none";
  /** Start running services anew. */
  anew: boolean;
  /** False: `before_up` is left out. */
  hooks?: boolean | undefined;
  /** False: setup commands are left to the next one. */
  setup?: boolean | undefined;
}

/** Setup that is due, ports, services, and the wait until they are ready. */
export async function bringUp(world: World, wanted: BringUp, call: Call): Promise<void> {
  const { project, environment } = wanted;
  const { services, resources } = await withEnvironment(world, environment, {
    call,
    work: async () => {
      if (!world.ledger.environment(environment.id)) throw environmentGone(environment);
      requireWorktree(environment);
      // Read only now: what was approved before a long wait may not be what is there after it.
      const files = worktreeFiles(createGit(world.env), environment.path);
      const written = await readConfig(project, files);
      await requireTrust(world, project, { config: written, files, environment: seenFrom(world, wanted.cwd, environment) });
      const config = wanted.hooks === false ? written : await withUserHooks(world, written);
      const services = chosenServices(config, wanted.services);
      const session: EnvironmentSession = { project, environment, config, git: wanted.git, callerEnv: wanted.callerEnv };
      callOffDeletion(world, environment);
      const operation = beginOperation(world, { environmentId: environment.id, kind: wanted.anew ? "restart" : "up" });
      const named = Array.isArray(wanted.services) ? wanted.services : services;
      try {
        await carryUp(world, { session, services, named, wanted, operation }, call);
      } catch (error) {
        throw stillIncomplete(world, environment, { operation, failure: WtError.from(error) });
      } finally {
        endOperation(world, { id: operation, environmentId: environment.id });
      }
      return { services, resources: Object.keys(config.resources) };
    },
  });
  await warnOfGateway(world, call);
  await adviseOnStorage(world, environment.id, call);
  const stopListening = reportServices(world, environment, call);
  try {
    await awaitHealth(world, environment, { services, abort: call.abort });
  } finally {
    stopListening();
  }
  if (wanted.services !== "none") await requireResources(world, environment, resources);
}

/** A resume that failed too: the next one begins where this one stopped. */
function stillIncomplete(world: World, environment: EnvironmentRecord, failed: { operation: string; failure: WtError }): WtError {
  const { failure } = failed;
  const step = world.ledger.operations({ environmentId: environment.id }).find(({ id }) => id === failed.operation)?.step ?? null;
  if (step === null || !readIncomplete(world, environment.id) || !isKept(environment, { step, failure })) return failure;
  markIncomplete(world, environment.id, incompleteAt(step, failure));
  world.ledger.updateEnvironment(environment.id, { wanted: "down" });
  return keptFailure(environment, { step, failure });
}

async function carryUp(
  world: World,
  up: { session: EnvironmentSession; services: string[]; named: string[]; wanted: BringUp; operation: string },
  call: Call,
): Promise<void> {
  const { session, services, operation, wanted } = up;
  const isUp = wanted.services !== "none";
  const anew = wanted.anew ? up.named : [];
  const { environment, config } = session;
  const known = new Set(config.services.map((service) => service.name));
  const dropped = world.supervisor.runners(environment.id).filter((runner) => !known.has(runner.name));
  const wantedState: WantedEnvironment = {
    presence: "present",
    up: services,
    down: dropped.map((one) => one.name),
    anew,
    rescue: false,
    deleteBranch: false,
  };
  const context: StepContext = {
    world,
    session,
    ...call,
    branchPlan: null,
    branchCommit: null,
    outcome: { rescueRefs: [], branch: null },
    withoutSetup: wanted.setup === false,
  };
  await settleChangedResources(world, session, call);
  const incomplete = readIncomplete(world, environment.id);
  if (incomplete)
    call.emit({
      type: "note",
      message: `Carrying on with the create of ${environment.slug}, which stopped at ${incomplete.place ?? incomplete.step}.`,
    });
  if (isUp) world.ledger.updateEnvironment(environment.id, { wanted: "up" });
  const before = await observeEnvironment(world, environment, { config, definitions: {} });
  const plan = planEnvironment({ ...wantedState, up: [], down: [], anew: [] }, before, config);
  await runPlan(wanted.setup === false ? plan.filter((step) => !isSetup(step)) : plan, context, operation);
  if (isUp && wanted.hooks !== false) {
    const event = { event: "before_up", operation: wanted.anew ? "restart" : "up" } as const;
    await runHooks(world, { session, ...event, services, journal: operation }, call);
  }
  await mendResources(context, operation);
  // Only now what services would run is known: a resource that was made has given them its values.
  const observed = await observeEnvironment(world, environment, { config, definitions: definitions(world, session) });
  await runPlan(planServices(wantedState, observed), context, operation);
  // Also where no service was to be started: whoever says `wt up` wants to use it now.
  if (isUp) await wakeResources(world, environment.id);
  markWhole(world, environment.id);
  for (const runner of dropped) world.supervisor.forget(environment.id, runner.name);
  // Only now: until they were stopped, they held their ports.
  const resources = new Set(leasedResources(world, environment.id).map((one) => one.spec.name));
  releaseUnwantedPorts(world, environment.id, { services: known, resources });
  world.gateway.sync(environment.id);
}

/** What does not work gets another chance to. What fails is told, and again at the end: services that do without it are started all the same. */
async function mendResources(context: StepContext, operation: string): Promise<void> {
  const { world, session } = context;
  for (const name of await brokenResources(world, session.environment)) {
    if (!session.config.resources[name]) continue;
    await runPlan([{ kind: "resource", name }], context, operation).catch((error: unknown) => {
      context.abort.throwIfAborted();
      context.emit({ type: "note", message: WtError.from(error).message });
    });
  }
}

/** Tells the caller about every change of a service while it waits. */
export function reportServices(world: World, environment: EnvironmentRecord, call: Call): () => void {
  const seen = new Map<string, string>();
  const report = () => {
    for (const view of world.gateway.serviceViews(environment.id)) {
      if (seen.get(view.name) === view.state) continue;
      seen.set(view.name, view.state);
      call.emit({ type: "service", service: view });
    }
  };
  report();
  return world.changes.listen((changed) => {
    if (changed === environment.id) report();
  });
}

export async function downEnvironment(world: World, request: DownRequest, call: Call): Promise<EnvironmentDocument> {
  const git = createGit(world.env);
  const { project, environment, services } = await locateNamed(world, git, request);
  const subject: HookSubject = {
    project,
    environment,
    git,
    callerEnv: callerEnvironment(request.env ?? world.env),
    cwd: request.target.cwd,
  };
  let runAfter: (call: Call) => Promise<void> = async () => undefined;
  await withEnvironment(world, environment, {
    call,
    work: async () => {
      if (!world.ledger.environment(environment.id)) throw environmentGone(environment);
      const running = world.supervisor.runners(environment.id).map((runner) => runner.name);
      for (const name of services) if (!running.includes(name)) throw unknownService(name, running);
      const chosen = services.length > 0 ? services : running;
      const operation = beginOperation(world, { environmentId: environment.id, kind: "down" });
      try {
        if (request.hooks !== false) runAfter = await runHooksBeforeDown(world, { ...subject, services: chosen, journal: operation }, call);
        if (services.length === 0) world.ledger.updateEnvironment(environment.id, { wanted: "down" });
        call.emit({ type: "step", step: "stop", label: chosen.length > 0 ? `Stop ${chosen.join(", ")}` : "Nothing runs here" });
        const started = world.clock.now();
        world.ledger.advanceOperation(operation, "stop");
        await world.supervisor.stop(environment.id, chosen);
        if (services.length === 0) {
          await stopContainers(world, environment, call);
          await restResources(world, environment.id);
        }
        call.emit({ type: "step_done", step: "stop", ms: world.clock.now() - started });
      } finally {
        endOperation(world, { id: operation, environmentId: environment.id });
      }
    },
  });
  await runAfter(call);
  return environmentDocument(world, git, environment.id);
}

export function requireWorktree(environment: EnvironmentRecord): void {
  if (worktreeExists(environment)) return;
  throw new WtError({
    kind: "machine",
    code: "worktree_missing",
    message: existsSync(environment.path)
      ? `${environment.path}, the directory of ${environment.slug}, is not a worktree any more: its .git is gone.`
      : `The directory of ${environment.slug}, ${environment.path}, is gone.`,
    hints: [`Run \`wt delete ${environment.slug}\` to give the rest back, or \`git worktree repair\` if it was moved.`],
  });
}

/** The named services and everything they need, or all. */
function chosenServices(config: Config, names: BringUp["services"]): string[] {
  const all = config.services.map((service) => service.name);
  if (names === "none") return [];
  if (names === "all") return all;
  const chosen = new Set<string>();
  const add = (name: string) => {
    const service = config.services.find((one) => one.name === name);
    if (!service) throw unknownService(name, all);
    if (chosen.has(name)) return;
    chosen.add(name);
    for (const need of service.needs) if (all.includes(need)) add(need);
  };
  for (const name of names) add(name);
  return all.filter((name) => chosen.has(name));
}

export function unknownService(name: string, known: readonly string[]): WtError {
  return new WtError({
    kind: "not_found",
    code: "service_unknown",
    message: `There is no service called ${name}.`,
    hints: [
      known.length > 0 ? `The services are ${known.join(", ")}.` : "This environment has no services; see `wt init`.",
      "To mean another environment, name it with `-e`; `wt list` shows them.",
    ],
  });
}

export function environmentGone(environment: EnvironmentRecord): WtError {
  return new WtError({
    kind: "not_found",
    code: "environment_unknown",
    message: `${environment.slug} was deleted in the meantime.`,
    hints: [`Run \`wt create ${environment.branch ?? environment.slug}\` to make it again.`],
  });
}
