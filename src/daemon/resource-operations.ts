// `wt db reset`, `branch`, `start`, `stop`.

import type { Target } from "../api/environment.ts";
import type { BranchRequest, ResetRequest, ResourceDocument, ResourceTarget } from "../api/resources.ts";
import type { EnvironmentRecord, OperationKind } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { worktreeFiles } from "../git/worktree-files.ts";
import type { ResourceSpec } from "../resource/resource-driver.ts";
import { readConfig, requireTrust } from "./config-reader.ts";
import { withEnvironment } from "./environment-lock.ts";
import { callerEnvironment, type EnvironmentSession } from "./environment-session.ts";
import { environmentDocument } from "./environment-views.ts";
import { configuredSource, environmentCalled, sourceIn } from "./fork-source.ts";
import { awaitHealth } from "./health.ts";
import { beginOperation, type Call, endOperation, never, runPlan, runStep } from "./journaled-run.ts";
import { locateTarget, seenFrom } from "./projects.ts";
import { changedResources, resourceChanged } from "./resource-changes.ts";
import { chosenResource, type MadeResource } from "./resource-choice.ts";
import { wantedOptions } from "./resource-options.ts";
import { driverOf, resetResource } from "./resources.ts";
import { resourceCall, type StepContext } from "./steps.ts";
import { environmentGone, reportServices } from "./up-environment.ts";
import type { World } from "./world.ts";

export async function resetOperation(world: World, request: ResetRequest, call: Call): Promise<ResourceDocument> {
  return replaceContent(world, request, { call, from: null });
}

/** `wt db branch`: the present content of another environment's resource of the same name. */
export async function branchOperation(world: World, request: BranchRequest, call: Call): Promise<ResourceDocument> {
  return replaceContent(world, request, { call, from: request.from });
}

async function replaceContent(world: World, request: ResetRequest, how: { call: Call; from: string | null }): Promise<ResourceDocument> {
  const { call } = how;
  const session = await trustedSession(world, request);
  const { environment } = session;
  const done = await underLock(world, { environment, kind: how.from === null ? "reset" : "branch", call }, async (operation) => {
    const leased = chosenResource(world, environment, { name: request.resource });
    const { name } = leased.spec;
    await refuseShared(world, environment, leased);
    const source =
      how.from === null ? await configuredSource(world, session, name) : await namedSource(world, session, { leased, slug: how.from });
    return aroundServices(world, { session, operation, call, restart: request.restart }, async (context) => {
      const changed = changedResources(world, session).find((one) => one.leased.spec.name === name);
      if (changed) throw resourceChanged(environment, changed);
      const work = () =>
        resetResource(world, session, { leased, call: resourceCall(context, name), options: wantedOptions(world, session, name), source });
      const label = how.from === null ? `Reset ${name}` : `Branch ${name} from ${how.from}`;
      await runStep(world, call, { operation, step: `resource:${name}`, label, work });
      return [name];
    });
  });
  return finished(world, { session, call, ...done });
}

async function namedSource(
  world: World,
  session: EnvironmentSession,
  { leased, slug }: { leased: MadeResource; slug: string },
): Promise<ResourceSpec> {
  const from = environmentCalled(world, session, { slug, place: "" });
  if (from.id !== session.environment.id) return sourceIn(world, from, { name: leased.spec.name, type: leased.type, place: "" });
  throw new WtError({
    kind: "usage",
    code: "fork_itself",
    message: `${from.slug} cannot begin with its own ${leased.spec.name}.`,
    hints: ["Name another environment, or choose the one to change: wt db branch <from> -e <environment>"],
  });
}

export async function startOperation(world: World, request: ResourceTarget, call: Call): Promise<ResourceDocument> {
  const git = createGit(world.env);
  const { environment } = await locateTarget(world, git, request.target);
  const name = await underLock(world, { environment, kind: "wake", call }, async (operation) => {
    const { type, spec } = chosenResource(world, environment, { name: request.resource });
    const work = () => driverOf(world, type).wake(spec);
    await runStep(world, call, { operation, step: `wake:${spec.name}`, label: `Start ${spec.name}`, work });
    return spec.name;
  });
  return { ...(await environmentDocument(world, git, environment.id)), resources: [name], runningServices: running(world, environment) };
}

export async function stopOperation(world: World, request: ResourceTarget, call: Call): Promise<ResourceDocument> {
  const git = createGit(world.env);
  const { environment } = await locateTarget(world, git, request.target);
  const name = await underLock(world, { environment, kind: "sleep", call }, async (operation) => {
    const leased = chosenResource(world, environment, { name: request.resource });
    const work = () => putToSleep(world, environment, leased);
    await runStep(world, call, { operation, step: `sleep:${leased.spec.name}`, label: `Stop ${leased.spec.name}`, work });
    return leased.spec.name;
  });
  return { ...(await environmentDocument(world, git, environment.id)), resources: [name], runningServices: running(world, environment) };
}

async function putToSleep(world: World, environment: EnvironmentRecord, { type, spec }: MadeResource): Promise<void> {
  const driver = driverOf(world, type);
  if (!driver.features.sleep) {
    throw new WtError({
      kind: "refused",
      code: "resource_never_sleeps",
      message: `${spec.name} is of type ${type}, which has nothing to stop.`,
    });
  }
  if ((await driver.observe(spec)).state === "asleep" || (await driver.sleep(spec))) return;
  throw new WtError({
    kind: "refused",
    code: "resource_in_use",
    message: `${spec.name} of ${environment.slug} is in use and was not stopped.`,
    hints: [`Stop the services: wt down -e ${environment.slug}`, "Close what else is connected, such as a SQL prompt, then try again."],
  });
}

/** The session of a request that runs commands of the repository. Throws `WtError` (`untrusted`) unless a person approved them. */
export async function trustedSession(world: World, request: { target: Target; env: Record<string, string> }): Promise<EnvironmentSession> {
  const callerEnv = callerEnvironment(request.env);
  const git = createGit(callerEnv);
  const { project, environment } = await locateTarget(world, git, request.target);
  const files = worktreeFiles(createGit(world.env), environment.path);
  const config = await readConfig(project, files);
  await requireTrust(world, project, { config, files, environment: seenFrom(world, request.target.cwd, environment) });
  return { project, environment, config, git, callerEnv };
}

/** Runs `work` as one journalled operation, alone with the environment. */
export function underLock<T>(
  world: World,
  of: { environment: EnvironmentRecord; kind: OperationKind; call: Call },
  work: (operation: string) => Promise<T>,
): Promise<T> {
  const { environment, kind, call } = of;
  const alone = async () => {
    if (!world.ledger.environment(environment.id)) throw environmentGone(environment);
    call.abort.throwIfAborted();
    const operation = beginOperation(world, { environmentId: environment.id, kind });
    try {
      return await work(operation);
    } finally {
      endOperation(world, { id: operation, environmentId: environment.id });
    }
  };
  return withEnvironment(world, environment, { call, work: alone });
}

export interface Around {
  session: EnvironmentSession;
  operation: string;
  call: Call;
  restart: boolean;
}

export interface Worked {
  resources: string[];
  /** Services that were started again. */
  restarted: string[];
  /** Services that ran all the time. */
  runningServices: string[];
}

/**
 * Works on resources with the running services stopped around it, or (without `restart`) beside them. Services that were stopped are
 * started again in any case: a failure must not leave less running than before.
 */
export async function aroundServices(world: World, around: Around, work: (context: StepContext) => Promise<string[]>): Promise<Worked> {
  const { session, operation, call } = around;
  const services = running(world, session.environment);
  const context: StepContext = { world, session, ...call, branchPlan: null, branchCommit: null, outcome: { rescueRefs: [], branch: null } };
  if (!around.restart || services.length === 0) return { resources: await work(context), restarted: [], runningServices: services };
  await runPlan([{ kind: "stop", services }], context, operation);
  try {
    return { resources: await work(context), restarted: services, runningServices: [] };
  } finally {
    await runPlan([{ kind: "start", services }], { ...context, abort: never() }, operation);
    world.gateway.sync(session.environment.id);
  }
}

/** Waits for restarted services, then gives the result. */
export async function finished(world: World, done: Worked & { session: EnvironmentSession; call: Call }): Promise<ResourceDocument> {
  const { environment, git } = done.session;
  if (done.restarted.length > 0) {
    const stopListening = reportServices(world, environment, done.call);
    await awaitHealth(world, environment, { services: done.restarted, abort: done.call.abort }).finally(stopListening);
  }
  const { resources, runningServices } = done;
  return { ...(await environmentDocument(world, git, environment.id)), resources, runningServices };
}

/** Everybody's content is nobody's to throw away. */
export async function refuseShared(world: World, environment: EnvironmentRecord, { type, spec }: MadeResource): Promise<void> {
  if ((await driverOf(world, type).observe(spec)).state !== "shared") return;
  throw new WtError({
    kind: "refused",
    code: "resource_shared",
    message: `${spec.name} of ${environment.slug} is the one that everybody shares, so its content is left alone.`,
    hints: ["Use the tools of its server, or give the environment its own: remove `branch: shared` in wt.yaml"],
  });
}

/** Services that run, or will by themselves. */
export function running(world: World, environment: EnvironmentRecord): string[] {
  return world.supervisor
    .runners(environment.id)
    .filter((runner) => runner.status.live || ["Waiting", "Restarting", "CrashLoopBackOff"].includes(runner.status.phase))
    .map((runner) => runner.name);
}
