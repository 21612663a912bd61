import { expect, test } from "bun:test";
import { type ListState, reduceList } from "./live-list.ts";
import { fakeEnvironment } from "./testing/fake-daemon.ts";

const start: ListState = { environments: [], pending: new Set(), settled: false };
const git = { head: null, dirty: 1, untracked: 0, ahead: 0, behind: 0 };
const one = fakeEnvironment({ git: null });

test("git is pending until it answers, and an answer outlives the next list", () => {
  const listed = reduceList(start, { type: "list", environments: [one] });
  expect([...listed.pending]).toEqual(["demo/one"]);
  const answered = reduceList(listed, { type: "git", project: "demo", slug: "one", git });
  expect([...answered.pending]).toEqual([]);
  const again = reduceList(answered, { type: "list", environments: [one, fakeEnvironment({ slug: "two", git: null })] });
  expect(again.environments[0]?.git).toEqual(git);
  expect([...again.pending]).toEqual(["demo/two"]);
});

test("what git cannot tell is not pending for ever", () => {
  const settled = reduceList(reduceList(start, { type: "list", environments: [one] }), { type: "settled" });
  expect(settled.pending.size).toBe(0);
  expect(reduceList(settled, { type: "list", environments: [one] }).pending.size).toBe(0);
});
