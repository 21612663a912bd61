/** Time as an argument, so that tests own it. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it fires first. */
  sleep(ms: number, abort?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, abort) =>
    new Promise((resolve, reject) => {
      if (abort?.aborted) return reject(abort.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(abort?.reason);
      };
      const timer = setTimeout(() => {
        abort?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      abort?.addEventListener("abort", onAbort, { once: true });
    }),
};
