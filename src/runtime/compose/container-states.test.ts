// What only containers have: health checks, limits of memory, stop signals of their own, people who handle them by hand, an engine that goes away.
import { afterAll, afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { busyboxImage, docker, dockerReason, type TestImage } from "../../../test/support/docker.ts";
import { eventually } from "../runtime-driver.conformance.ts";
import type { ServiceInstance } from "../runtime-driver.ts";
import { type ComposeHarness, createComposeHarness } from "./compose-driver.conformance.ts";

setDefaultTimeout(60_000);

let image: TestImage | null = null;
afterAll(() => image?.[Symbol.dispose]());
let harness: ComposeHarness;
const patient = { signal: "SIGTERM", graceMs: 10_000 } as const;
const containerOf = (instance: ServiceInstance) => (instance.identity as { container: string }).container;

const whyNot = dockerReason();
describe.skipIf(whyNot !== null)(`a real container${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  beforeEach(async () => {
    image ??= busyboxImage();
    harness = await createComposeHarness(image.name);
  });
  afterEach(async () => {
    await harness.dispose();
  });

  test("tells what its health check says, and nothing without one", async () => {
    const healthcheck = { test: ["CMD-SHELL", "test -e /tmp/well"], interval: "200ms", timeout: "5s", retries: 1, start_period: "0s" };
    const instance = await harness.startCommand(harness.command(), "exec sleep 300", { healthcheck });
    const health = async () => {
      const observation = await harness.driver.observe(instance);
      return observation.state === "alive" ? observation.health : observation.state;
    };
    await eventually(async () => expect(await health()).toBe("unhealthy"));
    docker("exec", containerOf(instance), "touch", "/tmp/well");
    await eventually(async () => expect(await health()).toBe("healthy"));
    const without = await harness.startCommand(harness.command({ service: "worker" }), "exec sleep 300");
    expect(await harness.driver.observe(without)).not.toHaveProperty("health");
  });

  test("says when it had more memory than it may", async () => {
    const limits = { mem_limit: "16m", memswap_limit: "16m" };
    const instance = await harness.startCommand(harness.command(), "exec tail /dev/zero", limits);
    expect(await harness.driver.waitForEnd(instance, AbortSignal.timeout(30_000))).toEqual({
      code: null,
      signal: "SIGKILL",
      outOfMemory: true,
    });
  });

  test("is stopped by the signal it asks for", async () => {
    const spec = harness.command();
    const script = "trap 'echo asked; exit 4' USR1; trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done";
    const instance = await harness.startCommand(spec, script, { stop_signal: "SIGUSR1" });
    await harness.logged(spec, "ready");
    expect(await harness.driver.stop(instance, patient)).toEqual({ killed: false, leftovers: [] });
    expect(await harness.driver.observe(instance)).toEqual({ state: "ended", code: 4, signal: null });
    await harness.logged(spec, "asked");
  });

  test("is unknown, never ended, while its engine does not answer, and is not given up", async () => {
    const instance = await harness.startCommand(harness.command(), "exec sleep 300");
    const away = { ...instance, identity: { ...(instance.identity as object), endpoint: "/nowhere/docker.sock" } } as ServiceInstance;
    expect(await harness.driver.observe(away)).toMatchObject({ state: "unknown" });
    expect((await harness.driver.stop(away, patient)).leftovers).toHaveLength(1);
    expect(await harness.driver.listener(away, 1)).toEqual({ owner: "unknown" });
    const limit = AbortSignal.timeout(1500);
    expect(await harness.driver.waitForEnd(away, limit).catch((error: unknown) => error)).toBe(limit.reason);
    expect(await harness.driver.observe(instance)).toMatchObject({ state: "alive" });
  });

  test("that somebody restarts or removes by hand is another start, or none", async () => {
    const spec = harness.command();
    const instance = await harness.startCommand(spec, "exec sleep 300");
    docker("restart", "--time", "5", containerOf(instance));
    expect(await harness.driver.observe(instance)).toEqual({ state: "ended", code: null, signal: null });
    const [found, ...others] = await harness.driver.find(spec);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ service: "web", generation: 1 });
    expect(await harness.driver.stop(instance, patient)).toEqual({ killed: false, leftovers: [] });
    expect(await harness.driver.observe(found as ServiceInstance)).toMatchObject({ state: "alive" });
    docker("rm", "--force", containerOf(instance));
    expect(await harness.driver.observe(found as ServiceInstance)).toEqual({ state: "ended", code: null, signal: null });
  });

  test("whose program listens on its own loopback only is reached by nobody, and the driver says so", async () => {
    const ports = (port: number | null) => [{ target: 8000, published: String(port), host_ip: "127.0.0.1", protocol: "tcp", mode: "host" }];
    const spec = harness.command();
    const instance = await harness.startCommand(spec, "exec httpd -f -p 127.0.0.1:8000 -h /tmp", { ports: ports(spec.port) });
    const seen = { owner: "nobody", loopbackOnly: true } as const;
    await eventually(async () => expect(await harness.driver.listener(instance, spec.port ?? 0)).toEqual(seen));
  });
});
