// Returns memory once there is nothing to do: an idle program does not collect its garbage by itself, and a daemon is idle most of its life.

const quietMs = 3_000;

export interface IdleMemory {
  /** Something was done; what it left behind is collected when nothing else follows. */
  used(): void;
  stop(): void;
}

export function collectWhenIdle(): IdleMemory {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let stopped = false;
  const stop = () => {
    if (timer) clearTimeout(timer);
    timer = null;
  };
  return {
    used() {
      stop();
      if (stopped) return;
      timer = setTimeout(() => {
        timer = null;
        Bun.gc(true);
        Bun.shrink();
      }, quietMs);
      timer.unref();
    },
    stop() {
      stopped = true;
      stop();
    },
  };
}
