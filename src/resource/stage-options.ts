// `inputs:` and `mask:` beside a database's `migrate:` and `seed:` in wt.yaml. Pure.
import type { ResourceOptions } from "./resource-driver.ts";

/** Says what is wrong with a key; `message` ends a sentence that begins with it. */
type Problem = (key: string, message: string, hint?: string | null) => null;

export interface StageOptions {
  migrate: string | null;
  seed: string | null;
  /** Path of an SQL file that runs before the template is sealed. */
  mask: string | null;
  /** Patterns of the files that `migrate` and `seed` read. Empty: their outcome is not kept for others. */
  inputs: string[];
  /** The same for each of them; null: `inputs` holds for both. */
  stageInputs: { migrate: string[]; seed: string[] } | null;
}

/** A list for both commands, or `{ migrate: […], seed: […] }`. */
export function readStageInputs(written: ResourceOptions, problem: Problem): Pick<StageOptions, "inputs" | "stageInputs"> {
  const value = written.inputs;
  const hint = "Write a list of files, or `inputs: { migrate: [...], seed: [...] }`.";
  const texts = (entry: unknown, wrong: string): string[] => {
    const all = Array.isArray(entry) ? entry : [entry];
    const found = all.filter((each): each is string => typeof each === "string" && each.trim() !== "");
    if (found.length !== all.length) problem("inputs", wrong, hint);
    return found;
  };
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { inputs: texts(value ?? [], "must be a list of texts."), stageInputs: null };
  }
  for (const key of Object.keys(value)) {
    if (key !== "migrate" && key !== "seed")
      problem("inputs", `has the key ${JSON.stringify(key)}, which is no stage of a database.`, hint);
  }
  const list = (key: string) => texts(value[key] ?? [], `must list texts under ${key}.`);
  const stageInputs = { migrate: list("migrate"), seed: list("seed") };
  return { inputs: [...stageInputs.migrate, ...stageInputs.seed], stageInputs };
}

/** What fits together and what does not. */
export function checkStages({ inputs, stageInputs, migrate, seed, mask }: StageOptions, problem: Problem): void {
  if (inputs.length > 0 && !stageInputs && !migrate && !seed) {
    const message = "names files of a migration or seed, but there is neither `migrate:` nor `seed:`.";
    problem("inputs", message, "Add `migrate:`, or take it out.");
  }
  const commands = { migrate, seed };
  for (const key of ["migrate", "seed"] as const) {
    if (stageInputs && stageInputs[key].length > 0 && !commands[key]) {
      problem("inputs", `names files of \`${key}:\`, which is not there.`, `Add \`${key}:\`, or take them out.`);
    }
  }
  if (stageInputs && migrate && stageInputs.migrate.length === 0 && stageInputs.seed.length > 0) {
    problem("inputs", "names files of `seed:` alone, but `migrate:` runs before it.", "Add `migrate: [...]` to it.");
  }
  const unkept = (migrate && (stageInputs?.migrate ?? inputs).length === 0) || (seed && (stageInputs?.seed ?? inputs).length === 0);
  if (mask && unkept) {
    problem("mask", "needs `inputs:`, so that what `migrate:` and `seed:` make is masked too.", "List their files under `inputs:`.");
  }
}
