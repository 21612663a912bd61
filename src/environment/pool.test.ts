import { describe, expect, test } from "bun:test";
import {
  chooseMember,
  type MemberData,
  memberName,
  memberSlot,
  type PoolMemberView,
  planPool,
  poolBackOffMs,
  stepsThatMade,
  stepsThatWrote,
  stepsToRedo,
} from "./pool.ts";

const ready = (id: string, changes: Partial<PoolMemberView> = {}): PoolMemberView => ({
  id,
  state: "ready",
  current: true,
  busy: false,
  ...changes,
});

describe("the next thing to do", () => {
  const cases: [string, Parameters<typeof planPool>[0], ReturnType<typeof planPool>][] = [
    ["nothing when full", { size: 2, members: [ready("a"), ready("b")], mayMake: true }, { kind: "rest" }],
    ["one more when one is missing", { size: 2, members: [ready("a")], mayMake: true }, { kind: "prepare" }],
    ["not while something speaks against it", { size: 2, members: [ready("a")], mayMake: false }, { kind: "rest" }],
    ["a missing one comes before an old one", { size: 2, members: [ready("a", { current: false })], mayMake: true }, { kind: "prepare" }],
    [
      "then the old one is refreshed",
      { size: 2, members: [ready("a"), ready("b", { current: false })], mayMake: true },
      { kind: "refresh", id: "b" },
    ],
    [
      "of too many the old one goes, whatever speaks against making",
      { size: 1, members: [ready("a", { current: false }), ready("b")], mayMake: false },
      { kind: "give_back", id: "a" },
    ],
    ["all go when it is off", { size: 0, members: [ready("a")], mayMake: true }, { kind: "give_back", id: "a" }],
    [
      "what is in the works is left alone",
      { size: 0, members: [ready("a", { state: "preparing", busy: true })], mayMake: true },
      { kind: "rest" },
    ],
    [
      "what a crash left goes",
      { size: 2, members: [ready("a"), ready("b", { state: "refreshing" })], mayMake: true },
      { kind: "give_back", id: "b" },
    ],
  ];
  test.each(cases)("%s", (_name, pool, step) => {
    expect(planPool(pool)).toEqual(step);
  });
});

describe("the member to claim", () => {
  const one = (commit: string, readyAtMs: number, changes: Partial<MemberData> = {}) => ({
    data: { state: "ready" as const, parent: "/w", commit, readyAtMs, ...changes },
  });
  test("is of the wanted commit, else the youngest", () => {
    const members = [one("a", 1), one("b", 3), one("c", 2)];
    expect(chooseMember(members, { parent: "/w", commit: "a" })).toBe(members[0]!);
    expect(chooseMember(members, { parent: "/w", commit: "x" })).toBe(members[1]!);
  });
  test("is ready and lies where the worktree is to lie", () => {
    const members = [one("a", 1, { state: "preparing" }), one("a", 2, { state: "refreshing" }), one("a", 3, { parent: "/elsewhere" })];
    expect(chooseMember(members, { parent: "/w", commit: "a" })).toBeNull();
  });
});

test("who wrote an entry is told by the time", () => {
  const windows = [
    { step: "one", fromMs: 1_000, toMs: 2_000 },
    { step: "two", fromMs: 2_100, toMs: 3_000 },
  ];
  expect(stepsThatWrote([500], windows)).toEqual([]);
  expect(stepsThatWrote([1_500], windows)).toEqual(["one"]);
  expect(stepsThatWrote([2_500, 1_999], windows)).toEqual(["one", "two"]);
  // A file system's clock may be a tick behind, never ahead.
  expect(stepsThatWrote([2_005], windows)).toEqual([]);
  expect(stepsThatWrote([2_090], windows)).toEqual(["two"]);
});

test("where no step's time fits, any may have made what was taken away, unless something else brings it", () => {
  const windows = [
    { step: "one", fromMs: 1_000, toMs: 2_000 },
    { step: "two", fromMs: 2_100, toMs: 3_000 },
  ];
  expect(stepsThatMade([{ changedMs: [1_500], otherwise: false }], windows)).toEqual(["one"]);
  expect(stepsThatMade([{ changedMs: [9_000], otherwise: false }], windows)).toEqual(["one", "two"]);
  expect(stepsThatMade([{ changedMs: [9_000], otherwise: true }], windows)).toEqual([]);
  expect(
    stepsThatMade(
      [
        { changedMs: [9_000], otherwise: true },
        { changedMs: [2_500], otherwise: false },
      ],
      windows,
    ),
  ).toEqual(["two"]);
});

describe("setup steps to be done again", () => {
  const member: MemberData = {
    state: "ready",
    parent: "/w",
    commit: "c1",
    readyAtMs: 0,
    tookMs: 0,
    configHash: "",
    fill: { signature: "", paths: [] },
    bound: { entries: [], steps: ["venv"], fill: false },
    tracked: { paths: [], steps: [] },
    windows: [],
    status: "",
    commands: { npm: "npm ci", gen: "gen", venv: "venv" },
    resources: {},
  };
  const steps = [
    { key: "npm", hasInputs: true, command: "npm ci" },
    { key: "gen", hasInputs: false, command: "gen" },
    { key: "venv", hasInputs: true, command: "venv" },
  ];
  const redo = (changes: Partial<Parameters<typeof stepsToRedo>[1]>, given = steps) =>
    stepsToRedo(given, { member, commit: "c1", claimed: true, everything: false, ...changes });
  test("what names the member's path", () => expect(redo({})).toEqual(["venv"]));
  test("not while it stays a member", () => expect(redo({ claimed: false })).toEqual([]));
  test("what reads nobody knows what, on another commit", () => expect(redo({ commit: "c2" })).toEqual(["gen", "venv"]));
  test("what changed tracked files, which are taken back", () => {
    const changed = { ...member, tracked: { paths: ["package-lock.json"], steps: ["npm"] } };
    expect(redo({ member: changed, claimed: false })).toEqual(["npm"]);
  });
  test("all, when what they build on is new", () => expect(redo({ everything: true })).toEqual(["npm", "gen", "venv"]));
  test("a command that is another one now", () => {
    const named = [{ key: "npm", hasInputs: true, command: "npm ci --prefix a" }];
    expect(redo({}, named)).toEqual(["npm"]);
  });
  test("one that the member does not know", () => {
    expect(redo({}, [{ key: "new", hasInputs: true, command: "new" }])).toEqual(["new"]);
  });
});

test("waits grow, but not for ever", () => {
  expect([1, 2, 3].map(poolBackOffMs)).toEqual([30_000, 60_000, 120_000]);
  expect(poolBackOffMs(40)).toBe(3_600_000);
});

test("names are legal and like no other", () => {
  expect(memberName("3f9a2c1d")).toBe("wt-pool-3f9a2c1d");
  expect(memberSlot(0xffffffff)).toBeGreaterThanOrEqual(700_000_000);
  expect(memberSlot(0xffffffff)).toBeLessThan(800_000_000);
});
