// Copies that go on while an operation does what does not need them. None outlives its operation.
import { markFilled } from "./environment-observer.ts";
import type { StepContext } from "./steps.ts";

export class BackgroundCopies {
  readonly #pending = new Map<string, Promise<void>>();
  readonly #stopped = new AbortController();
  #failure: { error: unknown } | null = null;

  /** Fires when the operation is given up. */
  get abort(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Names, in the order in which they were begun. */
  get pending(): string[] {
    return [...this.#pending.keys()];
  }

  begin(name: string, work: () => Promise<unknown>): void {
    const done = work().then(
      () => undefined,
      (error: unknown) => {
        this.#failure ??= { error };
      },
    );
    this.#pending.set(
      name,
      done.finally(() => this.#pending.delete(name)),
    );
  }

  /** Throws what the first one that failed threw. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending.values());
    if (this.#failure) throw this.#failure.error;
  }

  /** Ends them; each has taken away what it had made when this returns. */
  async stop(reason: unknown): Promise<void> {
    this.#stopped.abort(reason);
    await Promise.all(this.#pending.values());
  }
}

/** Before anything that may need what is being copied. Throws what made a copy fail. */
export async function awaitCopies(context: StepContext): Promise<void> {
  const { copies, emit, world } = context;
  if (!copies) return;
  const { pending } = copies;
  if (pending.length > 0) {
    const startedMs = world.clock.now();
    emit({ type: "step", step: "copied", label: `Wait for the copy of ${pending.join(", ")}` });
    await copies.settled();
    emit({ type: "step_done", step: "copied", ms: Math.max(0, Math.round(world.clock.now() - startedMs)) });
  }
  await copies.settled();
  markFilled(context);
}
