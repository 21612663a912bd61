import { describe, expect, test } from "bun:test";
import type { ComposeObject } from "../runtime/compose/transform/compose-model.ts";
import { sharedPlan } from "./shared-plan.ts";

const of = (service: ComposeObject, { port = null, ...others }: { port?: number | null; web?: ComposeObject } = {}) =>
  sharedPlan({ model: { name: "p", services: { it: service, ...others } }, service: "it", shared: ["it", "db", "s3"], port });

describe("a shared service", () => {
  test("starts after those of its kind that it depends on, links to or lives in", () => {
    const needs = { depends_on: { db: { condition: "service_healthy" }, web: {} }, links: ["s3:store"], network_mode: "service:s3" };
    expect(of(needs).needs).toEqual(["shared:db", "shared:s3"]);
  });

  test("that serves is there again whatever it ended with; what does not may come to its end", () => {
    expect(of({}, { port: 20_001 })).toMatchObject({ ready: { kind: "tcp" }, restart: "always", readyTimeoutMs: 120_000 });
    expect(of({ healthcheck: { test: ["CMD", "true"] }, restart: "no" })).toMatchObject({
      ready: { kind: "healthcheck" },
      restart: "always",
    });
    expect(of({ healthcheck: { test: ["NONE"] } })).toMatchObject({ ready: { kind: "none" }, restart: "never" });
    expect(of({ restart: "on-failure:3" })).toMatchObject({ ready: { kind: "none" }, restart: "on-failure" });
    expect(of({ restart: "unless-stopped" }).restart).toBe("always");
    expect(of({ deploy: { restart_policy: { condition: "any" } } }).restart).toBe("always");
  });

  test("whose end another waits for is ready with it, also where that one is an environment's", () => {
    const web = { depends_on: { it: { condition: "service_completed_successfully" } } };
    expect(of({ expose: ["80"] }, { port: 20_001, web })).toMatchObject({
      ready: { kind: "completed" },
      restart: "never",
      readyTimeoutMs: 600_000,
    });
  });

  test("has as long to end as the file says", () => {
    expect([of({ stop_grace_period: "1m30s" }).graceMs, of({ stop_grace_period: "soon" }).graceMs, of({}).graceMs]).toEqual([
      90_000, 10_000, 10_000,
    ]);
  });
});
