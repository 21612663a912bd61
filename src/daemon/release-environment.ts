// Gives back everything of an environment whose worktree somebody else removed. The branch stays: who removed a worktree said nothing about it.
import type { EnvironmentRecord, OperationRecord, ProjectRecord } from "../environment/ledger.ts";
import { planEnvironment } from "../environment/plan.ts";
import { createGit } from "../git/git.ts";
import { emptyConfig } from "./empty-config.ts";
import { withEnvironment } from "./environment-lock.ts";
import { observeEnvironment } from "./environment-observer.ts";
import { beginOperation, type Call, never, runPlan } from "./journaled-run.ts";
import type { StepContext } from "./steps.ts";
import type { World } from "./world.ts";

export interface Released {
  project: ProjectRecord;
  environment: EnvironmentRecord;
  /** Nothing that git would do can be done. */
  repositoryGone: boolean;
}

/** Ends processes, removes resources, registration, logs, leases, rows; verified like a deletion, and carried on by the next daemon. Idempotent. */
export async function releaseEnvironment(world: World, released: Released, call: Call): Promise<void> {
  const { environment } = released;
  await withEnvironment(world, environment, {
    call,
    work: async () => {
      const current = world.ledger.environment(environment.id);
      if (!current) return;
      call.abort.throwIfAborted();
      const data = { released: true, repositoryGone: released.repositoryGone };
      const operation = beginOperation(world, { environmentId: current.id, kind: "delete", data });
      world.ledger.updateEnvironment(current.id, { wanted: "down" });
      await carryRelease(world, { ...released, environment: current, operation }, call);
    },
  });
}

/** For a journal row that a daemon left; the caller holds the lock. */
export async function resumeRelease(
  world: World,
  operation: OperationRecord,
  found: { project: ProjectRecord; environment: EnvironmentRecord },
): Promise<void> {
  const repositoryGone = operation.data.repositoryGone === true;
  await carryRelease(world, { ...found, repositoryGone, operation: operation.id }, { emit: () => undefined, abort: never() });
}

export function isRelease(operation: OperationRecord): boolean {
  return operation.kind === "delete" && operation.data.released === true;
}

/** Once begun it is carried to its end. */
async function carryRelease(
  world: World,
  { project, environment, repositoryGone, operation }: Released & { operation: string },
  call: Call,
): Promise<void> {
  const session = { project, environment, git: createGit(world.env), config: emptyConfig(project.name), callerEnv: world.env };
  const context: StepContext = {
    world,
    session,
    emit: call.emit,
    abort: never(),
    branchPlan: null,
    branchCommit: null,
    outcome: { rescueRefs: [], branch: null },
  };
  const observed = await observeEnvironment(world, environment, { config: null, definitions: {} });
  const wanted = { presence: "absent" as const, up: [], down: [], anew: [], rescue: false, deleteBranch: false };
  const plan = planEnvironment(wanted, observed, null).filter(({ kind }) => !(repositoryGone && kind === "remove_worktree"));
  try {
    await runPlan(plan, context, operation);
    forgetEmptyProject(world, project, repositoryGone);
  } finally {
    world.changes.emit(environment.id);
  }
}

/** After the last environment of a repository that is gone. */
function forgetEmptyProject({ ledger, gitStatus }: World, project: ProjectRecord, repositoryGone: boolean): void {
  if (!repositoryGone || ledger.deleted({ projectId: project.id }).length > 0) return;
  ledger.transaction(() => {
    if (ledger.environments({ projectId: project.id, members: "with" }).length > 0) return;
    ledger.deleteProject(project.id);
    gitStatus.forgetProject(project.id);
  });
}
