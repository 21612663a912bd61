import type { EnvironmentRecord } from "../environment/ledger.ts";
import type { Call } from "./journaled-run.ts";
import { refuseWithin } from "./running-commands.ts";
import type { World } from "./world.ts";

/** One operation on an environment at a time. Who has to wait is told for what. */
export function withEnvironment<T>(world: World, environment: EnvironmentRecord, held: { call: Call; work: () => Promise<T> }): Promise<T> {
  refuseWithin(world, environment, held.call.within);
  const key = `environment:${environment.id}`;
  if (world.locks.busy(key)) {
    const running = world.ledger.operations({ environmentId: environment.id })[0]?.kind ?? "work";
    held.call.emit({ type: "note", message: `Waiting for the ${running} of ${environment.slug} that is under way.` });
  }
  return world.locks.run(key, held.work, held.call.abort);
}
