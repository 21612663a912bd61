// The steps of a deletion that keeps what it takes away, so that `wt undelete` brings it back.
import type { StepPerformers } from "../environment/apply-plan.ts";
import type { OperationRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { type BranchSettings, readBranchSettings } from "../git/kept-branch.ts";
import { keepRefs, keepWorktree } from "../git/kept-worktree.ts";
import { removeOrAbandon } from "./abandon.ts";
import { type KeptEnvironment, keepPlace, putKept } from "./kept-environment.ts";
import { leasedPorts } from "./port-leases.ts";
import { abandonResource, leasedResources, retireResource } from "./resources.ts";
import { projectLease, stackLeases } from "./stack-leases.ts";
import type { StepContext } from "./steps.ts";
import { removeEmptyParent } from "./trash.ts";
import { worktreeExists } from "./worktree-exists.ts";
import type { World } from "./world.ts";

type KeptSteps = Pick<StepPerformers, "keep_work" | "retire_resource" | "keep_worktree">;

export function keptPerformers(context: StepContext): KeptSteps {
  const { world, session } = context;
  const { environment, project } = session;
  const place = { root: project.root, path: environment.path, keep: keepPlace(project, environment.id) };
  return {
    keep_work: (step) => keepWork(context, step.dirty),
    async retire_resource(step) {
      const retire = () => retireResource(world, environment, step.name);
      const kept = context.abandoning ? await removeOrAbandon(step.name, context.abandoning, retire) : await retire();
      // Nothing of it comes back, so nothing of it is kept.
      if (kept === undefined) abandonResource(world, environment, step.name);
      if (kept === false) context.emit({ type: "note", message: `${step.name} was removed: what it held cannot be kept.` });
    },
    async keep_worktree() {
      const [lease] = world.ledger.leases({ environmentId: environment.id, kind: "worktree" });
      if (lease) world.ledger.updateLease(lease.id, { state: "removing" });
      await keepWorktree(session.git, place);
      await removeEmptyParent(project, environment.path);
    },
  };
}

/** Also writes into the journal what nobody can find out any more once the branch and the resources are gone. */
async function keepWork(context: StepContext, dirty: boolean): Promise<void> {
  const { world, session } = context;
  const { environment, project, git } = session;
  // A deletion that is carried on after a crash has moved it away already.
  if (!worktreeExists(environment)) return;
  const { path, id, slug, branch } = environment;
  try {
    const commit = await keepRefs(git, { root: project.root, path, id, slug, branch, dirty, nowMs: world.clock.now() });
    const settings = branch === null ? [] : await readBranchSettings(git, project.root, branch);
    const names = leasedResources(world, id).map(({ spec }) => spec.name);
    const operation = deletionOf(context);
    world.ledger.advanceOperation(operation.id, "keep_work", { ...operation.data, commit, settings, names, dirty });
  } catch (cause) {
    const failure = WtError.from(cause);
    throw new WtError({
      ...failure.toWire(),
      message: `${slug} cannot be kept for \`wt undelete\`: ${failure.message}`,
      hints: [...failure.hints, `Delete it for good: wt delete ${slug} --purge`],
      cause: failure,
    });
  }
}

/** What `remove_stack` left. */
function keptStack(world: World, environmentId: string): Pick<KeptEnvironment, "stack"> {
  const lease = projectLease(world, environmentId, "environment");
  const volumes = stackLeases(world, environmentId, "environment").filter(({ kind }) => kind === "volume");
  const holding = Array.isArray(lease?.data.holding) && lease.data.holding.length > 0;
  if (!lease || (volumes.length === 0 && !holding)) return {};
  return { stack: { project: lease.key, volumes: volumes.map(({ key, data }) => ({ name: key, key: String(data.key) })) } };
}

function deletionOf({ world, session }: StepContext): OperationRecord {
  const deletions = world.ledger.operations({ environmentId: session.environment.id }).filter(({ kind }) => kind === "delete");
  // One that was tried again has a second row; the first knows what was there.
  const found = deletions.find(({ data }) => data.names !== undefined) ?? deletions[0];
  if (!found) throw new Error("a deletion without its journal row");
  return found;
}

/** Inside the transaction that takes the environment's rows away. */
export function releaseKept(context: StepContext, keepUntilMs: number): void {
  const { world, session } = context;
  const { environment } = session;
  const { data } = deletionOf(context);
  const resources = leasedResources(world, environment.id);
  const names = (data.names ?? []) as string[];
  const commit = typeof data.commit === "string" ? data.commit : null;
  const kept: KeptEnvironment = {
    // Asked to be down by now, it comes back as it was.
    environment: { ...(world.ledger.environment(environment.id) ?? environment), wanted: data.wanted === "up" ? "up" : "down" },
    resources: resources.map(({ lease }) => lease.data),
    removedResources: names.filter((name) => !resources.some(({ spec }) => spec.name === name)),
    ports: Object.entries(leasedPorts(world, environment.id)).map(([service, port]) => ({ service, port })),
    ...keptStack(world, environment.id),
    stamps: world.ledger.setupStamps(environment.id),
    branch:
      environment.branch === null || commit === null
        ? null
        : {
            name: environment.branch,
            commit,
            settings: (data.settings ?? []) as BranchSettings,
            deleted: context.outcome.branch === "deleted" || context.outcome.branch === "absent",
          },
    unsavedFiles: typeof data.unsavedFiles === "number" ? data.unsavedFiles : 0,
    dropped: null,
    bytes: null,
    state: "kept",
  };
  const { id, projectId } = environment;
  putKept(world, { id, projectId, deletedAtMs: world.clock.now(), expiresAtMs: keepUntilMs }, kept);
}
