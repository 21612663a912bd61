// `setup:` commands, one after the other or at once.
import { join } from "node:path";
import { resolveCommandReferences } from "../config/command-references.ts";
import { containerInput } from "../environment/container-variables.ts";
import type { SetupPlanStep } from "../environment/plan.ts";
import { referenceLookup } from "../environment/variables.ts";
import { entryAt } from "../os/files.ts";
import { awaitCopies } from "./background-copies.ts";
import { CopyMemory } from "./copy-or-install.ts";
import { markFilled } from "./environment-observer.ts";
import { commandEnvironment, contractInput } from "./environment-session.ts";
import { oneOffContainer } from "./one-off.ts";
import { setupHash, stampKey } from "./setup-inputs.ts";
import { runSetup } from "./setup-runner.ts";
import { takeOver } from "./setup-take-over.ts";
import type { StepContext } from "./steps.ts";

export async function performSetup(context: StepContext, index: number): Promise<void> {
  const { world, session, emit } = context;
  const step = session.config.setup[index];
  if (!step) return;
  await awaitCopies(context);
  markFilled(context);
  if (await takeOver(context, step)) return;
  const makes = step.makes ?? [];
  const onTop = makes.some((name) => entryAt(join(session.environment.path, name)) !== null);
  const name = `setup:${index}`;
  const container = step.service === undefined ? undefined : oneOffContainer(context, { name, service: step.service, place: step.place });
  const input = contractInput(world, session);
  const seen = container && session.stack ? containerInput(input, session.stack.doors) : input;
  const gentle = context.pool !== undefined && context.pool.from === null;
  await runSetup(world, {
    environment: session.environment,
    name,
    place: step.place,
    directory: step.directory,
    command: resolveCommandReferences(step.run, referenceLookup(seen), `${step.place}.run`),
    ...(container ? { container } : {}),
    env: commandEnvironment(world, session),
    output: (line) => emit({ type: "output", step: `setup:${index}`, stream: "stdout", line }),
    abort: context.abort,
    within: context.within,
    gentle,
    took(tookMs) {
      // At low priority it took as long as others let it.
      if (makes.length > 0 && !gentle) new CopyMemory(world, session.project.id).noteStep(step, { tookMs, onTop });
    },
  });
  const hash = await setupHash(session.environment.path, step);
  world.ledger.putSetupStamp({ environmentId: session.environment.id, step: stampKey(step), hash });
}

/** The first failure ends the others; it is the one that is told. What succeeded by then is not done again. */
export async function performTogether(context: StepContext, steps: readonly SetupPlanStep[]): Promise<void> {
  const { world, emit } = context;
  await awaitCopies(context);
  const failed = new AbortController();
  const together = { ...context, abort: AbortSignal.any([context.abort, failed.signal]) };
  const startedMs = world.clock.now();
  const failures: unknown[] = [];
  const perform = async ({ index, run }: SetupPlanStep) => {
    emit({ type: "step", step: `setup:${index}`, label: run });
    try {
      await performSetup(together, index);
      emit({ type: "step_done", step: `setup:${index}`, ms: Math.max(0, Math.round(world.clock.now() - startedMs)) });
    } catch (error) {
      failures.push(error);
      failed.abort(error);
    }
  };
  await Promise.all(steps.map(perform));
  context.abort.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}
