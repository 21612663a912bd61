// The part of the conformance suite about resources whose environment is deleted and may come back.
import { describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import type { ResourceCall, ResourceConnection, ResourceDriver, ResourceSpec } from "./resource-driver.ts";
import type { ResourceHarness } from "./resource-harness.conformance.ts";

export interface RetireCases {
  harness: () => ResourceHarness;
  driver: () => ResourceDriver;
  ensured: () => Promise<{ spec: ResourceSpec; connection: ResourceConnection }>;
  reopened: () => Promise<void>;
  call: () => ResourceCall;
  withClients: (name: string, run: () => Promise<void>) => void;
}

export function describeRetire({ harness, driver, ensured, reopened, call, withClients }: RetireCases): void {
  const retire = async (spec: ResourceSpec): Promise<boolean | undefined> => driver().retire?.(spec);
  const expectUntouched = async (connection: ResourceConnection) => expect(await harness().read(connection)).toBe("kept");
  describe("retire", () => {
    test("keeps the content, holds no port, and the next daemon brings it back on another one", async () => {
      if (!driver().retire) return;
      const { spec, connection } = await ensured();
      await harness().write(connection, "kept");
      if (!(await retire(spec))) return expectUntouched(connection);
      expect(await retire(spec)).toBe(true);
      if (spec.port !== null) await (await listenOn(spec.port)).close();
      await reopened();
      const port = spec.port === null ? null : await freePort();
      const commands: string[] = [];
      const noCommands: ResourceCall = { ...call(), run: async (command) => void commands.push(command) };
      const back = await driver().ensure({ ...spec, port }, noCommands);
      expect(await harness().read(back)).toBe("kept");
      expect(commands).toEqual([]);
      expect((await driver().observe({ ...spec, port })).state).toBe("ready");
      await driver().remove({ ...spec, port });
    });

    withClients("does not wait for clients", async () => {
      if (!driver().retire) return;
      const { spec, connection } = await ensured();
      await harness().write(connection, "kept");
      const end = await harness().holdClient(connection);
      const kept = await retire(spec);
      await end().catch(() => undefined);
      if (!kept) return expectUntouched(connection);
      expect(await harness().read(await driver().ensure(spec, call()))).toBe("kept");
    });

    test("what was retired can be removed; the absent cannot be kept", async () => {
      if (!driver().retire) return;
      const { spec } = await ensured();
      await retire(spec);
      await driver().remove(spec);
      expect(await driver().observe(spec)).toEqual({ state: "absent" });
      expect(await driver().connection(spec)).toBeNull();
    });
  });
}

/** Fails while somebody listens there. */
function listenOn(port: number): Promise<{ close(): Promise<void> }> {
  return new Promise((done, fail) => {
    const server: Server = createServer();
    server.once("error", fail);
    server.listen(port, "127.0.0.1", () => done({ close: () => new Promise((closed) => void server.close(() => closed())) }));
  });
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address ? address.port : 0));
    });
  });
}
