// Small facts about an environment, kept in the ledger among its setup stamps, which go with its row.
import type { World } from "./world.ts";

/**
 * `pinned`: the reason of a pin. `mount`: the file system that its worktree was last seen on. `request`: when a browser last asked for something.
 * `registration`: git's name of its worktree.
 */
export type Stamp = "pinned" | "mount" | "request" | "registration";

/** null: never written, or cleared. */
export function readStamp(world: World, environmentId: string, stamp: Stamp): string | null {
  return world.ledger.setupStamp(environmentId, `worldtree:${stamp}`) || null;
}

export function putStamp(world: World, environmentId: string, { stamp, text }: { stamp: Stamp; text: string }): void {
  world.ledger.putSetupStamp({ environmentId, step: `worldtree:${stamp}`, hash: text });
}

export function clearStamp(world: World, environmentId: string, stamp: Stamp): void {
  if (readStamp(world, environmentId, stamp) !== null) putStamp(world, environmentId, { stamp, text: "" });
}
