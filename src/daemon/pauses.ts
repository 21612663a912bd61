// Holding an environment's services still for a moment, so that everything they write to is kept as of one instant.
import type { Clock } from "../os/clock.ts";
import type { RuntimeDriver, ServiceInstance } from "../runtime/runtime-driver.ts";

export interface Pauses {
  /**
   * Runs `work` while nothing that carries the environment's mark moves and no service of it is started. All goes on in any case, and at once when
   * `abort` fires. Throws `WtError` (`machine`, `service_not_paused`) when something cannot be held; then `work` did not run.
   */
  around<T>(environment: Marked, abort: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** At daemon start: what a daemon held that was killed meanwhile goes on. */
  end(environment: Marked): Promise<void>;
  /** Resolves when the environment is not paused. */
  over(environmentId: string): Promise<void>;
  /** How long it was paused in all: time in which nobody could become ready. */
  totalMs(environmentId: string): number;
}

interface Marked {
  id: string;
  nonce: string;
}

interface Paused {
  /** Of pauses that are over. */
  totalMs: number;
  sinceMs: number | null;
  over: Promise<void>;
}

export function createPauses({ driver, clock }: { driver: RuntimeDriver; clock: Clock }): Pauses {
  const known = new Map<string, Paused>();
  return {
    async around(environment, abort, work) {
      if (!driver.features.pause) return work();
      const environmentId = environment.id;
      let instances: readonly ServiceInstance[] = [];
      const over = Promise.withResolvers<void>();
      const before = known.get(environmentId);
      known.set(environmentId, { totalMs: before?.totalMs ?? 0, sinceMs: clock.now(), over: over.promise });
      let resumed: Promise<void> | null = null;
      const resume = () => {
        resumed ??= resumeAll(driver, instances).finally(() => {
          const paused = known.get(environmentId);
          if (paused?.sinceMs != null) {
            known.set(environmentId, { ...paused, totalMs: paused.totalMs + clock.now() - paused.sinceMs, sinceMs: null });
          }
          over.resolve();
        });
        return resumed;
      };
      // The caller that went away hears of it elsewhere.
      const onAbort = () => void resume().catch(() => undefined);
      try {
        abort.throwIfAborted();
        instances = await driver.find({ environmentId, nonce: environment.nonce });
        await pauseAll(driver, instances);
        abort.addEventListener("abort", onAbort, { once: true });
        return await work();
      } finally {
        abort.removeEventListener("abort", onAbort);
        await resume();
      }
    },
    end: async ({ id, nonce }) => resumeAll(driver, await driver.find({ environmentId: id, nonce })),
    over: (environmentId) => known.get(environmentId)?.over ?? Promise.resolve(),
    totalMs(environmentId) {
      const paused = known.get(environmentId);
      if (!paused) return 0;
      return paused.totalMs + (paused.sinceMs === null ? 0 : clock.now() - paused.sinceMs);
    },
  };
}

async function pauseAll(driver: RuntimeDriver, instances: readonly ServiceInstance[]): Promise<void> {
  const outcomes = await Promise.allSettled(instances.map((one) => driver.pause(one)));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

async function resumeAll(driver: RuntimeDriver, instances: readonly ServiceInstance[]): Promise<void> {
  const outcomes = await Promise.allSettled(instances.map((one) => driver.resume(one)));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}
