// The contract of `ResourceDriver`, sentence by sentence. Every driver runs it; a case is skipped only where `features` say that it cannot be.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { WtError } from "../errors/wt-error.ts";
import { describeForks } from "./fork.conformance.ts";
import type { ResourceDriver, ResourceSpec } from "./resource-driver.ts";
import { eventually, type ResourceCases, type ResourceHarness, testIf } from "./resource-harness.conformance.ts";
import { describeRetire } from "./retire.conformance.ts";

export function describeResourceDriver(name: string, createHarness: () => Promise<ResourceHarness>, cases: ResourceCases): void {
  describe(`${name} keeps the contract of ResourceDriver`, () => {
    const { checkpoints, sleep } = cases.features;
    const withCheckpoints = testIf(checkpoints, "it has no checkpoints");
    const withSleep = testIf(sleep, "it does not sleep");
    const withClients = testIf(cases.clients, "it has no clients");
    let harness: ResourceHarness;
    let driver: ResourceDriver;
    beforeEach(async () => {
      harness = await createHarness();
      driver = harness.driver;
    });
    afterEach(async () => {
      await harness.dispose();
    });

    const call = (abort: AbortSignal = new AbortController().signal) => harness.call(abort);
    const ensured = async () => {
      const spec = await harness.spec();
      return { spec, connection: await driver.ensure(spec, call()) };
    };
    const reopened = async () => {
      await driver.close();
      driver = harness.reopen();
    };
    const failureOf = async (promise: Promise<unknown>): Promise<WtError> => {
      const thrown = await promise.then(
        () => "nothing was thrown",
        (error: unknown) => error,
      );
      expect(thrown).toBeInstanceOf(WtError);
      const error = thrown as WtError;
      expect(error.message).toMatch(/\.$/);
      expect(error.kind).not.toBe("internal");
      return error;
    };

    describe("parseOptions", () => {
      test.each(cases.valid.map((options) => [JSON.stringify(options), options] as const))("accepts %s", (_, written) => {
        const before = structuredClone(written);
        const parsed = driver.parseOptions(written);
        expect(parsed).toHaveProperty("options");
        expect(written).toEqual(before);
        expect(JSON.parse(JSON.stringify(parsed))).toEqual(parsed);
        expect(driver.parseOptions(written)).toEqual(parsed);
      });

      test.each(cases.invalid.map(({ options, key }) => [JSON.stringify(options), options, key] as const))(
        "refuses %s",
        (_, written, key) => {
          const parsed = driver.parseOptions(written);
          if (!("problems" in parsed)) throw new Error("it was accepted");
          expect(parsed.problems[0]?.key).toBe(key);
          for (const problem of parsed.problems) expect(problem.message).toMatch(/\.$/);
        },
      );
    });

    test("features are what they are said to be", () => {
      expect(driver.features).toEqual(cases.features);
    });

    test("variableNames are the variables that a connection gives", async () => {
      const { spec, connection } = await ensured();
      expect(driver.variableNames(spec.options, spec.name).sort()).toEqual(Object.keys(connection.variables).sort());
    });

    describe("observe", () => {
      test("absent before, ready after, absent again", async () => {
        const spec = await harness.spec();
        expect(await driver.observe(spec)).toEqual({ state: "absent" });
        await driver.ensure(spec, call());
        expect((await driver.observe(spec)).state).toBe("ready");
        await driver.remove(spec);
        expect(await driver.observe(spec)).toEqual({ state: "absent" });
      });

      test("another environment's is not this one's", async () => {
        await ensured();
        expect(await driver.observe(await harness.spec())).toEqual({ state: "absent" });
      });

      test("what does not carry our mark is foreign, with a reason", async () => {
        const spec = await harness.spec();
        const intact = await harness.makeForeign(spec);
        const observation = await driver.observe(spec);
        expect(observation.state).toBe("foreign");
        expect((observation as { reason: string }).reason).toMatch(/\.$/);
        expect(await intact()).toBe(true);
      });
    });

    describe("ensure", () => {
      test("gives a connection that works", async () => {
        const { connection } = await ensured();
        expect(JSON.parse(JSON.stringify(connection))).toEqual(connection);
        await harness.write(connection, "hello");
        expect(await harness.read(connection)).toBe("hello");
      });

      test("is idempotent: same values, content kept", async () => {
        const { spec, connection } = await ensured();
        await harness.write(connection, "kept");
        expect(await driver.ensure(spec, call())).toEqual(connection);
        expect(await harness.read(connection)).toBe("kept");
      });

      test("works from a specification that went through JSON", async () => {
        const { spec, connection } = await ensured();
        const again = JSON.parse(JSON.stringify(spec)) as ResourceSpec;
        expect(await driver.connection(again)).toEqual(connection);
        expect((await driver.observe(again)).state).toBe("ready");
      });

      test("several at once: each has its own content", async () => {
        const specs = await Promise.all([harness.spec(), harness.spec(), harness.spec()]);
        const connections = await Promise.all(specs.map((spec) => driver.ensure(spec, call())));
        for (const [index, connection] of connections.entries()) await harness.write(connection, `content ${index}`);
        expect(await Promise.all(connections.map((connection) => harness.read(connection)))).toEqual(
          connections.map((_, index) => `content ${index}`),
        );
      });

      test("throws a WtError and leaves nothing when it cannot be", async () => {
        const spec = await harness.brokenSpec();
        await failureOf(driver.ensure(spec, call()));
        expect(await driver.observe(spec)).toEqual({ state: "absent" });
        expect(await driver.connection(spec)).toBeNull();
        expect(existsSync(spec.directory)).toBe(false);
      });

      test("rejects with the abort's reason and leaves nothing", async () => {
        const spec = await harness.spec();
        const reason = new Error("no longer wanted");
        expect(await driver.ensure(spec, call(AbortSignal.abort(reason))).catch((error: unknown) => error)).toBe(reason);
        expect(await driver.observe(spec)).toEqual({ state: "absent" });
        expect(existsSync(spec.directory)).toBe(false);
      });

      test("an abort in the middle leaves a whole one or none", async () => {
        const spec = await harness.spec();
        const abort = new AbortController();
        const making = driver.ensure(spec, call(abort.signal)).then(
          () => "ready",
          () => "absent",
        );
        setTimeout(() => abort.abort(new Error("no longer wanted")), 2);
        const outcome = await making;
        expect((await driver.observe(spec)).state).toBe(outcome as "ready");
        await driver.ensure(spec, call());
        expect((await driver.observe(spec)).state).toBe("ready");
      });

      test("refuses what is not ours and leaves it as it is", async () => {
        const spec = await harness.spec();
        const intact = await harness.makeForeign(spec);
        expect((await failureOf(driver.ensure(spec, call()))).kind).toBe("refused");
        expect(await intact()).toBe(true);
      });

      test("repairs what a crash in the middle left", async () => {
        const spec = await harness.spec();
        await harness.makeHalf(spec);
        expect((await driver.observe(spec)).state).not.toBe("ready");
        const connection = await driver.ensure(spec, call());
        await harness.write(connection, "whole");
        expect(await harness.read(connection)).toBe("whole");
        expect((await driver.observe(spec)).state).toBe("ready");
      });
    });

    describe("reset", () => {
      test("brings the first content back under the same values", async () => {
        const { spec, connection } = await ensured();
        const first = await harness.read(connection);
        await harness.write(connection, "changed");
        expect(await driver.reset(spec, call())).toEqual(connection);
        expect(await harness.read(connection)).toBe(first);
      });

      test("touches no other", async () => {
        const one = await ensured();
        const other = await ensured();
        await harness.write(other.connection, "other");
        await driver.reset(one.spec, call());
        expect(await harness.read(other.connection)).toBe("other");
      });

      withClients("works while a client is connected", async () => {
        const { spec, connection } = await ensured();
        const first = await harness.read(connection);
        await harness.write(connection, "changed");
        const release = await harness.holdClient(connection);
        await driver.reset(spec, call());
        await release();
        expect(await harness.read(connection)).toBe(first);
      });
    });

    describe("remove", () => {
      test("the absent succeeds", async () => {
        const spec = await harness.spec();
        await driver.remove(spec);
        expect(await driver.observe(spec)).toEqual({ state: "absent" });
      });

      test("leaves nothing, and may be repeated", async () => {
        const { spec } = await ensured();
        await driver.remove(spec);
        expect(existsSync(spec.directory)).toBe(false);
        expect(await driver.connection(spec)).toBeNull();
        await driver.remove(spec);
      });

      test("what was made anew begins anew", async () => {
        const { spec, connection } = await ensured();
        const first = await harness.read(connection);
        await harness.write(connection, "old");
        await driver.remove(spec);
        expect(await harness.read(await driver.ensure(spec, call()))).toBe(first);
      });

      test("touches no other", async () => {
        const one = await ensured();
        const other = await ensured();
        await harness.write(other.connection, "other");
        await driver.remove(one.spec);
        expect(await harness.read(other.connection)).toBe("other");
      });

      test("refuses what is not ours", async () => {
        const spec = await harness.spec();
        const intact = await harness.makeForeign(spec);
        expect((await failureOf(driver.remove(spec))).kind).toBe("refused");
        expect(await intact()).toBe(true);
      });

      test("takes away what a crash in the middle left", async () => {
        const spec = await harness.spec();
        await harness.makeHalf(spec);
        await driver.remove(spec);
        expect(await driver.observe(spec)).toEqual({ state: "absent" });
        expect(existsSync(spec.directory)).toBe(false);
      });

      withClients("disconnects clients", async () => {
        const { spec, connection } = await ensured();
        const release = await harness.holdClient(connection);
        await driver.remove(spec);
        await release();
        expect(await driver.observe(spec)).toEqual({ state: "absent" });
      });

      test("works for the next daemon", async () => {
        const { spec } = await ensured();
        await reopened();
        await driver.remove(spec);
        expect(await driver.observe(spec)).toEqual({ state: "absent" });
      });
    });

    describe("connection", () => {
      test("null when absent, else what ensure gave", async () => {
        const absent = await harness.spec();
        expect(await driver.connection(absent)).toBeNull();
        const { spec, connection } = await ensured();
        expect(await driver.connection(spec)).toEqual(connection);
      });

      test("is known to the next daemon, before it adopts", async () => {
        const { spec, connection } = await ensured();
        await reopened();
        expect(await driver.connection(spec)).toEqual(connection);
      });
    });

    describe("checkpoints", () => {
      testIf(!checkpoints, "it has them")("are refused", async () => {
        const { spec } = await ensured();
        expect((await failureOf(driver.checkpoint(spec, "one"))).kind).toBe("refused");
      });

      withCheckpoints("bring content back, as often as one likes", async () => {
        const { spec, connection } = await ensured();
        await harness.write(connection, "first");
        await driver.checkpoint(spec, "one");
        await harness.write(connection, "second");
        await driver.checkpoint(spec, "two");
        await harness.write(connection, "third");
        for (const [id, text] of [
          ["one", "first"],
          ["two", "second"],
          ["one", "first"],
        ] as const) {
          await driver.restore(spec, id);
          expect(await harness.read(connection)).toBe(text);
        }
        expect(await driver.connection(spec)).toEqual(connection);
      });

      withCheckpoints("replace none", async () => {
        const { spec, connection } = await ensured();
        await harness.write(connection, "first");
        await driver.checkpoint(spec, "one");
        await harness.write(connection, "second");
        expect((await failureOf(driver.checkpoint(spec, "one"))).kind).toBe("refused");
        await driver.restore(spec, "one");
        expect(await harness.read(connection)).toBe("first");
      });

      withCheckpoints("outlive a reset and the daemon", async () => {
        const { spec, connection } = await ensured();
        await harness.write(connection, "kept");
        await driver.checkpoint(spec, "one");
        await driver.reset(spec, call());
        await reopened();
        await driver.adopt(spec);
        await driver.restore(spec, "one");
        expect(await harness.read(connection)).toBe("kept");
      });

      withCheckpoints("an unknown one is not found, and changes nothing", async () => {
        const { spec, connection } = await ensured();
        await harness.write(connection, "kept");
        expect((await failureOf(driver.restore(spec, "nowhere"))).kind).toBe("not_found");
        expect(await harness.read(connection)).toBe("kept");
      });

      withCheckpoints("a removed one is unknown; removing the unknown succeeds", async () => {
        const { spec } = await ensured();
        await driver.checkpoint(spec, "one");
        await driver.removeCheckpoint(spec, "one");
        expect((await failureOf(driver.restore(spec, "one"))).kind).toBe("not_found");
        await driver.removeCheckpoint(spec, "one");
      });

      withCheckpoints("go with the resource", async () => {
        const { spec } = await ensured();
        await driver.checkpoint(spec, "one");
        await driver.remove(spec);
        await driver.ensure(spec, call());
        expect((await failureOf(driver.restore(spec, "one"))).kind).toBe("not_found");
      });
    });

    describe("sleep", () => {
      // A server may still see a client that has just left.
      const fallAsleep = (spec: ResourceSpec) => eventually(async () => expect(await driver.sleep(spec)).toBe(true));

      testIf(!sleep, "it sleeps")("without the feature nothing happens", async () => {
        const { spec, connection } = await ensured();
        await harness.write(connection, "awake");
        expect(await driver.sleep(spec)).toBe(false);
        expect((await driver.observe(spec)).state).toBe("ready");
        await driver.wake(spec);
        expect(await harness.read(connection)).toBe("awake");
      });

      withSleep("keeps values and content, and wakes when it is used", async () => {
        const { spec, connection } = await ensured();
        await harness.write(connection, "dreamt");
        await fallAsleep(spec);
        expect((await driver.observe(spec)).state).toBe("asleep");
        expect(await driver.connection(spec)).toEqual(connection);
        expect(await harness.read(connection)).toBe("dreamt");
        expect((await driver.observe(spec)).state).toBe("ready");
      });

      withSleep("wakes when told to, also when it is awake", async () => {
        const { spec, connection } = await ensured();
        await harness.write(connection, "dreamt");
        await fallAsleep(spec);
        await driver.wake(spec);
        expect((await driver.observe(spec)).state).toBe("ready");
        await driver.wake(spec);
        expect(await harness.read(connection)).toBe("dreamt");
      });

      withSleep("several that use it at once all get through", async () => {
        const { spec, connection } = await ensured();
        await harness.write(connection, "dreamt");
        await fallAsleep(spec);
        expect(await Promise.all(Array.from({ length: 8 }, () => harness.read(connection)))).toEqual(Array(8).fill("dreamt"));
      });

      testIf(sleep && cases.clients, "it does not sleep, or has no clients")("not while it is in use", async () => {
        const { spec, connection } = await ensured();
        const release = await harness.holdClient(connection);
        expect(await driver.sleep(spec)).toBe(false);
        expect((await driver.observe(spec)).state).toBe("ready");
        await release();
        await fallAsleep(spec);
      });

      withSleep("sleeping twice, ensured and removed while asleep", async () => {
        const { spec, connection } = await ensured();
        await harness.write(connection, "dreamt");
        await fallAsleep(spec);
        await driver.sleep(spec);
        expect((await driver.observe(spec)).state).toBe("asleep");
        expect(await driver.ensure(spec, call())).toEqual(connection);
        expect((await driver.observe(spec)).state).toBe("ready");
        expect(await harness.read(connection)).toBe("dreamt");
        await fallAsleep(spec);
        await driver.remove(spec);
        expect(await driver.observe(spec)).toEqual({ state: "absent" });
      });

      testIf(sleep && checkpoints, "it does not sleep, or has no checkpoints")("checkpoints work while asleep", async () => {
        const { spec, connection } = await ensured();
        await harness.write(connection, "first");
        await fallAsleep(spec);
        await driver.checkpoint(spec, "one");
        await harness.write(connection, "second");
        await fallAsleep(spec);
        await driver.restore(spec, "one");
        expect(await harness.read(connection)).toBe("first");
      });

      withSleep("the next daemon takes the sleeper up", async () => {
        const { spec, connection } = await ensured();
        await harness.write(connection, "dreamt");
        await fallAsleep(spec);
        await reopened();
        await driver.adopt(spec);
        expect((await driver.observe(spec)).state).toBe("asleep");
        expect(await harness.read(connection)).toBe("dreamt");
      });
    });

    describeForks({ cases, harness: () => harness, driver: () => driver, ensured, call, failureOf });

    test("usage says how it was measured", async () => {
      const { spec } = await ensured();
      const usage = await driver.usage(spec);
      expect(usage.how).not.toBe("");
      for (const bytes of [usage.exclusiveBytes, usage.sharedBytes]) {
        if (bytes !== null) expect(bytes).toBeGreaterThanOrEqual(0);
      }
    });

    describeRetire({ harness: () => harness, driver: () => driver, ensured, reopened, call, withClients });

    describe("adopt and close", () => {
      test("what was ready stays ready and in use across daemons", async () => {
        const { spec, connection } = await ensured();
        await harness.write(connection, "here");
        await driver.close();
        await driver.close();
        expect(await harness.read(connection)).toBe("here");
        driver = harness.reopen();
        await driver.adopt(spec);
        expect((await driver.observe(spec)).state).toBe("ready");
        expect(await harness.read(connection)).toBe("here");
      });

      test("adopting the absent makes nothing", async () => {
        const spec = await harness.spec();
        await driver.adopt(spec);
        expect(await driver.observe(spec)).toEqual({ state: "absent" });
        expect(existsSync(spec.directory)).toBe(false);
      });
    });
  });
}
