// `makes:` of a setup step: what another worktree of the project has made from the same inputs need not be made again.
import { join } from "node:path";
import type { SetupStep } from "../config/config.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { entryAt, removeTree } from "../os/files.ts";
import { cloneOne } from "./clone-directories.ts";
import { setupHash, stampKey } from "./setup-inputs.ts";
import type { StepContext } from "./steps.ts";

/** True when the step is done that way, and noted as done. A clone that fails leaves nothing, is said, and the step runs. */
export async function takeOver(context: StepContext, step: SetupStep): Promise<boolean> {
  const { world, session, emit, abort } = context;
  const { environment, callerEnv } = session;
  const makes = step.makes ?? [];
  if (makes.length === 0 || step.inputs.length === 0 || makes.some((name) => entryAt(join(environment.path, name)) !== null)) return false;
  const hash = await setupHash(environment.path, step);
  const source = await sourceOf(context, step, hash);
  if (!source) return false;
  const note = (message: string) => emit({ type: "note", message });
  const path = callerEnv.PATH ?? world.env.PATH ?? "";
  const fill = { from: source.path, to: environment.path, abort, note, path, now: () => world.clock.now() };
  note(`${step.place} has the same inputs as in ${source.slug}, so ${makes.join(", ")} is taken from there.`);
  try {
    for (const name of makes) await cloneOne(fill, name);
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

/** An environment in which the step succeeded with these inputs, which are what it has still. */
async function sourceOf({ world, session }: StepContext, step: SetupStep, hash: string): Promise<EnvironmentRecord | null> {
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
