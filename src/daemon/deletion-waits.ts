// A deletion that fails because the engine of its containers is away goes on by itself once that answers.
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { engineAbsence } from "./engine-return.ts";
import type { World } from "./world.ts";

export interface StoppedDeletion {
  environment: EnvironmentRecord;
  /** Its journal row. */
  operation: string;
  failure: WtError;
  /** Under the environment's lock. */
  carryOn: () => Promise<void>;
}

/** What its caller is to be told: that it waits, or the failure as it is where no engine is to blame. */
export async function afterEngineReturns(world: World, { environment, operation, failure, carryOn }: StoppedDeletion): Promise<WtError> {
  const { id, slug } = environment;
  const absence = await engineAbsence(world, environment);
  if (!absence) return failure;
  world.engineReturn.wait(operation, {
    answers: async () => (await engineAbsence(world, environment)) === null,
    work: () => world.locks.run(`environment:${id}`, carryOn),
  });
  return new WtError({
    kind: "machine",
    code: "deletion_waits",
    message: `${slug} cannot be deleted before its containers are: ${absence.message}`,
    hints: [
      ...absence.hints,
      "As soon as the engine answers, the deletion goes on by itself.",
      `Keep ${slug} after all: wt up ${slug}`,
      ...failure.hints.filter((hint) => hint.includes("--abandon")),
    ],
    cause: failure,
  });
}
