// `wt restore`: files, index and resources as they were at a checkpoint. What is there now is kept first, so that nothing is lost and a failure goes back.
import type { WholeRestoreRequest, WholeRestoreResult } from "../api/checkpoints.ts";
import type { OperationRecord } from "../environment/ledger.ts";
import { createGit, type Git } from "../git/git.ts";
import { restoreWorktree } from "../git/worktree-checkpoint.ts";
import { dropWhole, filePlace, type Place, requireWhole, takeWhole } from "./checkpoint-environment.ts";
import { holdersOf, plainSession, restoreAll } from "./checkpoint-operations.ts";
import { fileEntries } from "./file-checkpoints.ts";
import { type Call, endOperation, runStep } from "./journaled-run.ts";
import { made } from "./resource-choice.ts";
import { aroundServices, finished, refuseShared, trustedSession, underLock } from "./resource-operations.ts";
import { requireWorktree } from "./up-environment.ts";
import type { World } from "./world.ts";

/** Checkpoints that restores made by themselves; older ones go. */
const automaticKept = 5;

export async function restoreEnvironment(world: World, request: WholeRestoreRequest, call: Call): Promise<WholeRestoreResult> {
  const session = request.restart ? await trustedSession(world, request) : await plainSession(world, request);
  const { environment, project, git } = session;
  const place = { environment, project };
  const outcome = { before: "", commitsSince: 0 };
  const done = await underLock(world, { environment, kind: "restore", call }, async (operation) => {
    const wanted = requireWhole(world, place, request.id);
    requireWorktree(environment);
    for (const one of holdersOf(world, environment, wanted.resources)) await refuseShared(world, environment, made(one, environment));
    const wish = { place, wanted: null, ignored: wanted.ignored, automatic: true, operation };
    outcome.before = (await takeWhole(world, wish, call)).id;
    call.abort.throwIfAborted();
    world.ledger.advanceOperation(operation, "kept", { whole: wanted.id, before: outcome.before });
    const names = wanted.resources;
    const restart = request.restart && names.length > 0;
    const worked = await aroundServices(world, { session, operation, call, restart }, async () => {
      const work = () => bringBack(world, place, { git, id: wanted.id, before: outcome.before });
      await runStep(
        world,
        { ...call, abort: new AbortController().signal },
        { operation, step: "restore", label: `Bring ${["files", ...names].join(", ")} back to ${wanted.id}`, work },
      );
      return names;
    });
    outcome.commitsSince = await countSince(git, environment.path, wanted.head);
    await dropOldAutomatic(world, place);
    return worked;
  });
  const { resources, runningServices } = await finished(world, { session, call, ...done });
  return { schema: 1, environment: environment.slug, restored: request.id, ...outcome, resources, runningServices };
}

/** All of it, or (where the resources refuse) nothing: then the files go back too. */
async function bringBack(world: World, place: Place, how: { git: Git; id: string; before: string }): Promise<void> {
  const { git, id, before } = how;
  const { environment } = place;
  const entry = requireWhole(world, place, id);
  await restoreWorktree(git, filePlace(world, place, entry));
  if (entry.resources.length === 0) return;
  try {
    await restoreAll(world, environment, { id, names: entry.resources });
  } catch (error) {
    await restoreWorktree(git, filePlace(world, place, { ...entry, id: before }));
    throw error;
  }
}

async function dropOldAutomatic(world: World, place: Place): Promise<void> {
  const automatic = fileEntries(world, place.environment.id).filter((one) => one.automatic && one.state === "present");
  const old = automatic.toSorted((a, b) => b.createdAtMs - a.createdAtMs).slice(automaticKept);
  for (const { id } of old) await dropWhole(world, place, id).catch(world.report);
}

async function countSince(git: Git, path: string, head: string | null): Promise<number> {
  const range = head === null ? ["HEAD"] : [`${head}..HEAD`];
  return Number((await git.run(path, ["rev-list", "--count", ...range], { allow: [128] })).trim()) || 0;
}

/** Carries on, under its lock, what a crash cut off: what was there before is kept, so the way on is the safe one. */
export async function resumeRestore(world: World, operation: OperationRecord, place: Place): Promise<void> {
  const { whole, before } = operation.data;
  if (typeof whole === "string" && typeof before === "string") {
    await bringBack(world, place, { git: createGit(world.env), id: whole, before }).catch(world.report);
  }
  endOperation(world, { id: operation.id, environmentId: place.environment.id });
}
