import { expect, test } from "bun:test";
import type { PooledWorktree, PoolView } from "../../api/pool.ts";
import { createPaint } from "../paint.ts";
import { poolLines } from "./pool-text.ts";

const nowMs = Date.parse("2026-11-29T12:00:00Z");
const options = { paint: createPaint(false), width: 200, ellipsis: "…", nowMs };
const member: PooledWorktree = {
  name: "wt-pool-3f9a2c1d",
  path: "/w/.wt-pool-3f9a2c1d",
  state: "ready",
  commit: "a83b287dab0000000000000000000000000000ff",
  current: true,
  readyAt: "2026-11-29T11:57:00Z",
  tookMs: 12_400,
  exclusiveBytes: 83 * 1024 * 1024,
  sharedBytes: null,
  memoryBytes: 0,
  again: [],
  againSteps: [],
};
const shop: PoolView = { project: "shop", root: "/shop", size: 2, members: [], working: null, problem: null };
const lines = (...pools: PoolView[]) => poolLines({ schema: 1, pools }, options as Parameters<typeof poolLines>[1]);

test("a pool that is off says how to turn it on", () => {
  expect(lines()).toEqual(["No project has a pool. Turn one on in its directory: wt pool set 2"]);
  expect(lines({ ...shop, size: 0 })).toEqual(["The pool of shop is off. Turn it on: wt pool set 2"]);
});

test("members with their state, age, disk and memory", () => {
  const old = { ...member, name: "wt-pool-00000001", current: false };
  const made = { ...member, name: "wt-pool-00000002", state: "preparing" as const, readyAt: null, tookMs: null };
  const working = { what: "preparing", since: "2026-11-29T11:59:48Z" };
  expect(lines({ ...shop, size: 3, members: [member, old, made], working })).toEqual([
    "The pool of shop: 2 of 3 ready; preparing one (12.0 s).",
    "",
    "NAME              STATE      BASE       AGE  TOOK    OWN    SHARED  MEMORY",
    "wt-pool-3f9a2c1d  Ready      a83b287da  3m   12.4 s  83 MB  ?       0 B",
    "wt-pool-00000001  Old        a83b287da  3m   12.4 s  83 MB  ?       0 B",
    "wt-pool-00000002  Preparing  a83b287da  -    -       83 MB  ?       0 B",
  ]);
});

test("what is done again, and what stands in the way with the next command", () => {
  const again = { ...member, again: [{ path: ".venv", because: ".venv/bin/pip" }], againSteps: ["python3 -m venv .venv"] };
  const problem = { code: "setup_failed", message: "setup[0] failed.", hints: ["Mend it."], failures: 1, retryAt: "2026-11-29T12:00:30Z" };
  expect(lines({ ...shop, members: [again], problem }).slice(4)).toEqual([
    "",
    "Done again when one is claimed, since it names the worktree:",
    "  .venv (.venv/bin/pip)",
    "  setup: python3 -m venv .venv",
    "",
    "Nothing is prepared now: setup[0] failed.",
    "  Mend it.",
    "  Tried again in 30.0 s, or now: wt pool refill",
  ]);
});
