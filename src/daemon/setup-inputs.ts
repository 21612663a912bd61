import { createHash } from "node:crypto";
import { join } from "node:path";
import type { SetupStep } from "../config/config.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import type { World } from "./world.ts";

/** Identifies a step and the contents of its inputs; a step without inputs runs once per worktree. */
export async function setupHash(worktree: string, step: SetupStep): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([step.run, step.directory]));
  for (const pattern of step.inputs) {
    const names = await matchingFiles(worktree, pattern);
    for (const name of names) {
      hash.update(`\0${name}\0`);
      hash.update(Buffer.from(await Bun.file(join(worktree, name)).arrayBuffer()));
    }
  }
  return hash.digest("hex");
}

async function matchingFiles(directory: string, pattern: string): Promise<string[]> {
  const names: string[] = [];
  for await (const name of new Bun.Glob(pattern).scan({ cwd: directory, dot: true, onlyFiles: true })) names.push(name);
  return names.sort();
}

/** Key of a step in the ledger's stamps. */
export function stampKey(step: SetupStep): string {
  return `${step.directory}\n${step.run}`;
}

export async function isSetupDone(world: World, environment: EnvironmentRecord, step: SetupStep): Promise<boolean> {
  const stamp = world.ledger.setupStamp(environment.id, stampKey(step));
  return stamp !== null && stamp === (await setupHash(environment.path, step));
}
