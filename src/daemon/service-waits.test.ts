import { expect, test } from "bun:test";
import type { ServicePhase } from "../environment/service-machine.ts";
import { isSettled, vainNeed, type Waiter } from "./service-waits.ts";

function services(phases: Record<string, [ServicePhase, ...string[]]>): (name: string) => Waiter {
  const all = new Map(Object.entries(phases).map(([name, [phase, ...needs]]) => [name, { name, status: { phase }, plan: { needs } }]));
  return (name) => {
    const found = all.get(name);
    if (!found) throw new Error(name);
    return found;
  };
}

test("a service that waits for one that failed is settled, however long the chain", () => {
  const find = services({ web: ["Waiting", "api"], api: ["Waiting", "db"], db: ["CrashLoopBackOff"] });
  expect(isSettled(find("web"), find)).toBe(true);
  expect(vainNeed(find("web"), find)?.name).toBe("db");
  expect(vainNeed(find("db"), find)).toBeNull();
});

test("a service that waits for one on its way is not settled", () => {
  const find = services({ web: ["Waiting", "done", "api"], done: ["Completed"], api: ["Starting"], job: ["Restarting"] });
  expect(isSettled(find("web"), find)).toBe(false);
  expect(isSettled(find("job"), find)).toBe(false);
  expect(isSettled(find("done"), find)).toBe(true);
});

test("a circle, which the config refuses, ends", () => {
  const find = services({ a: ["Waiting", "b"], b: ["Waiting", "a"] });
  expect(isSettled(find("a"), find)).toBe(false);
});
