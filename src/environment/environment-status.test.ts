import { expect, test } from "bun:test";
import { type ConditionInput, conditionWithResources, environmentCondition } from "./environment-status.ts";

const calm: ConditionInput = { operation: null, worktreeExists: true, incomplete: false, wanted: "up", services: ["Running", "Completed"] };

test.each<[string, Partial<ConditionInput>]>([
  ["Healthy", {}],
  ["Healthy", { services: [] }],
  ["Stopped", { wanted: "down", services: [] }],
  ["Stopped", { wanted: "down", services: ["Stopped", "Stopped"] }],
  ["Starting", { services: ["Running", "Waiting"] }],
  ["Degraded", { services: ["Running", "CrashLoopBackOff"] }],
  ["Degraded", { services: ["Starting", "Failed"] }],
  ["Degraded", { services: ["Unknown", "Failed"] }],
  ["Unknown", { services: ["Running", "Starting", "Unknown"] }],
  ["Missing", { worktreeExists: false }],
  ["Deleting", { operation: "delete", worktreeExists: false }],
  ["Creating", { operation: "create", worktreeExists: false }],
  ["Healthy", { operation: "up" }],
  ["Healthy", { operation: "reset" }],
  ["Incomplete", { incomplete: true, services: [] }],
  ["Creating", { incomplete: true, operation: "up" }],
  ["Missing", { incomplete: true, worktreeExists: false }],
  ["Deleting", { incomplete: true, operation: "delete" }],
])("%s", (condition, change) => {
  expect(environmentCondition({ ...calm, ...change })).toBe(condition as never);
});

test("a resource that cannot be used takes health away, and nothing else", () => {
  expect(conditionWithResources("Healthy", ["Ready", "Asleep", "Shared", "Unknown"])).toBe("Healthy");
  expect(conditionWithResources("Healthy", ["Ready", "Broken"])).toBe("Degraded");
  expect(conditionWithResources("Healthy", ["Foreign"])).toBe("Degraded");
  for (const condition of ["Stopped", "Starting", "Incomplete", "Deleting"] as const) {
    expect(conditionWithResources(condition, ["Broken"])).toBe(condition);
  }
});
