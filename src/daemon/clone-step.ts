// The step `clone` of a plan. What shares blocks is done at once. What must be copied goes on in the background while ports and databases are prepared, and whatever
// runs commands of the project waits for it; or it is left to the setup step that makes it, where that is faster.
import { join } from "node:path";
import type { SetupStep } from "../config/config.ts";
import { entryAt } from "../os/files.ts";
import { BackgroundCopies } from "./background-copies.ts";
import { prepareClone, whyNotCloned } from "./clone-directories.ts";
import { cloneFill } from "./clone-journal.ts";
import { chooseCopy, discarding, leftToStep } from "./copy-choice.ts";
import { CopyMemory } from "./copy-or-install.ts";
import { isSetupDone, setupHash } from "./setup-inputs.ts";
import { sourceOf } from "./setup-take-over.ts";
import type { StepContext } from "./steps.ts";

/** A directory that exists already is left alone. What was done, and what was left out and why, is said. */
export async function performClone(context: StepContext, directories: readonly string[]): Promise<void> {
  for (const name of directories) {
    context.abort.throwIfAborted();
    const fill = cloneFill(context, context.session.project.root);
    const reason = whyNotCloned(fill, name);
    if (reason !== null) fill.note(reason);
    else if (entryAt(join(fill.to, name)) === null) await cloneOrLeave(context, name);
  }
}

async function cloneOrLeave(context: StepContext, name: string): Promise<void> {
  const { session, world } = context;
  const maker = await dueMaker(context, name);
  // With the same inputs it is taken over, from whoever has it, and the step is skipped. A clone would make it run.
  if (maker && (await isTakenOver(context, maker))) return;
  context.copies ??= new BackgroundCopies();
  const abort = AbortSignal.any([context.abort, context.copies.abort]);
  const fill = { ...cloneFill(context, session.project.root), abort };
  const clone = await prepareClone(fill, name);
  if (clone === null) return;
  if (clone.method === "reflink") return void (await clone.complete());
  const memory = new CopyMemory(world, session.project.id);
  const choice = maker ? await chooseCopy(memory, { clones: [clone], maker, followed: true, abort }).catch(discarding([clone])) : null;
  if (choice && maker && !choice.copy) {
    await clone.discard();
    return fill.note(leftToStep(maker, { ...choice, names: [name] }));
  }
  fill.note(`${name}: being copied meanwhile, since the file system cannot share blocks.`);
  context.copies.begin(name, async () => {
    const tookMs = await clone.complete();
    if (choice?.size) memory.noteCopy(choice.size, tookMs);
  });
}

/** The step that makes it and is going to run. */
async function dueMaker({ world, session, withoutSetup }: StepContext, name: string): Promise<SetupStep | null> {
  const maker = session.config.setup.find((step) => step.makes?.includes(name));
  if (!maker || withoutSetup || (await isSetupDone(world, session.environment, maker))) return null;
  return maker;
}

async function isTakenOver(context: StepContext, maker: SetupStep): Promise<boolean> {
  if (maker.inputs.length === 0) return false;
  return (await sourceOf(context, maker, await setupHash(context.session.environment.path, maker))) !== null;
}
