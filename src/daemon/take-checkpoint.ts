// The moment of a checkpoint: every resource is kept while nothing of the environment moves.
import type { CheckpointResult } from "../api/resources.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { driverOf, type LeasedResource } from "./resources.ts";
import type { World } from "./world.ts";

/** A service that is held still may hold a lock: then it goes on for a moment, and all are taken anew. */
const attempts = 40;
const betweenAttemptsMs = 20;

export interface Taking {
  id: string;
  resources: readonly LeasedResource[];
  report: (line: string) => void;
  /** Keeps the worktree's files at the same instant. */
  files?: () => Promise<void>;
}

export async function takeAtOnce(
  world: World,
  environment: EnvironmentRecord,
  taken: Taking & { abort: AbortSignal },
): Promise<CheckpointResult["leftOut"]> {
  const notes = new Set<string>();
  const take = async () => {
    await world.reached("paused:checkpoint");
    notes.clear();
    const resources = takeAll(world, { ...taken, report: (line) => void notes.add(line) });
    // Whatever becomes of one, nothing goes on before the other has ended.
    const [refusals, files] = await Promise.allSettled([resources, taken.files?.()]);
    if (refusals.status === "rejected") throw refusals.reason;
    if (files.status === "rejected") throw files.reason;
    return refusals.value;
  };
  for (let attempt = 1; ; attempt++) {
    try {
      const refusals = await world.supervisor.pauses.around(environment, taken.abort, take);
      for (const note of notes) taken.report(note);
      return refusals;
    } catch (error) {
      if (WtError.from(error).code !== "database_locked" || attempt === attempts) throw error;
    }
    for (const one of taken.resources) await driverOf(world, one.type).removeCheckpoint(one.spec, taken.id);
    // Never the same pause twice: the service may work in step with it.
    await world.clock.sleep(betweenAttemptsMs + Math.random() * betweenAttemptsMs, taken.abort);
  }
}

/**
 * All at once, while the services are held still: what they wrote to one and to another is in the checkpoint or not, as of one instant. Gives those
 * that refuse, such as the main worktree's own files; throws when none is kept or one fails.
 */
async function takeAll(world: World, { id, resources, report, files: beside }: Taking): Promise<CheckpointResult["leftOut"]> {
  const outcomes = await Promise.allSettled(resources.map((one) => driverOf(world, one.type).checkpoint(one.spec, id, report)));
  const failures = outcomes.flatMap((outcome, index) =>
    outcome.status === "rejected" ? [{ resource: resources[index]?.spec.name ?? "", error: WtError.from(outcome.reason) }] : [],
  );
  const failed =
    failures.find(({ error }) => error.kind !== "refused") ?? (failures.length === outcomes.length && !beside ? failures[0] : undefined);
  if (failed) throw failed.error;
  return failures.map(({ resource, error }) => ({ resource, reason: error.message }));
}
