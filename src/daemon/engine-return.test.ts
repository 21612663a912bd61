import { expect, test } from "bun:test";
import { testWorld } from "../../test/support/daemon-world.ts";
import type { ComposeStack } from "../runtime/compose/compose-stack.ts";
import { EngineReturn, engineAbsence } from "./engine-return.ts";
import { locate, registerEnvironment } from "./projects.ts";
import { testClock } from "./supervisor.conformance.ts";

function waiter() {
  const state = { answers: false, asked: 0, worked: 0 };
  const waiting = {
    answers: async () => {
      state.asked++;
      return state.answers;
    },
    work: async () => {
      state.worked++;
      if (state.worked > 1) throw new Error("done twice");
    },
  };
  return { state, waiting };
}

test("what waits is done once, as soon as its engine answers; without anything that waits nobody is asked", async () => {
  const clock = testClock();
  const errors: unknown[] = [];
  const engine = new EngineReturn({ clock, report: (error) => errors.push(error) });
  const [one, other] = [waiter(), waiter()];
  engine.wait("one", one.waiting);
  engine.wait("one", one.waiting);
  engine.wait("other", other.waiting);
  await clock.advance(10_000);
  expect([one.state.worked, other.state.worked]).toEqual([0, 0]);
  expect(one.state.asked).toBeGreaterThan(2);
  one.state.answers = true;
  await clock.advance(10_000);
  expect([one.state.worked, other.state.worked]).toEqual([1, 0]);
  other.state.answers = true;
  await clock.advance(3_000);
  expect(other.state.worked).toBe(1);
  const { asked } = other.state;
  await clock.advance(60_000);
  expect(other.state.asked).toBe(asked);

  const again = waiter();
  again.state.answers = true;
  engine.wait("again", again.waiting);
  await clock.advance(3_000);
  expect(again.state.worked).toBe(1);
  expect(errors).toEqual([]);
});

test("an engine that is too slow to say what there is counts as away", async () => {
  await using at = await testWorld({ "wt.yaml": "services: {}\n" }, {});
  const environment = registerEnvironment(at.world, (await locate(at.world, at.repository.git, at.repository.root)).project, {
    ...{ branch: "a", path: `${at.repository.base}/a`, main: false, ownsWorktree: true, ownsBranch: true },
  });
  const observe: ComposeStack["observe"] = (_, abort) =>
    new Promise((_resolve, reject) => abort.addEventListener("abort", () => reject(abort.reason), { once: true }));
  const world = { ...at.world, stack: { observe } as Partial<ComposeStack> as ComposeStack };
  expect(await engineAbsence(world, environment)).toBeNull();
  world.ledger.claim({ environmentId: environment.id, kind: "compose_project", key: "shop-a", data: {} });
  expect(await engineAbsence(world, environment, 10)).toMatchObject({ kind: "machine", code: "engine_silent" });
});

test("work that fails is reported and keeps nothing else waiting; after the end nobody is asked", async () => {
  const clock = testClock();
  const errors: unknown[] = [];
  const engine = new EngineReturn({ clock, report: (error) => errors.push(error) });
  const failure = new Error("no");
  const other = waiter();
  other.state.answers = true;
  engine.wait("failing", { answers: async () => true, work: () => Promise.reject(failure) });
  engine.wait("other", other.waiting);
  await clock.advance(3_000);
  expect(errors).toEqual([failure]);
  expect(other.state.worked).toBe(1);
  const late = waiter();
  engine.wait("late", late.waiting);
  engine.close();
  late.state.answers = true;
  await clock.advance(60_000);
  expect(late.state.worked).toBe(0);
  expect(errors).toEqual([failure]);
});
