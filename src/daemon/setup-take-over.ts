// `makes:` of a setup step: what another worktree of the project has made from the same inputs need not be made again.
import { join } from "node:path";
import type { SetupStep } from "../config/config.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { entryAt, removeTree } from "../os/files.ts";
import { type PendingClone, prepareClone } from "./clone-directories.ts";
import { cloneFill } from "./clone-journal.ts";
import { chooseCopy, discarding, leftToStep } from "./copy-choice.ts";
import { CopyMemory } from "./copy-or-install.ts";
import { setupHash, stampKey } from "./setup-inputs.ts";
import type { StepContext } from "./steps.ts";

/** True when the step is done that way, and noted as done. Where copying is slower than the step, or fails, that is said, nothing is left, and the step runs. */
export async function takeOver(context: StepContext, step: SetupStep): Promise<boolean> {
  const { world, session, emit, abort } = context;
  const { environment } = session;
  const makes = step.makes ?? [];
  if (makes.length === 0 || step.inputs.length === 0 || makes.some((name) => entryAt(join(environment.path, name)) !== null)) return false;
  const hash = await setupHash(environment.path, step);
  const source = await sourceOf(context, step, hash);
  if (!source) return false;
  const note = (message: string) => emit({ type: "note", message });
  try {
    if (!(await takeFrom(context, step, source))) return false;
    const isWhole = makes.every((name) => entryAt(join(environment.path, name)) !== null);
    // Somebody may have installed something there meanwhile.
    if (isWhole && (await setupHash(source.path, step)) === hash) {
      world.ledger.putSetupStamp({ environmentId: environment.id, step: stampKey(step), hash });
      return true;
    }
  } catch (error) {
    note(`That failed: ${WtError.from(error).message}`);
  }
  for (const name of makes) await removeTree(join(environment.path, name));
  abort.throwIfAborted();
  return false;
}

/** False where the step is faster. */
async function takeFrom(context: StepContext, step: SetupStep, source: EnvironmentRecord): Promise<boolean> {
  const { world, session, emit, abort } = context;
  const makes = step.makes ?? [];
  const clones: PendingClone[] = [];
  const memory = new CopyMemory(world, session.project.id);
  const prepare = async () => {
    for (const name of makes) {
      const clone = await prepareClone(cloneFill(context, source.path), name);
      if (clone) clones.push(clone);
    }
    const isShared = clones.every(({ method }) => method === "reflink");
    return isShared ? null : await chooseCopy(memory, { clones, maker: step, followed: false, abort });
  };
  const choice = await prepare().catch((error: unknown) => discarding(clones)(error));
  if (choice && !choice.copy) {
    for (const clone of clones) await clone.discard();
    emit({ type: "note", message: leftToStep(step, { ...choice, names: makes }) });
    return false;
  }
  emit({ type: "note", message: `${step.place} has the same inputs as in ${source.slug}, so ${makes.join(", ")} is taken from there.` });
  let tookMs = 0;
  for (const [index, clone] of clones.entries()) {
    tookMs += await clone.complete().catch((error: unknown) => discarding(clones.slice(index + 1))(error));
  }
  if (choice?.size) memory.noteCopy(choice.size, tookMs);
  return true;
}

/** An environment in which the step succeeded with these inputs, which are what it has still. */
export async function sourceOf({ world, session }: StepContext, step: SetupStep, hash: string): Promise<EnvironmentRecord | null> {
  const { project, environment } = session;
  for (const one of world.ledger.environments({ projectId: project.id })) {
    if (one.id === environment.id || world.ledger.setupStamp(one.id, stampKey(step)) !== hash) continue;
    const made = (step.makes ?? []).every((name) => isCloneable(join(one.path, name)));
    if (made && (await setupHash(one.path, step).catch(() => null)) === hash) return one;
  }
  return null;
}

/** No link, and no Python environment: that holds its own path. */
function isCloneable(directory: string): boolean {
  return entryAt(directory)?.isDirectory() === true && entryAt(join(directory, "pyvenv.cfg")) === null;
}
