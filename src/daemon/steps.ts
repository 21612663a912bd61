// What each step of a plan does on this machine.
import { join } from "node:path";
import type { OperationEvent } from "../api/environment.ts";
import { isMainShared } from "../config/resource-references.ts";
import type { StepPerformers } from "../environment/apply-plan.ts";
import type { Lease } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import type { BranchPlan } from "../git/branches.ts";
import { deleteBranch } from "../git/branches.ts";
import { finishMove } from "../git/pool-worktree.ts";
import { readSkipped, saveBranchRescue, saveRescue } from "../git/rescue.ts";
import { isWorktreeThere, moveRemains } from "../git/worktree-remains.ts";
import { addWorktree, removeWorktree, undoAddWorktree } from "../git/worktrees.ts";
import { removeResourcePlace } from "../os/storage-image.ts";
import type { ResourceCall } from "../resource/resource-driver.ts";
import { type Abandoning, endOrAbandon, removeOrAbandon } from "./abandon.ts";
import { awaitCopies, type BackgroundCopies } from "./background-copies.ts";
import { performClone } from "./clone-step.ts";
import { makeContainers, removeContainers } from "./containers.ts";
import { discardKept } from "./discard-kept.ts";
import { noteMainSchema } from "./drift.ts";
import { warnOfOverrides } from "./env-files.ts";
import { markFilled } from "./environment-observer.ts";
import { commandEnvironment, type EnvironmentSession, servicePlan } from "./environment-session.ts";
import { copyFiles } from "./fill-files.ts";
import { configuredSource } from "./fork-source.ts";
import { keptPerformers, releaseKept } from "./kept-steps.ts";
import { ensureMainResource } from "./main-resource.ts";
import { resourceContainer } from "./one-off.ts";
import { makeMemberWorktree, memberLease, type PoolWork, poolPerformers } from "./pool-steps.ts";
import { ensurePort } from "./port-leases.ts";
import { prepareStack } from "./prepare-stack.ts";
import { removeDirectory } from "./remove-directory.ts";
import { wantedOptions } from "./resource-options.ts";
import { ensureResource, leasedResources, removeResource, wakeResources } from "./resources.ts";
import { runSetup } from "./setup-runner.ts";
import { performSetup, performTogether } from "./setup-steps.ts";
import { emptyTrash, keptDirectory, removeEmptyParent, trashDirectory } from "./trash.ts";
import { worktreeExists } from "./worktree-exists.ts";
import { noteMount } from "./worktree-presence.ts";
import type { World } from "./world.ts";

export interface StepContext {
  world: World;
  session: EnvironmentSession;
  emit: (event: OperationEvent<never>) => void;
  abort: AbortSignal;
  within?: string | undefined;
  /** Only `create` has one. */
  branchPlan: BranchPlan | null;
  /** Only `delete`: the branch's commit that the safety check saw, and whether its work is on the base already. */
  branchCommit: { commit: string; integrated: boolean; reachable: boolean } | null;
  /** Setup commands are left to another time. */
  withoutSetup?: boolean;
  /** Filled in by the steps. */
  copies?: BackgroundCopies;
  /** Only `delete`: until when it can be brought back; null or absent: not at all. */
  keepUntilMs?: number | null;
  /** Only `delete`: nothing at all is kept. */
  purge?: boolean;
  /** Only `delete`. */
  abandoning?: Abandoning;
  outcome: { rescueRefs: string[]; branch: "deleted" | "checked_out" | "raced" | "absent" | null };
  /** Only where a member of the pool is prepared, refreshed or claimed. */
  pool?: PoolWork;
}

export function stepPerformers(context: StepContext): StepPerformers {
  const { world, session } = context;
  const { environment } = session;
  return {
    worktree: () => createWorktree(context),
    copy: (step) => copyFiles({ ...filling(context), patterns: step.patterns, include: step.include }),
    clone: (step) => performClone(context, step.directories),
    ports: async (step) => {
      for (const name of step.services) {
        const service = session.config.services.find((one) => one.name === name);
        if (service) await ensurePort(world, environment, service);
      }
    },
    stack: () => prepareStack(context),
    remove_stack: (step) => removeStack(context, step.volumes),
    setup: (step) => performSetup(context, step.index),
    setup_together: (step) => performTogether(context, step.steps),
    resource: (step) => performResource(context, step.name),
    start: async (step) => startServices(context, step.services, false),
    restart: async (step) => startServices(context, step.services, true),
    stop: (step) => endServices(context, () => world.supervisor.stop(environment.id, step.services)),
    sweep: () => endServices(context, () => world.supervisor.sweep(environment)),
    rescue: async () => {
      // A deletion that is carried on after a crash may have removed it already, with its work rescued before.
      if (!worktreeExists(environment)) return;
      await refuseNested(context);
      const where = { root: session.project.root, path: environment.path, slug: environment.slug, branch: environment.branch };
      const refs = await saveRescue(session.git, { ...where, nowMs: world.clock.now() });
      context.outcome.rescueRefs.push(...refs);
    },
    remove_resource: (step) => dropResource(context, step.name),
    remove_worktree: () => dropWorktree(context),
    undo_worktree: () => undoWorktree(context),
    delete_branch: () => dropBranch(context),
    remove_files: async () => {
      await removeDirectory(join(world.paths.environments, environment.id));
      await removeResourcePlace(world.paths.state, environment.id);
    },
    release: async () => releaseAll(context),
    ...keptPerformers(context),
    ...poolPerformers(context),
  };
}

async function dropResource({ world, session, abandoning }: StepContext, name: string): Promise<void> {
  const remove = () => removeResource(world, session.environment, name);
  if (!abandoning) return remove();
  await removeOrAbandon(name, abandoning, remove);
}

const itsContainers = "its containers";

async function endServices({ abandoning }: StepContext, end: () => Promise<void>): Promise<void> {
  if (!abandoning) return end();
  await endOrAbandon(itsContainers, abandoning, end);
}

async function removeStack({ world, session, abandoning }: StepContext, volumes: boolean): Promise<void> {
  const remove = () => removeContainers(world, session.environment, { volumes });
  if (!abandoning) return remove();
  await removeOrAbandon(itsContainers, abandoning, remove);
}

function filling({ session, abort, emit }: StepContext) {
  const { git, project, environment } = session;
  const note = (message: string) => emit({ type: "note", message });
  return { git, from: project.root, to: environment.path, abort, note };
}

/** Repositories inside the worktree cannot be kept under a ref of this one, so not even `--force` deletes them. */
async function refuseNested({ session }: StepContext): Promise<void> {
  const { path, slug } = session.environment;
  const { repositories, submodules } = await readSkipped(session.git, path);
  const nested = [...repositories, ...submodules];
  if (nested.length === 0) return;
  throw new WtError({
    kind: "refused",
    code: "nested_repositories",
    message: `${slug} holds work of other repositories, which no rescue ref can keep: ${nested.join(", ")}.`,
    hints: [`Push or move it away from ${path}, then try again.`],
    details: { repositories, submodules },
  });
}

function worktreeLease({ world, session }: StepContext): Lease | undefined {
  return world.ledger.leases({ environmentId: session.environment.id, kind: "worktree" })[0];
}

async function createWorktree(context: StepContext): Promise<void> {
  const { world, session, branchPlan } = context;
  const { environment, project } = session;
  const branch = environment.branch;
  if (context.pool) return makeMemberWorktree(context, context.pool);
  if (!branchPlan || branch === null) {
    throw new WtError({
      kind: "machine",
      code: "worktree_missing",
      message: `The directory of ${environment.slug}, ${environment.path}, is gone.`,
      hints: [`Run \`wt delete ${environment.slug}\` to give the rest back.`],
    });
  }
  const lease = worktreeLease(context);
  try {
    await addWorktree(session.git, { root: project.root, path: environment.path, branch, plan: branchPlan, abort: context.abort });
  } catch (error) {
    // Refused: what is at the path is somebody else's. Anything else has taken back what it made, and the roll-back makes sure of that.
    if (lease && WtError.from(error).kind === "refused") world.ledger.updateLease(lease.id, { data: { ...lease.data, takenBack: true } });
    throw error;
  }
  if (lease) world.ledger.updateLease(lease.id, { state: "present" });
  noteMount(world, environment);
}

async function performResource(context: StepContext, name: string): Promise<void> {
  const { world, session } = context;
  // While something is being copied, that is not done yet.
  if (!context.copies?.pending.length) markFilled(context);
  const resource = session.config.resources[name];
  if (resource && isMainShared(resource) && !session.environment.main) await ensureMainResource(world, session, { name, call: context });
  const leased = leasedResources(world, session.environment.id).find((one) => one.spec.name === name);
  // One that is made keeps its content, whatever has become of the one it began with.
  const source = leased?.connection ? null : await configuredSource(world, session, name);
  await ensureResource(world, session, { name, call: resourceCall(context, name), options: wantedOptions(world, session, name), source });
  noteMainSchema(world, session.environment.id, name);
}

/** A resource's commands (references resolved) run like setup commands: in the worktree, marked, logged, with the environment's variables and their own. */
export function resourceCall(context: StepContext, name: string): ResourceCall {
  const { world, session, emit, abort } = context;
  const step = `resource:${name}`;
  const place = `resources.${name}`;
  const report = (line: string) => emit({ type: "output", step, stream: "stdout", line });
  return {
    abort,
    report,
    env: session.callerEnv,
    run: async (command, variables) => {
      await awaitCopies(context);
      const container = await resourceContainer(context, { name, variables });
      return runSetup(world, {
        environment: session.environment,
        name: step,
        place,
        command,
        directory: ".",
        env: { ...commandEnvironment(world, session), ...variables },
        output: report,
        abort,
        within: context.within,
        ...(container ? { container } : {}),
        gentle: context.pool !== undefined && context.pool.from === null,
      });
    },
  };
}

async function startServices(context: StepContext, names: readonly string[], anew: boolean): Promise<void> {
  const { world, session } = context;
  markFilled(context);
  const plans = session.config.services.filter((one) => names.includes(one.name)).map((one) => servicePlan(world, session, one));
  await warnOfOverrides(world, session, context);
  if (anew) await world.supervisor.stop(session.environment.id, names);
  await wakeResources(world, session.environment.id);
  await makeContainers(context, names);
  // All plans first: a service waits only for needs that are known, and the gateway can say that they are starting.
  for (const plan of plans) world.supervisor.announce(session.environment.id, plan);
  world.gateway.sync(session.environment.id);
  for (const plan of plans) world.supervisor.start(session.environment.id, plan);
}

async function dropWorktree(context: StepContext): Promise<void> {
  const { world, session } = context;
  const { environment, project } = session;
  const lease = worktreeLease(context);
  if (lease) world.ledger.updateLease(lease.id, { state: "removing" });
  const place = { root: project.root, path: environment.path, trash: trashDirectory(project) };
  const kept = await moveRemains(session.git, { ...place, gitCommonDir: project.gitCommonDir, kept: keptDirectory(project) });
  if (kept !== null) context.emit({ type: "note", message: `What was left in ${environment.path} is kept in ${kept}.` });
  await removeWorktree(session.git, place);
  await discardKept(session.git, project, environment);
  await removeEmptyParent(project, environment.path);
  void emptyTrash(world, project);
}

async function undoWorktree(context: StepContext): Promise<void> {
  const { world, session } = context;
  const { environment, project } = session;
  const branchLease = world.ledger.leases({ environmentId: environment.id, kind: "branch" })[0];
  const createdBranchAt = branchLease ? String(branchLease.data.commit) : null;
  const { branch, slug } = environment;
  const member = memberLease(worktreeLease(context));
  if (branch === null && member === null) return;
  if (member?.from) await finishMove(session.git, { root: project.root, from: member.from, to: environment.path });
  // It may lie where it lay in the pool still.
  const path = member?.from && isWorktreeThere(member.from) ? member.from : environment.path;
  const detached = { branch: branch ?? "", detachedAt: member?.commit ?? null };
  try {
    await undoAddWorktree(session.git, { root: project.root, path, createdBranchAt, ...detached });
  } catch (error) {
    if (WtError.from(error).code !== "worktree_has_changes") throw error;
    // A setup command wrote files, and somebody may have written others: all of it is kept under a rescue ref.
    const refs = await saveRescue(session.git, { root: project.root, path, slug, branch, nowMs: world.clock.now() });
    context.emit({ type: "note", message: `Files in the worktree are kept as ${refs.at(-1)}.` });
    await removeWorktree(session.git, { root: project.root, path, trash: trashDirectory(project) });
    if (branch !== null && createdBranchAt !== null)
      await deleteBranch(session.git, { root: project.root, branch, expectedCommit: createdBranchAt });
    void emptyTrash(world, project);
  }
}

async function dropBranch(context: StepContext): Promise<void> {
  const { world, session, branchCommit } = context;
  const { environment, project } = session;
  if (environment.branch === null || !branchCommit) return;
  if (!branchCommit.reachable && !context.keepUntilMs && !context.purge) {
    const branch = environment.branch;
    const ref = await saveBranchRescue(session.git, { root: project.root, slug: environment.slug, branch, nowMs: world.clock.now() });
    // Work that is on the base in another form (squashed, say) needs no word; the commits themselves are kept all the same.
    if (!branchCommit.integrated) context.outcome.rescueRefs.push(ref);
  }
  context.outcome.branch = await deleteBranch(session.git, {
    root: project.root,
    branch: environment.branch,
    expectedCommit: branchCommit.commit,
  });
}

function releaseAll(context: StepContext): void {
  const { world, session } = context;
  const { ledger, supervisor, gateway } = world;
  const { environment } = session;
  for (const runner of supervisor.runners(environment.id)) supervisor.forget(environment.id, runner.name);
  gateway.forget(environment.id);
  world.gitStatus.forget(environment.id);
  world.configured.forget(environment.path);
  ledger.transaction(() => {
    if (context.keepUntilMs) releaseKept(context, context.keepUntilMs);
    for (const operation of ledger.operations({ environmentId: environment.id })) ledger.endOperation(operation.id);
    for (const lease of ledger.leases({ environmentId: environment.id })) ledger.release(lease.id);
    ledger.deleteEnvironment(environment.id);
  });
}
