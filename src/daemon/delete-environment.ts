// `wt delete`: refuses to lose work, stops and verifies, then removes worktree, branch, leases. Once begun it is carried to its end,
// by the next daemon if need be.
import type { DeleteRequest, DeleteResult } from "../api/environment.ts";
import type { EnvironmentRecord, OperationRecord, ProjectRecord } from "../environment/ledger.ts";
import { planEnvironment, type WantedEnvironment } from "../environment/plan.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit, type Git } from "../git/git.ts";
import { assessLoss, type LossReport } from "../git/integration.ts";
import { defaultBranch } from "../git/repository.ts";
import { listWorktrees } from "../git/worktrees.ts";
import type { Abandoning } from "./abandon.ts";
import { type AgentConsent, endAgents, refuseLiveAgents } from "./agent-end.ts";
import { afterEngineReturns } from "./deletion-waits.ts";
import { emptyConfig } from "./empty-config.ts";
import { withEnvironment } from "./environment-lock.ts";
import { observeEnvironment } from "./environment-observer.ts";
import { callerEnvironment } from "./environment-session.ts";
import { beginOperation, type Call, callOffDeletion, endOperation, never, runPlan } from "./journaled-run.ts";
import { dayMs, keepDays } from "./kept-environment.ts";
import { settleKept } from "./kept-upkeep.ts";
import { afterResumedDeletion, endedBeforeDeletion, noDeletionHooks, prepareDeletionHooks } from "./operation-hooks.ts";
import { locateTarget } from "./projects.ts";
import { refuseMain } from "./refuse-main.ts";
import type { StepContext } from "./steps.ts";
import { keptDirectory } from "./trash.ts";
import { worktreeExists } from "./worktree-exists.ts";
import type { World } from "./world.ts";

interface Consent {
  force: boolean;
  branch: boolean;
  /** Nothing is kept, not even under a rescue ref. */
  purge: boolean;
  /** What cannot be removed may stay where it is. */
  abandon: boolean;
}

export async function deleteEnvironment(world: World, request: DeleteRequest, call: Call): Promise<DeleteResult> {
  const git = createGit(world.env);
  const { project, environment } = await locateTarget(world, git, request.target);
  refuseMain(world, environment);
  const consent: Consent = {
    force: request.force,
    branch: request.branch,
    purge: request.purge === true,
    abandon: request.abandon === true,
  };
  const agents: AgentConsent = { agents: request.agents === true, callerPid: request.callerPid ?? null };
  const callerEnv = callerEnvironment(request.env ?? world.env);
  let hooks = noDeletionHooks;
  const result = await withEnvironment(world, environment, {
    call,
    work: async () => {
      const current = world.ledger.environment(environment.id);
      if (!current) return alreadyGone(environment);
      callOffDeletion(world, current);
      const seen = await lossOf(git, project, current);
      const days = await keepDays(world, project, current);
      refuseLoss({ project, environment: current, days }, seen, consent);
      const refuseNewAgents = await refuseLiveAgents(world, current, agents);
      const subject = { project, environment: current, git, callerEnv, cwd: request.target.cwd, consent };
      if (request.hooks !== false) hooks = await prepareDeletionHooks(world, subject, call);
      call.abort.throwIfAborted();
      const agentsEnded = await endAgents(world, current, agents);
      const keepUntilMs = keepUntil(world, current, consent.purge ? 0 : days);
      const data = {
        ...consent,
        keepUntilMs,
        wanted: current.wanted,
        unsavedFiles: seen.dirty + seen.untracked,
        hooks: request.hooks !== false,
      };
      refuseNewAgents();
      const operation = beginOperation(world, { environmentId: current.id, kind: "delete", data });
      await hooks.runBefore(operation, call).catch((error) => {
        endOperation(world, { id: operation, environmentId: current.id });
        throw error;
      });
      world.ledger.updateEnvironment(current.id, { wanted: "down" });
      return carryDeletion(
        world,
        { git, project, environment: current, consent, operation, seen: hooks.before || agentsEnded ? null : seen, keepUntilMs },
        call,
      );
    },
  });
  await hooks.runAfter(call);
  return result;
}

interface Deletion {
  git: Git;
  project: ProjectRecord;
  environment: EnvironmentRecord;
  consent: Consent;
  operation: string;
  /** Until when it can be brought back; null: it cannot. */
  keepUntilMs: number | null;
  /** What the look right before found; null after a crash. */
  seen: LossReport | null;
}

/** Stops, looks again (services write files), removes. A refusal on the second look ends the operation and keeps everything. */
async function carryDeletion(world: World, deletion: Deletion, call: Call): Promise<DeleteResult> {
  const { git, project, environment, consent, operation, seen, keepUntilMs } = deletion;
  const session = { project, environment, git, config: emptyConfig(project.name), callerEnv: world.env };
  const abandoned: DeleteResult["abandoned"] = [];
  const context: StepContext = {
    world,
    session,
    emit: call.emit,
    abort: never(),
    branchPlan: null,
    branchCommit: null,
    keepUntilMs,
    purge: consent.purge,
    abandoning: abandoningOf(deletion, abandoned),
    outcome: { rescueRefs: [], branch: null },
  };
  try {
    const running = world.supervisor.runners(environment.id).map((runner) => runner.name);
    if (running.length > 0) await runPlan([{ kind: "stop", services: running }], context, operation);
    // Looking costs a walk over every file; where nothing had to be stopped, nothing has been written since.
    const loss = running.length === 0 && seen ? seen : await lossOf(git, project, environment);
    refuseLoss({ ...deletion, days: keepUntilMs === null ? 0 : 1 }, loss, consent);
    const branch = await branchToDelete(git, deletion, loss);
    context.branchCommit = branch;
    const wanted: WantedEnvironment = {
      presence: "absent",
      up: [],
      down: [],
      anew: [],
      rescue: consent.force && !consent.purge && (!loss.known || isUnsaved(loss)),
      deleteBranch: branch !== null,
      keep: keepUntilMs === null ? null : { dirty: !loss.known || isUnsaved(loss) },
    };
    const observed = await observeEnvironment(world, environment, { config: null, definitions: {} });
    await runPlan(planEnvironment(wanted, observed, null), context, operation);
    if (keepUntilMs !== null) void settleKept(world, environment.id);
    return {
      slug: environment.slug,
      branch: environment.branch,
      branchOutcome: outcomeOf(context, loss),
      rescueRefs: context.outcome.rescueRefs,
      undeleteUntil: keepUntilMs === null ? null : new Date(keepUntilMs).toISOString(),
      abandoned,
    };
  } catch (error) {
    const failure = WtError.from(error);
    // Refused: nothing irrevocable was done. Anything else keeps its journal row, so that the deletion is carried on.
    if (failure.kind === "refused") endOperation(world, { id: operation, environmentId: environment.id });
    if (failure.kind === "refused" || consent.abandon) throw failure;
    throw await afterEngineReturns(world, { environment, operation, failure, carryOn: () => carryOn(world, deletion) });
  } finally {
    world.changes.emit(environment.id);
  }
}

function abandoningOf({ environment, consent }: Deletion, abandoned: DeleteResult["abandoned"]): Abandoning {
  const given = [...(consent.force ? ["--force"] : []), ...(consent.branch ? ["--branch"] : []), ...(consent.purge ? ["--purge"] : [])];
  return {
    consent: consent.abandon,
    command: ["wt delete", environment.slug, ...given, "--abandon"].join(" "),
    left: (what, reason) => {
      if (!abandoned.some((one) => one.what === what)) abandoned.push({ what, reason });
    },
  };
}

/** Called off meanwhile, or asked for again: then it is somebody else's. */
async function carryOn(world: World, { environment, operation }: Deletion): Promise<void> {
  const waiting = world.ledger.operations({ environmentId: environment.id }).find(({ id }) => id === operation);
  const current = world.ledger.environment(environment.id);
  const project = current && world.ledger.project(current.projectId);
  if (waiting && current && project) await resumeDeletion(world, waiting, { project, environment: current });
}

/** Carries on a deletion that a crash cut off; its consent is in the journal. */
export async function resumeDeletion(
  world: World,
  operation: OperationRecord,
  found: { project: ProjectRecord; environment: EnvironmentRecord },
): Promise<void> {
  if (endedBeforeDeletion(world, operation)) return;
  const { force, branch, purge, abandon, keepUntilMs } = operation.data;
  const consent: Consent = { force: force === true, branch: branch === true, purge: purge === true, abandon: abandon === true };
  await carryDeletion(
    world,
    {
      git: createGit(world.env),
      ...found,
      consent,
      operation: operation.id,
      seen: null,
      keepUntilMs: typeof keepUntilMs === "number" ? keepUntilMs : null,
    },
    { emit: () => undefined, abort: never() },
  );
  await afterResumedDeletion(world, operation, found);
}

/** What is not there any more cannot be kept, but a deletion that was cut off may have put it away already. */
function keepUntil(world: World, environment: EnvironmentRecord, days: number): number | null {
  const begun = world.ledger.operations({ environmentId: environment.id }).some(({ data }) => typeof data.keepUntilMs === "number");
  return days > 0 && (begun || worktreeExists(environment)) ? world.clock.now() + days * dayMs : null;
}

async function lossOf(git: Git, project: ProjectRecord, environment: EnvironmentRecord): Promise<LossReport> {
  const baseBranch = await baseBranchOf(git, project);
  return assessLoss(git, { root: project.root, path: environment.path, branch: environment.branch, baseBranch });
}

async function baseBranchOf(git: Git, project: ProjectRecord): Promise<string | null> {
  return defaultBranch(git, { mainRoot: project.root });
}

function isUnsaved(loss: LossReport): boolean {
  return loss.dirty > 0 || loss.untracked > 0 || loss.submodulesDirty || loss.inProgress !== null || loss.loose > 0;
}

function refuseLoss(
  { project, environment, days }: Pick<Deletion, "project" | "environment"> & { days: number },
  loss: LossReport,
  consent: Consent,
): void {
  if (loss.lockedReason !== null) {
    throw new WtError({
      kind: "refused",
      code: "worktree_locked",
      message: `The worktree of ${environment.slug} is locked${loss.lockedReason ? `: ${loss.lockedReason}` : ""}.`,
      hints: [`Run \`git worktree unlock ${environment.path}\`, then try again.`],
    });
  }
  if (consent.force) return;
  if (loss.remains.length > 0) throw filesLeft(project, environment, loss.remains);
  const reasons = lossReasons(loss);
  if (reasons.length === 0) return;
  throw new WtError({
    kind: "refused",
    code: loss.known ? "unsaved_work" : "work_unknown",
    message: `${environment.slug} has ${reasons.join(", ")}.`,
    hints: [
      loss.loose > 0 ? "Give it a branch (git switch -c <branch>), then try again." : "Commit it, then try again.",
      `Run \`wt delete ${environment.slug} --force\` to delete it all the same; ${days > 0 ? "`wt undelete` brings it back" : "a rescue ref keeps the work"}.`,
    ],
    details: { dirty: loss.dirty, untracked: loss.untracked, unpushed: loss.loose, inProgress: loss.inProgress },
  });
}

function filesLeft(project: ProjectRecord, environment: EnvironmentRecord, files: string[]): WtError {
  const more = files.length > 3 ? " and more" : "";
  return new WtError({
    kind: "refused",
    code: "files_left",
    message: `The worktree of ${environment.slug} is gone, but its directory ${environment.path} still has files: ${files.slice(0, 3).join(", ")}${more}.`,
    hints: [
      "Move them away or remove them, then try again.",
      `Run \`wt delete ${environment.slug} --force\` to move the directory into ${keptDirectory(project)} and delete the rest.`,
    ],
    details: { path: environment.path, files },
  });
}

function lossReasons(loss: LossReport): string[] {
  const count = (number: number, one: string, many: string) => (number === 0 ? [] : [`${number} ${number === 1 ? one : many}`]);
  return [
    ...(loss.known ? [] : ["work that could not be examined"]),
    ...count(loss.dirty, "uncommitted change", "uncommitted changes"),
    ...count(loss.untracked, "untracked file", "untracked files"),
    ...(loss.submodulesDirty ? ["changes in a submodule"] : []),
    ...(loss.inProgress ? [`a ${loss.inProgress} in progress`] : []),
    // Those of the branch are not among them: without --branch it stays, and that is a consent of its own.
    ...count(loss.loose, "commit that no branch has", "commits that no branch has"),
  ];
}

/** The branch goes when its work is on the base, or when the user said so; never the base itself or one that is checked out elsewhere. */
async function branchToDelete(git: Git, deletion: Deletion, loss: LossReport): Promise<StepContext["branchCommit"]> {
  const { project, environment, consent } = deletion;
  const branch = environment.branch;
  if (branch === null || (!loss.integrated && !consent.branch)) return null;
  if (branch === (await baseBranchOf(git, project))) return null;
  const elsewhere = (await listWorktrees(git, project.root)).some((one) => one.branch === branch && one.path !== environment.path);
  if (elsewhere) return null;
  const commit = (await git.run(project.root, ["rev-parse", "--verify", "--quiet", `refs/heads/${branch}`], { allow: [1] })).trim();
  const reachable = loss.how === "same_commit" || loss.how === "ancestor";
  return commit === "" ? null : { commit, integrated: loss.integrated, reachable };
}

function outcomeOf(context: StepContext, loss: LossReport): DeleteResult["branchOutcome"] {
  const { environment } = context.session;
  if (environment.branch === null) return "none";
  if (context.outcome.branch === "deleted") return "deleted";
  if (context.outcome.branch === "checked_out") return "kept_checked_out";
  return loss.integrated ? "kept_not_ours" : "kept_unmerged";
}

function alreadyGone(environment: EnvironmentRecord): DeleteResult {
  return { slug: environment.slug, branch: environment.branch, branchOutcome: "none", rescueRefs: [], undeleteUntil: null, abandoned: [] };
}
