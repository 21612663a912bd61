import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Config, ServiceConfig } from "../config/config.ts";
import { applyPlan, type StepPerformers } from "./apply-plan.ts";
import { type ObservedEnvironment, type PlanStep, planEnvironment, stepName, type WantedEnvironment } from "./plan.ts";
import { stopOrder } from "./service-plan.ts";

const service = (name: string, port: ServiceConfig["port"] = { kind: "leased" }): ServiceConfig => ({
  name,
  run: `run ${name}`,
  directory: ".",
  env: {},
  routes: [],
  port,
  ready: { kind: "none" },
  readyTimeoutMs: 1_000,
  needs: [],
  restart: "on-failure",
  successCodes: [],
  stop: { signal: "SIGTERM", graceMs: 1_000 },
});

const config: Config = {
  project: "p",
  runtime: "process",
  copy: [".env"],
  clone: ["node_modules"],
  setup: [{ run: "npm ci", inputs: ["package-lock.json"], directory: ".", place: "setup[0]", group: 0 }],
  resources: { db: { type: "postgres", options: {} } },
  services: [service("web"), service("worker", { kind: "none" })],
  hooks: {},
  env: {},
  agent: null,
  worktrees: null,
  undeleteDays: null,
  compose: null,
  origin: { kind: "detected", because: [] },
};

const nothing: ObservedEnvironment = { worktree: "absent", filled: false, setupDone: [], services: [], resources: [], leasedPorts: [] };
const whole: ObservedEnvironment = {
  worktree: "present",
  filled: true,
  setupDone: [true],
  services: [
    { name: "web", live: true, pausing: false, current: true },
    { name: "worker", live: true, pausing: false, current: true },
  ],
  resources: ["db"],
  leasedPorts: ["web"],
};
const up: WantedEnvironment = { presence: "present", up: ["web", "worker"], down: [], anew: [], rescue: false, deleteBranch: false };
const gone: WantedEnvironment = { ...up, presence: "absent", up: [] };
const names = (steps: PlanStep[]) => steps.map(stepName);

describe("planEnvironment", () => {
  test("from nothing: every part, services last", () => {
    expect(names(planEnvironment(up, nothing, config))).toEqual(["worktree", "copy", "clone", "ports", "resource:db", "setup:0", "start"]);
  });

  test("a whole environment needs only the skipped setup", () => {
    expect(planEnvironment(up, whole, config)).toEqual([{ kind: "setup", index: 0, run: "npm ci", skip: true }]);
  });

  test("containers are prepared between ports and resources, every time, and go before the worktree does", () => {
    const compose = { files: ["compose.yaml"], profiles: [], shared: [], sharedVolumes: [], allow: [], dockerfiles: [] };
    const containers: Config = { ...config, runtime: "compose", compose };
    expect(names(planEnvironment(up, nothing, containers)).slice(3)).toEqual(["ports", "stack", "resource:db", "setup:0", "start"]);
    expect(names(planEnvironment(up, whole, containers))).toEqual(["stack", "setup:0"]);
    const made = { ...whole, stack: true };
    const removal = names(planEnvironment({ ...gone, rescue: true }, made, null));
    expect(removal.slice(2, 6)).toEqual(["rescue", "remove_resource:db", "remove_stack", "remove_worktree"]);
    expect(names(planEnvironment({ ...gone, presence: "rolled_back" }, made, null)).slice(2, 5)).toEqual([
      "remove_resource:db",
      "remove_stack",
      "undo_worktree",
    ]);
    const kept = planEnvironment({ ...gone, keep: { dirty: true } }, made, null);
    expect(kept.slice(2, 4)).toEqual([
      { kind: "keep_work", dirty: true },
      { kind: "remove_stack", volumes: false },
    ]);
  });

  test("a changed definition restarts just that service; an unchanged one is left alone", () => {
    const changed = { ...whole, services: whole.services.map((one) => ({ ...one, current: one.name !== "web" })) };
    expect(planEnvironment(up, changed, config).at(-1)).toEqual({ kind: "restart", services: ["web"] });
    expect(planEnvironment({ ...up, anew: ["worker"] }, whole, config).at(-1)).toEqual({ kind: "restart", services: ["worker"] });
  });

  test("a service that waits out a pause is started at once by up, and stopped by down", () => {
    const looping = { ...whole, services: [{ name: "web", live: false, pausing: true, current: true }] };
    expect(planEnvironment({ ...up, up: ["web"] }, looping, config).at(-1)).toEqual({ kind: "start", services: ["web"] });
    expect(planEnvironment({ ...up, up: [], down: ["web"] }, looping, config).at(-1)).toEqual({ kind: "stop", services: ["web"] });
  });

  test("removal stops first, keeps unsaved work before the worktree goes, and releases last", () => {
    const plan = planEnvironment({ ...gone, rescue: true, deleteBranch: true }, whole, null);
    expect(names(plan)).toEqual([
      "stop",
      "sweep",
      "rescue",
      "remove_resource:db",
      "remove_worktree",
      "delete_branch",
      "remove_files",
      "release",
    ]);
  });

  test("a roll-back undoes a worktree that may be half made and leaves an existing branch to the undo's own proof", () => {
    expect(names(planEnvironment({ ...gone, presence: "rolled_back" }, { ...nothing, worktree: "partial" }, null))).toEqual([
      "sweep",
      "undo_worktree",
      "remove_files",
      "release",
    ]);
    expect(names(planEnvironment({ ...gone, presence: "rolled_back" }, nothing, null))).toEqual(["sweep", "remove_files", "release"]);
  });

  test("whatever is observed: a removal ends with release, and rescue is before the worktree", () => {
    const observed = fc.record({
      worktree: fc.constantFrom("absent" as const, "partial" as const, "present" as const),
      filled: fc.boolean(),
      setupDone: fc.array(fc.boolean(), { maxLength: 2 }),
      services: fc.array(
        fc.record({ name: fc.constantFrom("web", "worker"), live: fc.boolean(), pausing: fc.boolean(), current: fc.boolean() }),
      ),
      resources: fc.subarray(["db", "cache"]),
      leasedPorts: fc.subarray(["web"]),
    });
    fc.assert(
      fc.property(observed, fc.boolean(), (seen, rescue) => {
        const plan = names(planEnvironment({ ...gone, rescue }, seen, null));
        expect(plan.at(-1)).toBe("release");
        if (seen.worktree === "present" && rescue) expect(plan.indexOf("rescue")).toBeLessThan(plan.indexOf("remove_worktree"));
        if (seen.services.some((one) => one.live)) expect(plan[0]).toBe("stop");
      }),
    );
  });
});

describe("applyPlan", () => {
  /** Performers that note their call; `failing` throws. */
  function recorded(calls: string[], failing?: string): StepPerformers {
    const note = async (step: PlanStep) => {
      calls.push(`do ${stepName(step)}`);
      if (stepName(step) === failing) throw new Error("no");
    };
    const kinds = ["worktree", "copy", "clone", "ports", "setup", "resource", "start", "restart", "stop", "sweep", "rescue"] as const;
    const removals = ["remove_resource", "remove_worktree", "undo_worktree", "delete_branch", "remove_files", "release"] as const;
    return Object.fromEntries([...kinds, ...removals].map((kind) => [kind, note])) as unknown as StepPerformers;
  }

  const plan: PlanStep[] = [{ kind: "worktree" }, { kind: "setup", index: 0, run: "x", skip: true }, { kind: "start", services: ["web"] }];
  const options = (calls: string[], failing?: string) => ({
    perform: recorded(calls, failing),
    journal: (step: string) => calls.push(`journal ${step}`),
    report: () => undefined,
    now: () => 0,
    abort: new AbortController().signal,
  });

  test("each step is journalled before its effect; a skipped one is neither", async () => {
    const calls: string[] = [];
    await applyPlan(plan, options(calls));
    expect(calls).toEqual(["journal worktree", "do worktree", "journal start", "do start"]);
  });

  test("the first failure stops it", async () => {
    const calls: string[] = [];
    expect(applyPlan(plan, options(calls, "worktree"))).rejects.toThrow("no");
    expect(calls).toEqual(["journal worktree", "do worktree"]);
  });

  test("an abort stops it before the next step", async () => {
    const calls: string[] = [];
    const abort = new AbortController();
    const stopping = {
      ...options(calls),
      abort: abort.signal,
      reached: (point: string) => (point === "after:worktree" ? abort.abort(new Error("stop")) : undefined),
    };
    expect(applyPlan(plan, stopping)).rejects.toThrow("stop");
    await Promise.resolve();
    expect(calls).not.toContain("do start");
  });
});

test("services stop before what they need; a circle stops together", () => {
  const web = { name: "web", needs: ["api"] };
  const api = { name: "api", needs: ["db"] };
  expect(stopOrder([api, { name: "worker", needs: ["api"] }, web])).toEqual([["worker", "web"], ["api"]]);
  expect(
    stopOrder([
      { name: "a", needs: ["b"] },
      { name: "b", needs: ["a"] },
    ]),
  ).toEqual([["a", "b"]]);
});
