/** At most `limit` holders at a time, first come first served: thirty dev servers that compile at once would all miss their deadlines. */
export class Admission {
  readonly #limit: number;
  #held = 0;
  readonly #queue: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves with a function that gives the place back (calling it again does nothing). Rejects with the signal's reason. */
  async enter(abort: AbortSignal): Promise<() => void> {
    abort.throwIfAborted();
    if (this.#held < this.#limit) {
      this.#held++;
      return this.#leaveOnce();
    }
    await new Promise<void>((resolve, reject) => {
      const admitted = () => {
        abort.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = () => {
        const place = this.#queue.indexOf(admitted);
        if (place >= 0) this.#queue.splice(place, 1);
        reject(abort.reason);
      };
      abort.addEventListener("abort", onAbort, { once: true });
      this.#queue.push(admitted);
    });
    return this.#leaveOnce();
  }

  #leaveOnce(): () => void {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#queue.shift();
      if (next) next();
      else this.#held--;
    };
  }
}
