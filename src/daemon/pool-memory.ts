// What the daemon knows of the pools beside the ledger: it is gone with the daemon, and found out again by the next one.
import type { Clock } from "../os/clock.ts";

/** Why nothing is prepared for a project now. */
export interface PoolProblem {
  code: string;
  message: string;
  hints: string[];
  /** In a row. */
  failures: number;
  retryAtMs: number;
}

export interface PoolWorkInFlight {
  /** A sentence fragment: `preparing`, `refreshing`. */
  what: string;
  sinceMs: number;
  abort: AbortController;
}

export class PoolMemory {
  readonly #callers = new Map<string, Record<string, string>>();
  readonly #problems = new Map<string, PoolProblem>();
  readonly #working = new Map<string, PoolWorkInFlight>();
  readonly #rests = new Map<string, number>();
  readonly #suspects = new Set<string>();
  #changed = Promise.withResolvers<void>();
  #woken = Promise.withResolvers<void>();

  /** The variables of whoever last made an environment of the project, or set its pool: what is prepared runs with them. */
  noteCaller(projectId: string, env: Record<string, string>): void {
    this.#callers.set(projectId, env);
  }

  caller(projectId: string): Record<string, string> | null {
    return this.#callers.get(projectId) ?? null;
  }

  problem(projectId: string): PoolProblem | null {
    return this.#problems.get(projectId) ?? null;
  }

  setProblem(projectId: string, problem: PoolProblem | null): void {
    if (problem) this.#problems.set(projectId, problem);
    else this.#problems.delete(projectId);
    this.tell();
  }

  working(projectId: string): PoolWorkInFlight | null {
    return this.#working.get(projectId) ?? null;
  }

  setWorking(projectId: string, work: PoolWorkInFlight | null): void {
    if (work) this.#working.set(projectId, work);
    else this.#working.delete(projectId);
    this.tell();
  }

  /** The upkeep found nothing to do, or nothing that it may. */
  noteRest(projectId: string): void {
    this.#rests.set(projectId, this.rests(projectId) + 1);
    this.tell();
  }

  /** How often that was so. */
  rests(projectId: string): number {
    return this.#rests.get(projectId) ?? 0;
  }

  /** Somebody may work in this member (id). */
  suspect(id: string): void {
    this.#suspects.add(id);
  }

  /** Whether that was said of it since this was asked last. */
  takeSuspicion(id: string): boolean {
    return this.#suspects.delete(id);
  }

  /** Something may be to be done: the upkeep looks at once. */
  wake(): void {
    this.#woken.resolve();
  }

  /** Until somebody wakes it, or the time is over. Rejects with the signal's reason. */
  async rest(clock: Clock, ms: number, abort: AbortSignal): Promise<void> {
    const timer = new AbortController();
    const slept = clock.sleep(ms, AbortSignal.any([abort, timer.signal])).catch(() => undefined);
    await Promise.race([slept, this.#woken.promise]);
    timer.abort(new Error("woken"));
    abort.throwIfAborted();
    this.#woken = Promise.withResolvers<void>();
  }

  /** Resolves with the next change of anything here. */
  changed(): Promise<void> {
    return this.#changed.promise;
  }

  tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
