import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  initialStatus,
  pauseMs,
  type RestartPolicy,
  reduceService,
  type ServiceEffect,
  type ServiceEvent,
  type ServiceStatus,
} from "./service-machine.ts";

const onFailure: RestartPolicy = { restart: "on-failure", successCodes: [] };

/** Applies events in order; gives the last status and every effect. */
function run(events: ServiceEvent[], policy = onFailure): { status: ServiceStatus; effects: ServiceEffect[] } {
  let status = initialStatus(0);
  const effects: ServiceEffect[] = [];
  for (const event of events) {
    const next = reduceService(status, event, policy);
    status = next.status;
    effects.push(...next.effects);
  }
  return { status, effects };
}

const up: ServiceEvent[] = [
  { type: "start" },
  { type: "needs_ready", generation: 1 },
  { type: "started", generation: 1 },
  { type: "ready", generation: 1 },
];

describe("reduceService", () => {
  test("start waits for needs, spawns, watches, becomes Running", () => {
    const { status, effects } = run(up);
    expect(status.phase).toBe("Running");
    expect(effects.map((effect) => effect.type)).toEqual(["cancel", "await_needs", "spawn", "watch"]);
  });

  test("a start that fails while it is being stopped is not tried again", () => {
    const { status, effects } = run([
      { type: "start" },
      { type: "needs_ready", generation: 1 },
      { type: "stop" },
      { type: "start_failed", generation: 1, reason: "The disk is full." },
      { type: "stopped", generation: 1, leftovers: [] },
    ]);
    expect(status).toMatchObject({ phase: "Stopped", live: false, wanted: "down" });
    expect(effects.some((effect) => effect.type === "pause")).toBe(false);
  });

  test("a crash restarts after a pause, three in a row are a crash loop, a quiet stretch forgives", () => {
    const first = run([...up, { type: "ended", generation: 1, code: 1, signal: null }]);
    expect(first.status.phase).toBe("Restarting");
    expect(first.effects.at(-1)).toEqual({ type: "pause", generation: 1, ms: 250 });
    let status: ServiceStatus = { ...first.status, failures: 2, phase: "Starting", live: true };
    status = reduceService(status, { type: "ended", generation: 1, code: 1, signal: null }, onFailure).status;
    expect(status.phase).toBe("CrashLoopBackOff");
    expect(status.reason).toBe("It exited with code 1 before it was ready.");
    const calm = reduceService({ ...status, phase: "Running" }, { type: "quiet", generation: 1 }, onFailure).status;
    expect(calm.failures).toBe(0);
  });

  test("success ends it for on-failure, restarts it for always", () => {
    const end: ServiceEvent = { type: "ended", generation: 1, code: 0, signal: null };
    expect(run([...up, end]).status.phase).toBe("Completed");
    expect(run([...up, end], { restart: "always", successCodes: [] }).status.phase).toBe("Restarting");
    expect(run([...up, { ...end, code: 3 }], { restart: "never", successCodes: [3] }).status.phase).toBe("Completed");
  });

  test("stop while it waits for a dependency needs no process to end", () => {
    const { status, effects } = run([{ type: "start" }, { type: "stop" }]);
    expect(status.phase).toBe("Stopped");
    expect(effects.some((effect) => effect.type === "stop")).toBe(false);
    expect(reduceService(status, { type: "needs_ready", generation: 1 }, onFailure).effects).toEqual([]);
  });

  test("the end of a stopping service is settled by the verified stop, not by the exit", () => {
    const stopping = run([...up, { type: "stop" }, { type: "ended", generation: 1, code: 143, signal: null }]);
    expect(stopping.status.phase).toBe("Stopping");
    const done = reduceService(stopping.status, { type: "stopped", generation: 1, leftovers: [] }, onFailure);
    expect(done.status).toMatchObject({ phase: "Stopped", live: false });
  });

  test("leftovers are shown, not forgotten", () => {
    const { status } = run([...up, { type: "stop" }, { type: "stopped", generation: 1, leftovers: ["Process 5 (node) did not end."] }]);
    expect(status).toMatchObject({ phase: "Failed", live: true, reason: "Process 5 (node) did not end." });
  });

  test("restart starts a new generation once the old one is gone", () => {
    const { status, effects } = run([...up, { type: "restart" }, { type: "stopped", generation: 1, leftovers: [] }]);
    expect(status).toMatchObject({ phase: "Waiting", generation: 2, restarts: 0 });
    expect(effects.at(-1)).toEqual({ type: "await_needs", generation: 2 });
  });

  test("late is Failed while the process runs on, and Running when it comes after all", () => {
    const late = run([...up.slice(0, 3), { type: "late", generation: 1, reason: "Not ready after 60 s." }]);
    expect(late.status).toMatchObject({ phase: "Failed", live: true });
    expect(reduceService(late.status, { type: "ready", generation: 1 }, onFailure).status.phase).toBe("Running");
  });

  test("an impostor on the port stops it and keeps the reason", () => {
    const taken = run([...up.slice(0, 3), { type: "impostor", generation: 1, reason: "Port 20001 is held by nc." }]);
    expect(taken.effects.at(-1)).toEqual({ type: "stop", generation: 1 });
    const after = reduceService(taken.status, { type: "stopped", generation: 1, leftovers: [] }, onFailure).status;
    expect(after).toMatchObject({ phase: "Failed", live: false, reason: "Port 20001 is held by nc." });
  });
});

describe("out of sight", () => {
  const unseen: ServiceEvent = { type: "unseen", generation: 1, reason: "The engine is away." };
  const types = ({ effects }: { effects: ServiceEffect[] }) => effects.map(({ type }) => type);
  const next = (status: ServiceStatus, event: ServiceEvent, restart: RestartPolicy["restart"] = "never") =>
    reduceService(status, event, { restart, successCodes: [] });

  test("it is Unknown with the reason, and once it is seen again its readiness is found out anew", () => {
    const { status } = run([...up, unseen]);
    expect(status).toMatchObject({ phase: "Unknown", live: true, wanted: "up", reason: "The engine is away." });
    expect(next(status, { type: "ready", generation: 1 }).status).toBe(status);
    const seen = next(status, { type: "seen", generation: 1 });
    expect(seen.status).toMatchObject({ phase: "Starting", live: true, reason: null });
    expect(types(seen)).toEqual(["cancel", "watch"]);
    const late = run([...up.slice(0, 3), { type: "late", generation: 1, reason: "Slow." }, unseen]);
    expect(late.status.phase).toBe("Unknown");
  });

  test("one that has ended meanwhile is treated by its policy, and started in any case once somebody asks", () => {
    const { status } = run([...up, unseen]);
    const end: ServiceEvent = { type: "ended", generation: 1, code: 137, signal: null };
    expect(next(status, end).status).toMatchObject({ phase: "Failed", live: false });
    expect(next(status, end, "always").status).toMatchObject({ phase: "Restarting", live: false });
    const asked = next(status, { type: "start" });
    expect(asked.status).toMatchObject({ phase: "Starting", live: true });
    expect(types(asked)).toEqual(["cancel", "watch"]);
    const begun = next(asked.status, end);
    expect(begun.status).toMatchObject({ phase: "Waiting", generation: 2, live: false });
    // What is found to run needs no other start, also when it ends later.
    const ready = next(asked.status, { type: "ready", generation: 1 });
    expect(next(ready.status, end).status).toMatchObject({ phase: "Failed", generation: 1 });
  });

  test("a stop that could not be is made up for, and forgotten when it is wanted again", () => {
    const stop = run([...up, unseen, { type: "stop" }, { type: "stopped", generation: 1, leftovers: ["The engine is away."] }]);
    expect(stop.status).toMatchObject({ phase: "Failed", live: true, wanted: "down", reason: "The engine is away." });
    expect(stop.effects.at(-1)).toEqual({ type: "await_end", generation: 1 });
    expect(next(stop.status, unseen).status).toBe(stop.status);
    const seen = next(stop.status, { type: "seen", generation: 1 });
    expect(seen.status).toMatchObject({ phase: "Stopping", wanted: "down" });
    expect(types(seen)).toEqual(["cancel", "stop"]);
    expect(next(stop.status, { type: "ended", generation: 1, code: 137, signal: null }).status).toMatchObject({
      phase: "Stopped",
      live: false,
      reason: null,
    });
    const wanted = next(stop.status, { type: "start" });
    expect(wanted.status).toMatchObject({ phase: "Starting", wanted: "up" });
    expect(types(wanted)).toEqual(["cancel", "watch"]);
  });
});

test("pauses grow and are capped at a minute", () => {
  expect([1, 2, 3, 4, 5, 6, 7, 20].map(pauseMs)).toEqual([250, 500, 5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
});

test("any order of events: never two processes, no stale write, and stop always ends in Stopped", () => {
  const kinds = [
    "start",
    "stop",
    "restart",
    "finish",
    "crash",
    "ready",
    "late",
    "pause_over",
    "needs",
    "quiet",
    "stale",
    "impostor",
    "unseen",
    "seen",
  ] as const;
  const policies = fc.record({
    restart: fc.constantFrom("always" as const, "on-failure" as const, "never" as const),
    successCodes: fc.constant<number[]>([]),
  });
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...kinds), { maxLength: 60 }), policies, (script, policy) => {
      const world = new World(policy);
      for (const kind of script) world.step(kind);
      world.send({ type: "stop" });
      world.settle();
      expect(world.alive.size).toBe(0);
      expect(["Stopped", "Failed"]).toContain(world.status.phase);
      expect(world.status.live).toBe(false);
      expect(world.status.wanted).toBe("down");
    }),
    { numRuns: 2_000 },
  );
});

/** Carries effects out at once, except stops and spawns, which take until `settle`. */
class World {
  status = initialStatus(0);
  readonly alive = new Set<number>();
  readonly policy: RestartPolicy;
  private pending: ServiceEffect[] = [];

  constructor(policy: RestartPolicy) {
    this.policy = policy;
  }

  send(event: ServiceEvent): void {
    const before = this.status;
    const next = reduceService(before, event, this.policy);
    expect(next.status.generation).toBeGreaterThanOrEqual(before.generation);
    this.status = next.status;
    this.pending.push(...next.effects);
  }

  settle(): void {
    for (let effect = this.pending.shift(); effect; effect = this.pending.shift()) {
      if (effect.type === "spawn") {
        this.alive.add(effect.generation);
        expect(this.alive.size).toBeLessThanOrEqual(1);
        this.send({ type: "started", generation: effect.generation });
      }
      if (effect.type === "stop") {
        this.alive.delete(effect.generation);
        this.send({ type: "stopped", generation: effect.generation, leftovers: [] });
      }
    }
  }

  step(kind: string): void {
    const generation = this.status.generation;
    if (kind === "start" || kind === "stop" || kind === "restart") this.send({ type: kind });
    if (kind === "needs") this.send({ type: "needs_ready", generation });
    if (kind === "ready" || kind === "pause_over" || kind === "quiet") this.send({ type: kind, generation });
    if (kind === "seen") this.send({ type: kind, generation });
    if (kind === "late" || kind === "impostor" || kind === "unseen") this.send({ type: kind, generation, reason: "Why." });
    if (kind === "finish" || kind === "crash") {
      this.settle();
      if (this.alive.delete(generation)) this.send({ type: "ended", generation, code: kind === "finish" ? 0 : 1, signal: null });
    }
    if (kind === "stale") {
      const before = this.status;
      this.send({ type: "ended", generation: generation - 1, code: 1, signal: null });
      expect(this.status).toBe(before);
    }
    if (Math.abs(generation) % 2 === 0) this.settle();
  }
}
