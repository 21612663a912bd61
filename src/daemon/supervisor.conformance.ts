// A supervisor on machines that are data structures, with a clock that the test moves: what the tests of this folder share.

import type { EnvironmentRecord, Ledger } from "../environment/ledger.ts";
import { memoryLedger } from "../environment/memory-ledger.ts";
import type { ServicePlan } from "../environment/service-plan.ts";
import type { Clock } from "../os/clock.ts";
import { createMemoryDriver, createMemoryMachine, type MemoryMachine } from "../runtime/memory/memory-driver.ts";
import { Changes } from "./changes.ts";
import { Supervisor } from "./supervisor.ts";

export interface TestClock extends Clock {
  /** Lets everything happen that is due until then, in order. */
  advance(ms: number): Promise<void>;
}

export function testClock(startMs = 1_000_000): TestClock {
  let nowMs = startMs;
  let timers: { atMs: number; fire: () => void }[] = [];
  return {
    now: () => nowMs,
    sleep: (ms, abort) =>
      new Promise((resolve, reject) => {
        if (abort?.aborted) return reject(abort.reason);
        const timer = { atMs: nowMs + ms, fire: resolve };
        timers.push(timer);
        abort?.addEventListener("abort", () => {
          timers = timers.filter((one) => one !== timer);
          reject(abort.reason);
        });
      }),
    async advance(ms) {
      const endMs = nowMs + ms;
      for (;;) {
        await settle();
        const next = timers.filter((one) => one.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
        if (!next) break;
        timers = timers.filter((one) => one !== next);
        nowMs = next.atMs;
        next.fire();
      }
      nowMs = endMs;
    },
  };
}

/** Until nothing happens any more without the clock. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve));
}

export const environment: EnvironmentRecord = {
  id: "e1",
  projectId: "p1",
  slug: "a",
  hostLabel: "a",
  branch: "a",
  path: "/nowhere/a",
  main: false,
  ownsWorktree: true,
  ownsBranch: true,
  slot: 1,
  nonce: "n1",
  wanted: "up",
  createdAtMs: 0,
};

export interface Daemon {
  supervisor: Supervisor;
  driver: ReturnType<typeof createMemoryDriver>;
  errors: unknown[];
}

export interface Bench {
  clock: TestClock;
  ledger: Ledger;
  machine: MemoryMachine;
  /** Another daemon on the same machine and ledger; the one before is to be detached first. */
  daemon(): Daemon;
}

export function bench(): Bench {
  const clock = testClock();
  const ledger = memoryLedger({ nowMs: () => clock.now() });
  ledger.insertProject({ id: "p1", name: "p", root: "/nowhere", gitCommonDir: "/nowhere/.git", createdAtMs: 0 });
  ledger.insertEnvironment(environment);
  const machine = createMemoryMachine();
  return {
    clock,
    ledger,
    machine,
    daemon() {
      const errors: unknown[] = [];
      const driver = createMemoryDriver({ clock, machine });
      const supervisor = new Supervisor({
        ledger,
        driver,
        clock,
        changes: new Changes(),
        startsAtOnce: 4,
        report: (error) => errors.push(error),
      });
      return { supervisor, driver, errors };
    },
  };
}

export function planOf(service: string, change: Partial<Omit<ServicePlan, "spec">> & { port?: number } = {}): ServicePlan {
  const { port = null, ...rest } = change;
  return {
    spec: {
      environmentId: environment.id,
      nonce: environment.nonce,
      service,
      command: `run ${service}`,
      directory: environment.path,
      env: {},
      port,
      logPath: `/nowhere/${service}.log`,
      stop: { signal: "SIGTERM", graceMs: 5_000 },
    },
    ready: { kind: "none" },
    readyTimeoutMs: 30_000,
    needs: [],
    restart: "on-failure",
    successCodes: [],
    routes: [],
    definition: service,
    ...rest,
  };
}
