// The part of the conformance suite about resources that begin with the present content of another.
import { describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import type { WtError } from "../errors/wt-error.ts";
import type { ResourceCall, ResourceConnection, ResourceDriver, ResourceSpec } from "./resource-driver.ts";
import { type ResourceCases, type ResourceHarness, testIf } from "./resource-harness.conformance.ts";

export interface ForkCases {
  cases: ResourceCases;
  harness: () => ResourceHarness;
  driver: () => ResourceDriver;
  ensured: () => Promise<{ spec: ResourceSpec; connection: ResourceConnection }>;
  call: (abort?: AbortSignal) => ResourceCall;
  /** The `WtError` that it fails with. */
  failureOf: (promise: Promise<unknown>) => Promise<WtError>;
}

export function describeForks({ cases, harness, driver, ensured, call, failureOf }: ForkCases): void {
  describe("fork", () => {
    const withForks = testIf(cases.forks === true, "it cannot be forked");
    const fork = async (spec: ResourceSpec, source: ResourceSpec, abort?: AbortSignal) => {
      const { fork } = driver();
      if (!fork) throw new Error("the driver has no fork");
      return fork(spec, source, call(abort));
    };

    withForks("begins with the present content of the other; then both are apart", async () => {
      const { spec: source, connection } = await ensured();
      await harness().write(connection, "theirs");
      const spec = await harness().spec();
      const forked = await fork(spec, source);
      expect(await harness().read(forked)).toBe("theirs");
      expect((await driver().observe(spec)).state).toBe("ready");
      expect(await driver().connection(spec)).toEqual(forked);
      await harness().write(forked, "mine");
      expect([await harness().read(connection), await harness().read(forked)]).toEqual(["theirs", "mine"]);
      expect(await driver().connection(source)).toEqual(connection);
    });

    withForks("replaces the content of one that exists, under the same values", async () => {
      const source = await ensured();
      const other = await ensured();
      await harness().write(source.connection, "theirs");
      await harness().write(other.connection, "mine");
      expect(await fork(other.spec, source.spec)).toEqual(other.connection);
      expect(await harness().read(other.connection)).toBe("theirs");
    });

    withForks("two at once from one source", async () => {
      const { spec: source, connection } = await ensured();
      await harness().write(connection, "theirs");
      const specs = [await harness().spec(), await harness().spec()];
      const forked = await Promise.all(specs.map((spec) => fork(spec, source)));
      expect(await Promise.all(forked.map((one) => harness().read(one)))).toEqual(["theirs", "theirs"]);
    });

    testIf(cases.forks === true && cases.features.sleep, "it cannot be forked, or does not sleep")("of one that sleeps", async () => {
      const { spec: source, connection } = await ensured();
      await harness().write(connection, "theirs");
      await driver().sleep(source);
      expect(await harness().read(await fork(await harness().spec(), source))).toBe("theirs");
      expect(await harness().read(connection)).toBe("theirs");
    });

    testIf(cases.forks === true && cases.clients, "it cannot be forked, or has no clients")("while a client is connected", async () => {
      const { spec: source, connection } = await ensured();
      await harness().write(connection, "theirs");
      const release = await harness().holdClient(connection);
      expect(await harness().read(await fork(await harness().spec(), source))).toBe("theirs");
      await release();
    });

    withForks("of what is not there: a WtError, and nothing is left", async () => {
      const [spec, source] = [await harness().spec(), await harness().spec()];
      await failureOf(fork(spec, source));
      expect(await driver().observe(spec)).toEqual({ state: "absent" });
      expect(existsSync(spec.directory)).toBe(false);
    });

    withForks("rejects with the abort's reason: nothing is left of a new one, an existing one is as it was", async () => {
      const source = await ensured();
      const other = await ensured();
      await harness().write(other.connection, "mine");
      const reason = new Error("no longer wanted");
      const spec = await harness().spec();
      for (const one of [spec, other.spec]) {
        expect(await fork(one, source.spec, AbortSignal.abort(reason)).catch((error: unknown) => error)).toBe(reason);
      }
      expect(await driver().observe(spec)).toEqual({ state: "absent" });
      expect(await harness().read(other.connection)).toBe("mine");
    });

    withForks("refuses what is not ours and leaves it as it is", async () => {
      const { spec: source } = await ensured();
      const spec = await harness().spec();
      const intact = await harness().makeForeign(spec);
      expect((await failureOf(fork(spec, source))).kind).toBe("refused");
      expect(await intact()).toBe(true);
    });

    withForks("makes one of what a crash in the middle left", async () => {
      const { spec: source, connection } = await ensured();
      await harness().write(connection, "theirs");
      const spec = await harness().spec();
      await harness().makeHalf(spec);
      expect(await harness().read(await fork(spec, source))).toBe("theirs");
    });
  });
}
