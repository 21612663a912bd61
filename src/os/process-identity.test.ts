import { describe, expect, test } from "bun:test";
import { observeProcess, readBootId, readProcessIdentity, sendSignal, signalProcess } from "./process-identity.ts";

async function withChild(run: (child: Bun.Subprocess) => Promise<void>): Promise<void> {
  const child = Bun.spawn(["sleep", "60"], { stdio: ["ignore", "ignore", "ignore"] });
  try {
    await run(child);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

describe("the identity of a process", () => {
  test("holds while the process lives and ends with it", () =>
    withChild(async (child) => {
      const identity = await readProcessIdentity(child.pid);
      if (!identity) throw new Error("There is no identity.");
      expect(await observeProcess(identity)).toBe("alive");
      expect(await signalProcess(identity, "SIGTERM")).toBe("sent");
      await child.exited;
      expect(await observeProcess(identity)).toBe("ended");
      expect(await signalProcess(identity, "SIGTERM")).toBe("ended");
      expect(await readProcessIdentity(child.pid)).toBeNull();
    }));

  test("another start time or another boot is another process, and it is not signalled", () =>
    withChild(async (child) => {
      const identity = await readProcessIdentity(child.pid);
      if (!identity) throw new Error("There is no identity.");
      for (const other of [
        { ...identity, startTime: identity.startTime - 1 },
        { ...identity, bootId: "another" },
      ]) {
        expect(await observeProcess(other)).toBe("ended");
        expect(await signalProcess(other, "SIGKILL")).toBe("ended");
      }
      expect(await observeProcess(identity)).toBe("alive");
      expect(child.signalCode).toBeNull();
    }));

  test("the boot has one name", async () => {
    expect(await readBootId()).toBe(await readBootId());
    expect(await readBootId()).not.toBe("");
  });

  test("numbers that would reach everything or ourselves are never signalled", () => {
    for (const target of [0, 1, -1, Number.NaN, 1.5, process.pid]) expect(sendSignal(target, "SIGKILL")).toBe("unknown");
    expect(sendSignal(2 ** 30, "SIGKILL")).toBe("ended");
  });
});
