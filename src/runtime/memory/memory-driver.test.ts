import { describe, expect, test } from "bun:test";
import { WtError } from "../../errors/wt-error.ts";
import { systemClock } from "../../os/clock.ts";
import { describeRuntimeDriver, type RuntimeHarness } from "../runtime-driver.conformance.ts";
import type { ServiceSpec } from "../runtime-driver.ts";
import { createMemoryDriver } from "./memory-driver.ts";

let ports = 20_000;

function specFor(overrides: Partial<ServiceSpec> = {}): ServiceSpec {
  const port = ports++;
  return {
    environmentId: "env",
    nonce: "nonce",
    service: "web",
    generation: 1,
    command: "serve",
    directory: "/",
    env: {},
    port,
    logPath: `/logs/${port}.log`,
    stop: { signal: "SIGTERM", graceMs: 100 },
    ...overrides,
  };
}

describeRuntimeDriver("the memory driver", async (): Promise<RuntimeHarness> => {
  const driver = createMemoryDriver({ clock: systemClock });
  return {
    driver,
    reopen: () => createMemoryDriver({ clock: systemClock, machine: driver.machine }),
    spec: (_behaviour, overrides) => specFor(overrides),
    async start(spec, behaviour) {
      const instance = await driver.start(spec);
      if (behaviour.kind === "exit") driver.end(spec.service, behaviour.code);
      if (behaviour.kind === "die") driver.end(spec.service, behaviour.signal);
      if (behaviour.kind === "ignore-stop") driver.change(spec.service, { ignoresSignals: true });
      if (behaviour.kind === "detach") driver.change(spec.service, { detached: true });
      if (behaviour.kind === "listen") driver.listen(spec.port ?? 0);
      if (behaviour.kind === "print") {
        for (const line of behaviour.lines) driver.appendLog(spec.logPath, line);
        driver.end(spec.service, 0);
      }
      return instance;
    },
    brokenSpec() {
      driver.failNextStart(new WtError({ kind: "machine", code: "broken", message: "It cannot start." }));
      return specFor();
    },
    async listenAsStranger(port) {
      driver.listen(port, { pid: 99, command: "stranger" });
    },
    isHeld: async ({ service }) => driver.newest(service)?.paused === true,
    async dispose() {
      await driver.close();
    },
  };
});

describe("the controls of the memory driver", () => {
  test("leftovers and unknown states are reported and nothing is ended", async () => {
    const driver = createMemoryDriver({ clock: systemClock });
    const instance = await driver.start(specFor());
    driver.change("web", { leftovers: ["Process 5 hangs."] });
    expect(await driver.stop(instance, { signal: "SIGTERM", graceMs: 1 })).toEqual({ killed: true, leftovers: ["Process 5 hangs."] });
    driver.change("web", { leftovers: [], unknownBecause: "It cannot be seen." });
    expect(await driver.observe(instance)).toEqual({ state: "unknown", reason: "It cannot be seen." });
    expect(await driver.stop(instance, { signal: "SIGTERM", graceMs: 1 })).toEqual({ killed: false, leftovers: ["It cannot be seen."] });
    expect(driver.newest("web")?.end).toBeNull();
  });

  test("a failure hits one start only", async () => {
    const driver = createMemoryDriver({ clock: systemClock });
    const failure = new WtError({ kind: "machine", code: "broken", message: "It cannot start." });
    driver.failNextStart(failure);
    expect(await driver.start(specFor()).catch((error: unknown) => error)).toBe(failure);
    expect((await driver.observe(await driver.start(specFor()))).state).toBe("alive");
  });
});
