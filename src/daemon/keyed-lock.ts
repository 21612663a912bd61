/** Mutual exclusion per key, first come first served. Used per environment and per repository. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `work` when all earlier work of the key has ended; a waiter whose signal fires leaves the queue with the signal's reason. */
  async run<T>(key: string, work: () => Promise<T>, abort?: AbortSignal): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const { promise: done, resolve: release } = Promise.withResolvers<void>();
    const tail = before.then(() => done);
    this.#tails.set(key, tail);
    const forget = () => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    };
    let held = false;
    try {
      await (abort ? Promise.race([before, rejectOnAbort(abort)]) : before);
      held = true;
      return await work();
    } finally {
      release();
      // One that left the queue still has others before it.
      if (held) forget();
      else void tail.then(forget);
    }
  }

  /** Work of the key runs or waits. */
  busy(key: string): boolean {
    return this.#tails.has(key);
  }
}

function rejectOnAbort(abort: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (abort.aborted) reject(abort.reason);
    else abort.addEventListener("abort", () => reject(abort.reason), { once: true });
  });
}
