// KeyedLock and Admission: who waits for whom, and that whoever gives up is not waited for.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Admission } from "./admission.ts";
import { KeyedLock } from "./keyed-lock.ts";

const never = () => new AbortController().signal;
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("KeyedLock", () => {
  test("runs work of one key in order and one at a time, of other keys beside it", async () => {
    const lock = new KeyedLock();
    const log: string[] = [];
    const work = (name: string) => async () => {
      log.push(`${name} begins`);
      await turn();
      log.push(`${name} ends`);
      return name;
    };
    const done = await Promise.all([lock.run("a", work("a1")), lock.run("a", work("a2")), lock.run("b", work("b1"))]);
    expect(done).toEqual(["a1", "a2", "b1"]);
    expect(log.filter((line) => line.startsWith("a"))).toEqual(["a1 begins", "a1 ends", "a2 begins", "a2 ends"]);
    expect(log.indexOf("b1 begins")).toBeLessThan(log.indexOf("a1 ends"));
    await turn();
    expect(lock.busy("a")).toBe(false);
  });

  test("goes on after work that failed", async () => {
    const lock = new KeyedLock();
    await expect(lock.run("a", () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    expect(await lock.run("a", async () => "fine")).toBe("fine");
  });

  test("lets a waiter give up without running it, and keeps the order of the others", async () => {
    const lock = new KeyedLock();
    const first = Promise.withResolvers<void>();
    const log: string[] = [];
    const running = lock.run("a", () => first.promise);
    const caller = new AbortController();
    const waiting = lock.run("a", async () => void log.push("second"), caller.signal).catch((error) => error.message);
    const third = lock.run("a", async () => void log.push("third"));
    caller.abort(new Error("Ctrl-C"));
    expect(await waiting).toBe("Ctrl-C");
    await turn();
    expect(log).toEqual([]);
    expect(lock.busy("a")).toBe(true);
    first.resolve();
    await Promise.all([running, third]);
    expect(log).toEqual(["third"]);
  });
});

describe("Admission", () => {
  test("never has more holders than places and serves everybody who stays, in order", async () => {
    const moves = fc.array(fc.constantFrom("enter", "leave", "give up"), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), moves, async (limit, steps) => {
        const admission = new Admission(limit);
        const inside: (() => void)[] = [];
        const waiting: { number: number; caller: AbortController }[] = [];
        const served: number[] = [];
        let number = 0;
        for (const step of steps) {
          if (step === "enter") {
            const mine = { number: number++, caller: new AbortController() };
            waiting.push(mine);
            const entered = (leave: () => void) => {
              waiting.splice(waiting.indexOf(mine), 1);
              served.push(mine.number);
              inside.push(leave);
            };
            admission.enter(mine.caller.signal).then(entered, () => undefined);
          } else if (step === "leave") {
            const leave = inside.shift();
            leave?.();
            leave?.();
          } else {
            const one = waiting.pop();
            one?.caller.abort(new Error("given up"));
          }
          await turn();
          expect(inside.length).toBeLessThanOrEqual(limit);
          expect(waiting.length === 0 || inside.length === limit).toBe(true);
        }
        expect(served).toEqual(served.toSorted((a, b) => a - b));
      }),
      { numRuns: 50 },
    );
  });

  test("refuses a caller who has gone already", async () => {
    const admission = new Admission(1);
    await expect(admission.enter(AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
    (await admission.enter(never()))();
  });
});
