import type { ServicePlan } from "../environment/service-plan.ts";
import type { Clock } from "../os/clock.ts";
import type { RuntimeDriver } from "../runtime/runtime-driver.ts";
import type { Admission } from "./admission.ts";
import type { ServiceRunner } from "./service-runner.ts";

/** What a service runner needs of the rest of the daemon. */
export interface RunnerContext {
  driver: RuntimeDriver;
  clock: Clock;
  /** Places for services between their start and their readiness. */
  admission: Admission;
  /** Resolves when every service this one needs is ready; rejects only with the signal's reason. */
  needsReady(runner: ServiceRunner, abort: AbortSignal): Promise<void>;
  /** Waits while the environment is paused. Throws `WtError` (`machine`, `port_held`) when a stranger holds the leased port. */
  checkPort(plan: ServicePlan): Promise<void>;
  /** Ledger, before the process exists: the generation and its lease. */
  recordIntent(runner: ServiceRunner, generation: number): void;
  /** Ledger, as soon as the identity is known. */
  recordInstance(runner: ServiceRunner): void;
  /** Ledger, once no process of the generation is left. */
  recordEnd(runner: ServiceRunner, generation: number): void;
  /** Ledger: wanted and restarts. */
  save(runner: ServiceRunner): void;
  changed(environmentId: string): void;
  /** How long the environment was paused in all: its services could do nothing in that time. */
  pausedMs(environmentId: string): number;
  /** An error nobody waits for goes to the daemon's log. */
  report(error: unknown): void;
}
