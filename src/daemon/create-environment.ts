// `wt create`: everything is checked before the first effect, every effect is journalled. What fails is rolled back, or kept where a person can mend it.
import type { CreateRequest, CreateResult } from "../api/environment.ts";
import { leavesNeighbourhood } from "../config/trust-commands.ts";
import type { EnvironmentRecord, OperationRecord, ProjectRecord } from "../environment/ledger.ts";
import { claimPlan, isSetup, planEnvironment, type WantedEnvironment } from "../environment/plan.ts";
import { WtError } from "../errors/wt-error.ts";
import { type BranchPlan, planBranch } from "../git/branches.ts";
import { createGit, type Git } from "../git/git.ts";
import { treeFiles } from "../git/tree-files.ts";
import { claimEnvironment } from "./claim-environment.ts";
import { readConfig, requireTrust } from "./config-reader.ts";
import { withEnvironment } from "./environment-lock.ts";
import { observeEnvironment } from "./environment-observer.ts";
import { callerEnvironment, type EnvironmentSession, servicePlan } from "./environment-session.ts";
import { environmentDocument } from "./environment-views.ts";
import { warnOfGateway } from "./gateway-warning.ts";
import { awaitHealth } from "./health.ts";
import { runHooks } from "./hooks.ts";
import {
  incompleteAt,
  incompleteError,
  isKept,
  keptFailure,
  markIncomplete,
  nothingToResume,
  readIncomplete,
  withoutLog,
} from "./incomplete.ts";
import { type Call, endOperation, never, runPlan } from "./journaled-run.ts";
import { expectAfterCreate, prepareBeforeCreate, runHooksAfterUp } from "./operation-hooks.ts";
import { claimableMembers } from "./pool-leaving.ts";
import { memberUnfit, type PoolWork } from "./pool-steps.ts";
import { locate, syncWorktrees } from "./projects.ts";
import { refuseWithin } from "./running-commands.ts";
import type { StepContext } from "./steps.ts";
import { adviseOnStorage } from "./storage-findings.ts";
import { bringUp, reportServices } from "./up-environment.ts";
import { withUserHooks } from "./user-hooks.ts";
import type { World } from "./world.ts";

export async function createEnvironment(world: World, request: CreateRequest, call: Call): Promise<CreateResult> {
  const callerEnv = callerEnvironment(request.env);
  const git = createGit(callerEnv);
  const { project } = await locate(world, git, request.cwd);
  const result = await createNamed(world, { request, project, git, callerEnv }, call);
  const environment = world.ledger.environments({ projectId: project.id }).find(({ slug }) => slug === result.environment.slug);
  if (environment && request.hooks !== false) {
    const subject = { project, environment, git, callerEnv, cwd: request.cwd, operation: "create" };
    await runHooksAfterUp(world, { ...subject, services: "all", up: request.up }, call);
  }
  return result;
}

/** One create of a branch at a time: whoever comes second finds the environment of the first. */
function createNamed(world: World, creation: Creation, call: Call): Promise<CreateResult> {
  const { request, project } = creation;
  const known = world.ledger.environments({ projectId: project.id }).filter((one) => [one.branch, one.slug].includes(request.branch));
  for (const one of known) refuseWithin(world, one, call.within);
  const key = `create:${project.id}:${request.branch}`;
  if (world.locks.busy(key)) call.emit({ type: "note", message: `Another create of ${request.branch} is under way; waiting for it.` });
  return world.locks.run(key, () => createUnlessThere(world, creation, call), call.abort);
}

async function createUnlessThere(world: World, creation: Creation, call: Call): Promise<CreateResult> {
  const { request, project, git } = creation;
  // It only reads: it need not wait for what git says about the worktrees there are.
  const planning = planBranch(git, { root: project.root, branch: request.branch, from: request.from ?? null });
  planning.catch(() => undefined);
  await syncWorktrees(world, git, project);
  const existing = await existingEnvironment(world, creation);
  if (!existing && request.resume) throw nothingToResume(request.branch);
  if (!existing) return createNew(world, { ...creation, planning }, call);
  if (await isStaying(world, existing, call)) return bringUpExisting(world, { ...creation, environment: existing }, call);
  return createUnlessThere(world, creation, call);
}

/** Waits for a deletion, or the undoing of a create that a crash cut off, to end: false when it took the environment away. */
async function isStaying(world: World, environment: EnvironmentRecord, call: Call): Promise<boolean> {
  const mayGo = ({ kind }: OperationRecord) => kind === "delete" || kind === "create";
  if (!world.ledger.operations({ environmentId: environment.id }).some(mayGo)) return true;
  return withEnvironment(world, environment, { call, work: async () => world.ledger.environment(environment.id) !== null });
}

interface Creation {
  request: CreateRequest;
  project: ProjectRecord;
  git: Git;
  callerEnv: Record<string, string>;
  /** Its hooks before the create have run. */
  retried?: boolean;
}

/** By branch; by slug only where git knows no branch of that name. */
async function existingEnvironment(world: World, { request, project, git }: Creation): Promise<EnvironmentRecord | null> {
  const environments = world.ledger.environments({ projectId: project.id });
  const bySlug = environments.find((one) => one.slug === request.branch && !one.main);
  let found = environments.find((one) => one.branch === request.branch);
  if (!found && bySlug) {
    const branch = await planBranch(git, { root: project.root, branch: request.branch, from: null }).catch(() => null);
    if (branch === null || branch.kind === "new") found = bySlug;
  }
  if (found && request.from !== undefined) {
    throw new WtError({
      kind: "refused",
      code: "from_with_existing_branch",
      message: `${found.slug} exists already, so --from ${request.from} would change nothing.`,
      hints: [`Leave --from out, or choose another branch name.`],
    });
  }
  return found ?? null;
}

async function bringUpExisting(world: World, creation: Creation & { environment: EnvironmentRecord }, call: Call): Promise<CreateResult> {
  const { environment, request, project, git, callerEnv } = creation;
  const incomplete = readIncomplete(world, environment.id);
  if (incomplete && !request.resume) throw incompleteError(environment, incomplete);
  call.emit({ type: "note", message: existsAlready(environment) });
  const services = request.up ? "all" : "none";
  if (request.up || incomplete)
    await bringUp(
      world,
      { project, environment, git, callerEnv, services, anew: false, cwd: request.cwd, hooks: request.hooks, setup: request.setup },
      call,
    );
  return { ...(await environmentDocument(world, gitForResult(request, git), environment.id)), created: false };
}

/** Its branch, too, where the slug does not tell: `a-b` may have been made for `a/b`. */
function existsAlready({ slug, branch, path }: EnvironmentRecord): string {
  return `${slug} exists already${branch === null || branch === slug ? "" : `, of branch ${branch}`}, at ${path}.`;
}

async function createNew(world: World, creation: Creation & { planning: Promise<BranchPlan> }, call: Call): Promise<CreateResult> {
  const { request, project, git } = creation;
  const branch = await creation.planning;
  // `origin/topic` means the branch `topic`, which somebody else may be creating by that name. Names only get shorter, so no two wait for each other.
  if (branch.branch !== request.branch) return createNamed(world, { ...creation, request: { ...request, branch: branch.branch } }, call);
  const files = treeFiles(git, { root: project.root, commit: branch.commit });
  const config = await readConfig(project, files);
  const elsewhere = config.worktrees !== null && leavesNeighbourhood(config.worktrees);
  const hooked = request.hooks !== false && Object.keys(config.hooks).length > 0;
  const prepares = hooked || config.compose !== null || config.setup.length > 0 || Object.keys(config.resources).length > 0;
  if (elsewhere || prepares || (request.up && config.services.length > 0)) {
    const name = branch.kind === "new" ? (request.from ?? branch.commit.slice(0, 12)) : request.branch;
    await requireTrust(world, project, { config, files, name });
  }
  const hookedConfig = request.hooks === false ? config : await withUserHooks(world, config);
  const beforeCreate = await prepareBeforeCreate(world, {
    project,
    cwd: request.cwd,
    wanted: request.hooks !== false && !creation.retried,
  });
  const untouched = request.pool === false || request.setup === false ? new Set<string>() : await claimableMembers(world, project);
  call.abort.throwIfAborted();
  const { environment, operation, pool } = claimEnvironment(world, { project, request, config, branch, untouched });
  const session: EnvironmentSession = { project, environment, config: hookedConfig, git, callerEnv: creation.callerEnv };
  const building = { session, branch, operation, request, beforeCreate, pool };
  const built = world.locks.run(`environment:${environment.id}`, () => buildClaimed(world, building, call));
  return (pool ? built.catch((error) => withoutPool(world, creation, { error, call })) : built).finally(() => {
    world.pool.noteCaller(project.id, creation.callerEnv);
    world.pool.wake();
  });
}

/** What was prepared did not fit, and is gone: the environment is made from the beginning. Any other failure is passed on. */
async function withoutPool(
  world: World,
  creation: Creation & { planning: Promise<BranchPlan> },
  { error, call }: { error: unknown; call: Call },
): Promise<CreateResult> {
  const failure = WtError.from(error);
  if (failure.code !== memberUnfit) throw error;
  call.emit({ type: "note", message: `${failure.message} Making it from the beginning.` });
  return createNew(world, { ...creation, request: { ...creation.request, pool: false }, retried: true }, call);
}

interface Building {
  session: EnvironmentSession;
  branch: BranchPlan;
  operation: string;
  request: CreateRequest;
  beforeCreate: Awaited<ReturnType<typeof prepareBeforeCreate>>;
  pool: PoolWork | null;
}

async function buildClaimed(world: World, building: Building, call: Call): Promise<CreateResult> {
  const { session, branch, operation, request } = building;
  const { environment } = session;
  const context: StepContext = {
    world,
    session,
    ...call,
    branchPlan: branch,
    branchCommit: null,
    outcome: { rescueRefs: [], branch: null },
    withoutSetup: request.setup === false,
    ...(building.pool ? { pool: building.pool } : {}),
  };
  const services = request.up ? session.config.services.map((service) => service.name) : [];
  try {
    const wanted: WantedEnvironment = { presence: "present", up: services, down: [], anew: [], rescue: false, deleteBranch: false };
    if (request.up) world.ledger.updateEnvironment(environment.id, { wanted: "up" });
    await building.beforeCreate(session, operation, call);
    if (request.hooks !== false) expectAfterCreate(world, session);
    if (building.pool) await runPlan(claimPlan, context, operation);
    const observed = await observeEnvironment(world, environment, { config: session.config, definitions: {} });
    const plan = planEnvironment(wanted, observed, session.config).filter((step) => request.setup !== false || !isSetup(step));
    const starts = plan.filter(({ kind }) => kind === "start");
    await runPlan(plan.slice(0, plan.length - starts.length), context, operation);
    if (request.up && request.hooks !== false) {
      await runHooks(world, { session, event: "before_up", operation: "create", services, journal: operation }, call);
    }
    await runPlan(starts, context, operation);
    for (const service of session.config.services) world.supervisor.announce(environment.id, servicePlan(world, session, service));
    world.gateway.sync(environment.id);
    if (request.up) await warnOfGateway(world, call);
    await adviseOnStorage(world, environment.id, call);
    const stopListening = reportServices(world, environment, call);
    await world.supervisor.whenSettled(environment.id, services, call.abort).finally(stopListening);
  } catch (error) {
    await giveUp(world, { context, operation }, WtError.from(call.abort.aborted ? cancelled(environment) : error));
  }
  endOperation(world, { id: operation, environmentId: environment.id });
  await awaitHealth(world, environment, { services, abort: call.abort });
  return { ...(await environmentDocument(world, gitForResult(request, session.git), environment.id)), created: true };
}

function gitForResult(request: CreateRequest, git: Git): Git | null {
  return request.git === "skip" ? null : git;
}

function cancelled(environment: EnvironmentRecord): WtError {
  return new WtError({
    kind: "cancelled",
    code: "cancelled",
    message: `Creating ${environment.slug} was cancelled, and what had been made is gone again.`,
  });
}

/** Keeps what was made where a person can mend the cause, else takes it back. Always throws. */
async function giveUp(world: World, failed: { context: StepContext; operation: string }, cause: WtError): Promise<never> {
  const { environment } = failed.context.session;
  const step = world.ledger.operations({ environmentId: environment.id }).find(({ id }) => id === failed.operation)?.step ?? null;
  if (step === null || !isKept(environment, { step, failure: cause }) || !keep(world, failed, { step, cause })) {
    return rollBack(world, failed, withoutLog(cause));
  }
  world.changes.emit(environment.id);
  throw keptFailure(environment, { step, failure: cause });
}

/** False when the ledger cannot say so: then it would look like a create that is still under way. */
function keep(
  world: World,
  failed: { context: StepContext; operation: string },
  { step, cause }: { step: string; cause: WtError },
): boolean {
  const { id } = failed.context.session.environment;
  try {
    world.ledger.transaction(() => {
      markIncomplete(world, id, incompleteAt(step, cause));
      world.ledger.updateEnvironment(id, { wanted: "down" });
      world.ledger.endOperation(failed.operation);
    });
    return true;
  } catch (error) {
    world.report(error);
    return false;
  }
}

/** Always throws `cause`; a failure of the roll-back itself never hides it and is left to the next daemon start, which tries again. */
async function rollBack(world: World, failed: { context: StepContext; operation: string }, cause: WtError): Promise<never> {
  const { context, operation } = failed;
  const { environment } = context.session;
  context.emit({ type: "note", message: "Rolling back." });
  try {
    await rollBackCreate(world, context, operation);
  } catch (error) {
    world.report(error);
    context.emit({ type: "note", message: `Not everything of ${environment.slug} could be given back: ${WtError.from(error).message}` });
  }
  world.changes.emit(environment.id);
  throw cause;
}

/** Idempotent; also what the next daemon does with a create that a crash cut off. */
export async function rollBackCreate(world: World, context: StepContext, operation: string): Promise<void> {
  const { environment } = context.session;
  const wanted: WantedEnvironment = { presence: "rolled_back", up: [], down: [], anew: [], rescue: false, deleteBranch: false };
  const observed = await observeEnvironment(world, environment, { config: null, definitions: {} });
  await runPlan(planEnvironment(wanted, observed, null), { ...context, abort: never() }, operation);
}
