import { describe, expect, test } from "bun:test";
import type { SetupStep } from "../config/config.ts";
import { memoryLedger } from "../environment/memory-ledger.ts";
import { CopyMemory, isCopyWorthIt } from "./copy-or-install.ts";
import type { World } from "./world.ts";

const step: SetupStep = {
  run: "npm ci",
  directory: ".",
  inputs: ["package-lock.json"],
  makes: ["node_modules"],
  place: "setup[0]",
  group: 0,
};
const known = (freshMs: number | null, onTopMs: number | null = null) => ({ freshMs, onTopMs });

describe("copy or install", () => {
  test("the faster one, and the copy as long as nobody has seen the installation", () => {
    expect(isCopyWorthIt({ copyMs: 9_000, step: known(null), followed: false })).toBe(true);
    expect(isCopyWorthIt({ copyMs: 900, step: known(1_000), followed: false })).toBe(true);
    expect(isCopyWorthIt({ copyMs: 1_100, step: known(1_000), followed: false })).toBe(false);
  });

  test("where the installation runs after the copy all the same, both count: `npm ci` begins by deleting it", () => {
    const npmCi = known(1_000, 1_200);
    expect(isCopyWorthIt({ copyMs: 100, step: npmCi, followed: true })).toBe(false);
    expect(isCopyWorthIt({ copyMs: 100, step: npmCi, followed: false })).toBe(true);
    const incremental = known(10_000, 300);
    expect(isCopyWorthIt({ copyMs: 2_000, step: incremental, followed: true })).toBe(true);
  });
});

describe("what a project remembers", () => {
  function remembering(main: boolean) {
    const ledger = memoryLedger({ nowMs: () => 0 });
    ledger.insertProject({ id: "p", name: "shop", root: "/shop", gitCommonDir: "/shop/.git", createdAtMs: 0 });
    const names = { slug: "main", hostLabel: "main", branch: "main", path: "/shop", nonce: "n", slot: 0 };
    const flags = { main, ownsWorktree: false, ownsBranch: false, wanted: "down", createdAtMs: 0 } as const;
    ledger.insertEnvironment({ id: "e", projectId: "p", ...names, ...flags });
    // It uses nothing else of a world.
    return new CopyMemory({ ledger } as unknown as World, "p");
  }

  test("durations of a step, made from nothing and on top of what is there", () => {
    const memory = remembering(true);
    memory.noteStep(step, { tookMs: 1_000, onTop: false });
    memory.noteStep(step, { tookMs: 3_000, onTop: false });
    memory.noteStep(step, { tookMs: 100, onTop: true });
    expect(memory.durations(step)).toEqual({ freshMs: 2_000, onTopMs: 100 });
    expect(memory.durations({ ...step, run: "npm install" })).toEqual({ freshMs: null, onTopMs: null });
  });

  test("how slow copies are here; what is not copied any more fades, so that one slow copy does not decide for ever", () => {
    const memory = remembering(true);
    const size = { entries: 10_000, bytes: 0 };
    expect(memory.copyMs(size)).toBe(400);
    memory.noteCopy(size, 4_000);
    const slow = memory.copyMs(size);
    expect(slow).toBe(2_200);
    for (let time = 0; time < 20; time++) memory.noteLeftOut();
    expect(memory.copyMs(size)).toBeLessThan(450);
  });

  test("a bare repository has no main worktree and learns nothing", () => {
    const memory = remembering(false);
    memory.noteStep(step, { tookMs: 1_000, onTop: false });
    expect(memory.durations(step).freshMs).toBeNull();
  });
});
