// The contract of `RuntimeDriver`, sentence by sentence. Every driver runs it; a driver is skipped only where its `features` say that it cannot.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type JsonValue, WtError } from "../errors/wt-error.ts";
import type { InstanceObservation, LogEntry, RuntimeDriver, ServiceInstance, ServiceSpec } from "./runtime-driver.ts";

/** How a service of a case behaves; the harness makes its driver's services do so. */
export type Behaviour =
  | { kind: "run" }
  | { kind: "exit"; code: number }
  | { kind: "die"; signal: "SIGKILL" | "SIGTERM" }
  | { kind: "ignore-stop" }
  | { kind: "detach" }
  | { kind: "print"; lines: string[] }
  | { kind: "listen" };

export interface RuntimeHarness {
  driver: RuntimeDriver;
  /** The next daemon's driver on the same machine; the first one stays usable. */
  reopen(): RuntimeDriver;
  /** A runnable specification with a port of its own; `start` runs it. */
  spec(behaviour: Behaviour, overrides?: Partial<ServiceSpec>): ServiceSpec;
  /** `driver.start`, then whatever the driver's machine needs to show the behaviour. */
  start(spec: ServiceSpec, behaviour: Behaviour): Promise<ServiceInstance>;
  /** A specification that cannot start. */
  brokenSpec(): ServiceSpec;
  /** A stranger listens on the port until the case ends. */
  listenAsStranger(port: number): Promise<void>;
  /** Nothing of it moves. Only one instance runs. */
  isHeld(instance: ServiceInstance): Promise<boolean>;
  /** Ends everything the case has started and deletes its files; fails when something is left. */
  dispose(): Promise<void>;
}

const quick = { signal: "SIGTERM", graceMs: 300 } as const;
const patient = { signal: "SIGTERM", graceMs: 10_000 } as const;

export function describeRuntimeDriver(name: string, createHarness: () => Promise<RuntimeHarness>): void {
  describe(`${name} keeps the contract of RuntimeDriver`, () => {
    let harness: RuntimeHarness;
    beforeEach(async () => {
      harness = await createHarness();
    });
    afterEach(async () => {
      await harness.dispose();
    });

    const begin = async (behaviour: Behaviour, overrides?: Partial<ServiceSpec>) => {
      const spec = harness.spec(behaviour, overrides);
      return { spec, instance: await harness.start(spec, behaviour) };
    };
    const end = (instance: ServiceInstance, driver = harness.driver) => driver.waitForEnd(instance, AbortSignal.timeout(10_000));

    describe("start", () => {
      test("returns an instance that names what was asked for", async () => {
        const { spec, instance } = await begin({ kind: "run" }, { generation: 7 });
        expect(instance).toMatchObject({
          driver: harness.driver.name,
          environmentId: spec.environmentId,
          service: spec.service,
          generation: 7,
        });
        expect(instance.startedAtMs).toBeGreaterThan(0);
      });

      test("gives an identity that survives JSON", async () => {
        const { instance } = await begin({ kind: "run" });
        const again = JSON.parse(JSON.stringify(instance)) as ServiceInstance;
        expect(again).toEqual(instance);
        expect((await harness.driver.observe(again)).state).toBe("alive");
      });

      test("throws a WtError of the kind machine when it cannot start, and leaves nothing", async () => {
        const spec = harness.brokenSpec();
        const thrown = await harness.driver.start(spec).then(
          () => null,
          (error: unknown) => error,
        );
        expect(thrown).toBeInstanceOf(WtError);
        expect((thrown as WtError).kind).toBe("machine");
        expect(await harness.driver.find(spec)).toEqual([]);
      });

      test("appends to the log", async () => {
        const { spec, instance } = await begin({ kind: "print", lines: ["first"] });
        await end(instance);
        const again = await harness.start(
          { ...harness.spec({ kind: "print", lines: ["second"] }), logPath: spec.logPath },
          { kind: "print", lines: ["second"] },
        );
        await end(again);
        expect(await lines(harness.driver, spec.logPath)).toEqual(["first", "second"]);
      });
    });

    describe("observe and waitForEnd", () => {
      test("a running service is alive", async () => {
        const { instance } = await begin({ kind: "run" });
        const observation = await harness.driver.observe(instance);
        expect(observation).toMatchObject({ state: "alive", pid: instance.pid, detached: false });
        expect((observation as { memoryBytes: number | null }).memoryBytes).not.toBe(0);
      });

      test("an exit code is seen where exit codes are known, else null", async () => {
        const { instance } = await begin({ kind: "exit", code: 7 });
        const expected = harness.driver.features.exitCodes ? { code: 7, signal: null } : { code: null, signal: null };
        expect(await end(instance)).toEqual(expected);
        expect(await harness.driver.observe(instance)).toEqual({ state: "ended", ...expected });
      });

      test("a death by signal is seen where exit codes are known", async () => {
        const { instance } = await begin({ kind: "die", signal: "SIGKILL" });
        expect(await end(instance)).toEqual(
          harness.driver.features.exitCodes ? { code: null, signal: "SIGKILL" } : { code: null, signal: null },
        );
      });

      test("what a first process leaves behind is alive and detached, and waitForEnd goes on", async () => {
        const { instance } = await begin({ kind: "detach" });
        if (!harness.driver.features.detaches) {
          expect(await end(instance)).toMatchObject({ signal: null });
          return;
        }
        await eventually(async () => {
          expect(await harness.driver.observe(instance)).toMatchObject({ state: "alive", detached: true });
        });
        const abort = new AbortController();
        const waiting = harness.driver.waitForEnd(instance, abort.signal).then(() => "ended");
        expect(await Promise.race([waiting, after(300, "waiting")])).toBe("waiting");
        expect(await harness.driver.stop(instance, patient)).toMatchObject({ leftovers: [] });
        expect(await waiting).toBe("ended");
      });

      test("waitForCommand resolves with the first process, whatever it left behind", async () => {
        if (!harness.driver.features.detaches) return;
        const { instance } = await begin({ kind: "detach" });
        const end = await harness.driver.waitForCommand(instance, AbortSignal.timeout(10_000));
        expect(end.signal).toBeNull();
        if (harness.driver.features.exitCodes) expect(end.code).toBe(0);
        expect(await harness.driver.observe(instance)).toMatchObject({ state: "alive", detached: true });
        expect(await harness.driver.stop(instance, patient)).toMatchObject({ leftovers: [] });
      });

      test("waitForEnd rejects with the signal's reason, also when it fired before", async () => {
        const { instance } = await begin({ kind: "run" });
        const abort = new AbortController();
        const reason = new Error("no longer wanted");
        const waiting = harness.driver.waitForEnd(instance, abort.signal);
        abort.abort(reason);
        expect(await waiting.catch((error: unknown) => error)).toBe(reason);
        expect(await harness.driver.waitForEnd(instance, abort.signal).catch((error: unknown) => error)).toBe(reason);
        expect((await harness.driver.observe(instance)).state).toBe("alive");
      });

      test("several may wait for one end", async () => {
        const { instance } = await begin({ kind: "run" });
        const waiting = [end(instance), end(instance)];
        await harness.driver.stop(instance, patient);
        expect(await Promise.all(waiting)).toHaveLength(2);
      });
    });

    describe("stop", () => {
      test("ends the service, verified", async () => {
        const { instance } = await begin({ kind: "run" });
        expect(await harness.driver.stop(instance, patient)).toEqual({ killed: false, leftovers: [] });
        expect((await harness.driver.observe(instance)).state).toBe("ended");
      });

      test("is idempotent", async () => {
        const { instance } = await begin({ kind: "run" });
        await harness.driver.stop(instance, patient);
        expect(await harness.driver.stop(instance, patient)).toEqual({ killed: false, leftovers: [] });
      });

      test("succeeds for what has ended by itself", async () => {
        const { instance } = await begin({ kind: "exit", code: 0 });
        await end(instance);
        expect(await harness.driver.stop(instance, quick)).toEqual({ killed: false, leftovers: [] });
      });

      test("kills after the grace what ignores the signal", async () => {
        const { instance } = await begin({ kind: "ignore-stop" });
        expect(await harness.driver.stop(instance, quick)).toEqual({ killed: true, leftovers: [] });
        expect((await harness.driver.observe(instance)).state).toBe("ended");
      });

      test("ends what a first process left behind", async () => {
        if (!harness.driver.features.detaches) return;
        const { instance } = await begin({ kind: "detach" });
        await eventually(async () => expect(await harness.driver.observe(instance)).toMatchObject({ detached: true }));
        expect(await harness.driver.stop(instance, patient)).toMatchObject({ leftovers: [] });
        expect((await harness.driver.observe(instance)).state).toBe("ended");
      });

      test("leaves the other services of the environment alone", async () => {
        const { spec, instance } = await begin({ kind: "run" });
        const other = await begin({ kind: "run" }, { environmentId: spec.environmentId, nonce: spec.nonce, service: "other" });
        await harness.driver.stop(instance, patient);
        expect((await harness.driver.observe(other.instance)).state).toBe("alive");
      });

      test("may be called twice at once", async () => {
        const { instance } = await begin({ kind: "run" });
        const results = await Promise.all([harness.driver.stop(instance, patient), harness.driver.stop(instance, patient)]);
        for (const result of results) expect(result.leftovers).toEqual([]);
      });
    });

    describe("pause and resume", () => {
      test("hold it still, alive, and let it go on; as often as one likes", async () => {
        if (!harness.driver.features.pause) return;
        const { instance } = await begin({ kind: "run" });
        for (let round = 0; round < 2; round++) {
          await harness.driver.pause(instance);
          await harness.driver.pause(instance);
          expect(await harness.isHeld(instance)).toBe(true);
          expect(await harness.driver.observe(instance)).toMatchObject({ state: "alive" });
          await harness.driver.resume(instance);
          await harness.driver.resume(instance);
          expect(await harness.isHeld(instance)).toBe(false);
        }
      });

      test("the next driver lets go on what the one before held", async () => {
        if (!harness.driver.features.pause || !harness.driver.features.adoption) return;
        const { instance } = await begin({ kind: "run" });
        await harness.driver.pause(instance);
        await harness.driver.close();
        const next = harness.reopen();
        expect(await harness.isHeld(instance)).toBe(true);
        await next.resume(JSON.parse(JSON.stringify(instance)) as ServiceInstance);
        expect(await harness.isHeld(instance)).toBe(false);
      });

      test("what is held can be stopped", async () => {
        const { instance } = await begin({ kind: "run" });
        await harness.driver.pause(instance);
        expect(await harness.driver.stop(instance, patient)).toEqual({ killed: false, leftovers: [] });
      });

      test("what is gone, and a record that this driver did not write, succeed", async () => {
        const { instance } = await begin({ kind: "exit", code: 0 });
        await end(instance);
        for (const one of [instance, { ...instance, identity: null }]) {
          await harness.driver.pause(one);
          await harness.driver.resume(one);
        }
      });
    });

    describe("adoption", () => {
      test("the next driver observes, waits for and stops an instance", async () => {
        const { instance } = await begin({ kind: "run" });
        if (!harness.driver.features.adoption) return;
        await harness.driver.close();
        const next = harness.reopen();
        const adopted = JSON.parse(JSON.stringify(instance)) as ServiceInstance;
        expect((await next.observe(adopted)).state).toBe("alive");
        const waiting = end(adopted, next);
        expect(await next.stop(adopted, patient)).toEqual({ killed: false, leftovers: [] });
        if (next.features.adoptedExitCodes) expect(await waiting).not.toEqual({ code: null, signal: null });
        else expect(await waiting).toEqual({ code: null, signal: null });
      });

      test("find needs no records: every service and generation of the environment, and no other's", async () => {
        const { spec, instance } = await begin({ kind: "run" }, { generation: 1 });
        const second = await begin({ kind: "run" }, { environmentId: spec.environmentId, nonce: spec.nonce, generation: 2 });
        const other = await begin({ kind: "run" }, { environmentId: spec.environmentId, nonce: spec.nonce, service: "other" });
        await begin({ kind: "run" }, { environmentId: spec.environmentId, nonce: `${spec.nonce}-other` });
        await begin({ kind: "run" }, { environmentId: "another", nonce: spec.nonce });
        const found = await harness.reopen().find({ environmentId: spec.environmentId, nonce: spec.nonce });
        const key = (each: ServiceInstance) => `${each.service} ${each.generation} ${each.pid}`;
        expect(found.map(key).sort()).toEqual([instance, second.instance, other.instance].map(key).sort());
      });

      test("what find gives can be observed and stopped", async () => {
        const { spec, instance } = await begin({ kind: "run" });
        const next = harness.reopen();
        const [found] = await next.find(spec);
        expect((await next.observe(found!)).state).toBe("alive");
        expect(await next.stop(found!, patient)).toMatchObject({ leftovers: [] });
        expect((await harness.driver.observe(instance)).state).toBe("ended");
      });

      test("find gives nothing once all has ended", async () => {
        const { spec, instance } = await begin({ kind: "run" });
        await harness.driver.stop(instance, patient);
        expect(await harness.driver.find(spec)).toEqual([]);
      });

      test("a record that this driver did not write is never reported as alive", async () => {
        const { instance } = await begin({ kind: "run" });
        const strange: JsonValue[] = [null, 5, "x", [], {}, { pid: "1" }];
        for (const identity of strange) {
          const observation: InstanceObservation = await harness.driver.observe({ ...instance, identity });
          expect(observation.state).not.toBe("alive");
          await harness.driver.stop({ ...instance, identity }, quick);
        }
        expect((await harness.driver.observe(instance)).state).toBe("alive");
      });
    });

    describe("listener", () => {
      test("nobody, then ours", async () => {
        const { spec, instance } = await begin({ kind: "run" });
        expect(await harness.driver.listener(instance, spec.port!)).toEqual({ owner: "nobody" });
        const listening = await begin({ kind: "listen" });
        await eventually(async () => expect((await harness.driver.listener(listening.instance, listening.spec.port!)).owner).toBe("ours"));
      });

      test("a stranger, and another service, are foreign", async () => {
        if (!harness.driver.features.listeners) return;
        const { spec, instance } = await begin({ kind: "run" });
        await harness.listenAsStranger(spec.port!);
        const observation = await harness.driver.listener(instance, spec.port!);
        expect(observation.owner).toBe("foreign");
        expect((observation as { pid: number | null }).pid).toBeGreaterThan(0);
        const other = await begin({ kind: "listen" }, { service: "other" });
        await eventually(async () => expect((await harness.driver.listener(instance, other.spec.port!)).owner).toBe("foreign"));
      });

      test("nobody after a stop", async () => {
        const { spec, instance } = await begin({ kind: "listen" });
        await eventually(async () => expect((await harness.driver.listener(instance, spec.port!)).owner).toBe("ours"));
        await harness.driver.stop(instance, patient);
        expect(await harness.driver.listener(instance, spec.port!)).toEqual({ owner: "nobody" });
      });
    });

    describe("logs", () => {
      const many = Array.from({ length: 30 }, (_, number) => `line ${number}`);

      test("all lines in order, the last N, and none of a log that is not there", async () => {
        const { spec, instance } = await begin({ kind: "print", lines: many });
        await end(instance);
        expect(await lines(harness.driver, spec.logPath)).toEqual(many);
        expect(await lines(harness.driver, spec.logPath, { tail: 3 })).toEqual(many.slice(-3));
        expect(await lines(harness.driver, spec.logPath, { tail: 0 })).toEqual([]);
        expect(await lines(harness.driver, spec.logPath, { tail: 1000 })).toEqual(many);
        expect(await lines(harness.driver, `${spec.logPath}.nowhere`)).toEqual([]);
      });

      test("times lie between start and now, and sinceMs leaves out what is older", async () => {
        const beforeMs = Date.now();
        const { spec, instance } = await begin({ kind: "print", lines: ["one", "two"] });
        await end(instance);
        const entries = await collect(harness.driver, spec.logPath, {});
        expect(entries).toHaveLength(2);
        for (const { timeMs } of entries) {
          expect(timeMs).toBeGreaterThanOrEqual(beforeMs - 20);
          expect(timeMs).toBeLessThanOrEqual(Date.now() + 20);
        }
        expect(await lines(harness.driver, spec.logPath, { sinceMs: beforeMs - 1000 })).toEqual(["one", "two"]);
        expect(await lines(harness.driver, spec.logPath, { sinceMs: Date.now() + 1000 })).toEqual([]);
      });

      test("follow goes on with what comes, over generations, and ends when aborted", async () => {
        const { spec, instance } = await begin({ kind: "print", lines: ["before"] });
        await end(instance);
        const abort = new AbortController();
        const seen: string[] = [];
        const following = (async () => {
          const query = { logPath: spec.logPath, tail: null, sinceMs: null, follow: true };
          for await (const { line } of harness.driver.logs(query, abort.signal)) seen.push(line);
        })();
        await eventually(async () => expect(seen).toEqual(["before"]));
        const second = await begin({ kind: "print", lines: ["after", "end"] }, { logPath: spec.logPath });
        await end(second.instance);
        await eventually(async () => expect(seen).toEqual(["before", "after", "end"]));
        abort.abort();
        await following;
      });

      test("follow of a log that does not exist yet begins with it", async () => {
        const spec = harness.spec({ kind: "print", lines: ["hello"] });
        const abort = new AbortController();
        const iterator = harness.driver
          .logs({ logPath: spec.logPath, tail: 10, sinceMs: null, follow: true }, abort.signal)
          [Symbol.asyncIterator]();
        const next = iterator.next();
        await harness.start(spec, { kind: "print", lines: ["hello"] });
        expect((await next).value).toMatchObject({ line: "hello" });
        const last = iterator.next();
        abort.abort();
        expect((await last).done).toBe(true);
      });

      test("removeLogs deletes them and is idempotent", async () => {
        const { spec, instance } = await begin({ kind: "print", lines: ["gone"] });
        await end(instance);
        await harness.driver.removeLogs(spec.logPath);
        await harness.driver.removeLogs(spec.logPath);
        expect(await lines(harness.driver, spec.logPath)).toEqual([]);
      });
    });

    test("services run on after close", async () => {
      const { instance } = await begin({ kind: "run" });
      await harness.driver.close();
      if (harness.driver.features.adoption) expect((await harness.reopen().observe(instance)).state).toBe("alive");
    });
  });
}

interface LogOptions {
  tail?: number;
  sinceMs?: number;
}

export async function collect(driver: RuntimeDriver, logPath: string, options: LogOptions): Promise<LogEntry[]> {
  const query = { logPath, tail: options.tail ?? null, sinceMs: options.sinceMs ?? null, follow: false };
  return Array.fromAsync(driver.logs(query, AbortSignal.timeout(10_000)));
}

async function lines(driver: RuntimeDriver, logPath: string, options: LogOptions = {}): Promise<string[]> {
  return (await collect(driver, logPath, options)).map((entry) => entry.line);
}

/** Repeats the assertion until it holds; fails with its last error after ten seconds. */
export async function eventually(assertion: () => Promise<void>): Promise<void> {
  const deadlineMs = performance.now() + 30_000;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await after(10, null);
    }
  }
}

function after<Value>(ms: number, value: Value): Promise<Value> {
  return new Promise((resolve) => setTimeout(() => resolve(value), ms));
}
