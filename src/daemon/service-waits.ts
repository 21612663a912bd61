// What waiting for services means: which are ready, which will not change by themselves soon, and which wait in vain.
import type { ServicePhase } from "../environment/service-machine.ts";

/** What of a service runner counts here. */
export interface Waiter {
  readonly name: string;
  readonly status: { phase: ServicePhase };
  readonly plan: { needs: readonly string[] } | null;
}

/** The services of one environment by name. */
export type FindWaiter<W extends Waiter> = (name: string) => W | null;

/** Phases in which nothing more happens by itself soon. */
const settledPhases: ReadonlySet<ServicePhase> = new Set(["Running", "Completed", "Failed", "CrashLoopBackOff", "Stopped", "Unknown"]);

/** Whoever needs it may start. */
export function isReady({ status }: Waiter): boolean {
  return status.phase === "Running" || status.phase === "Completed";
}

/** Nothing more happens by itself soon, also because it waits for one of which that is true. */
export function isSettled<W extends Waiter>(service: W, find: FindWaiter<W>): boolean {
  return settledPhases.has(service.status.phase) || vainNeed(service, find) !== null;
}

/** The one that keeps a waiting service from starting and will not become ready by itself soon; null when there is none. */
export function vainNeed<W extends Waiter>(service: W, find: FindWaiter<W>, above: readonly string[] = []): W | null {
  if (service.status.phase !== "Waiting" || above.includes(service.name)) return null;
  for (const name of service.plan?.needs ?? []) {
    const needed = find(name);
    if (!needed || isReady(needed)) continue;
    if (settledPhases.has(needed.status.phase)) return needed;
    const deeper = vainNeed(needed, find, [...above, service.name]);
    if (deeper) return deeper;
  }
  return null;
}
