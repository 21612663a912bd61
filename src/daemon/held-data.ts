// What would go with an environment that nobody could make again, and that files in git say nothing of.
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { never } from "./journaled-run.ts";
import { leasedResources } from "./resources.ts";
import { hasStack } from "./stack-leases.ts";
import { markOf, sharedMark } from "./stack-model.ts";
import type { World } from "./world.ts";

/** In words, such as `db` or `what db holds in volumes`; null: nothing. What cannot be looked at may hold something. */
export async function dataOf(world: World, environment: EnvironmentRecord): Promise<string | null> {
  const resources = leasedResources(world, environment.id).map(({ spec }) => spec.name);
  const inVolumes = await dataInVolumes(world, environment);
  return [...resources, ...(inVolumes === null ? [] : [inVolumes])].join(", ") || null;
}

/** As a clause; null: nothing. */
export async function heldData(world: World, environment: EnvironmentRecord): Promise<string | null> {
  const data = await dataOf(world, environment);
  return data === null ? null : `${data} would go with it`;
}

async function dataInVolumes(world: World, environment: EnvironmentRecord): Promise<string | null> {
  if (!hasStack(world.ledger, environment.id)) return null;
  const marks = [markOf(environment), ...(environment.main ? [sharedMark(environment)] : [])];
  try {
    const held = (await Promise.all(marks.map((mark) => world.stack.dataHolders(mark, never())))).flat();
    return held.length === 0 ? null : `what ${held.join(", ")} holds in volumes`;
  } catch (error) {
    const failure = WtError.from(error);
    if (failure.kind === "internal") throw error;
    return `what its containers hold, which cannot be seen now (${failure.message.replace(/\.$/, "")})`;
  }
}
