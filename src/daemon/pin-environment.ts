// `wt pin`: an environment that `wt gc` never takes.
import type { PinRequest, PinResult } from "../api/gc.ts";
import { createGit } from "../git/git.ts";
import { locateTarget } from "./projects.ts";
import { clearStamp, putStamp } from "./stamps.ts";
import type { World } from "./world.ts";

export async function pinEnvironment(world: World, { target, reason }: PinRequest): Promise<PinResult> {
  const { environment } = await locateTarget(world, createGit(world.env), target);
  // With a letter before it: an empty reason is a pin too.
  if (reason === null) clearStamp(world, environment.id, "pinned");
  else putStamp(world, environment.id, { stamp: "pinned", text: `:${reason}` });
  world.changes.emit(environment.id);
  return { schema: 1, slug: environment.slug, pinned: reason !== null, reason };
}
