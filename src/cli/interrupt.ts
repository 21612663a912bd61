// Ctrl-C (and a polite kill, or a closed terminal) as an AbortSignal for as long as something can still be undone.

export interface Interruption {
  signal: AbortSignal;
  /** Gives the signals back their usual meaning. */
  [Symbol.dispose](): void;
}

const caught = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The first signal aborts; the next one ends the program at once with code 130. */
export function catchInterrupt(onFirst: () => void = () => undefined): Interruption {
  const controller = new AbortController();
  const handle = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    onFirst();
  };
  for (const name of caught) process.on(name, handle);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of caught) process.off(name, handle);
    },
  };
}
