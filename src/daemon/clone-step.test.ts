import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestWorld, testWorld } from "../../test/support/daemon-world.ts";
import { eventually } from "../../test/support/hermetic-world.ts";
import { fileSystemName } from "../os/clone-method.ts";
import { CopyMemory } from "./copy-or-install.ts";
import { createEnvironment } from "./create-environment.ts";

const files = (yaml: string) => ({ "wt.yaml": `project: shop\n${yaml}`, "deps.lock": "1\n", ".gitignore": "node_modules\ntarget\n" });

/** `npm ci` as the driver in memory knows it: it ends when the test says so, having made what it makes. */
async function install(at: TestWorld, slug: string): Promise<void> {
  expect(await eventually(() => at.services.newest("setup:0")?.end === null, Boolean)).toBe(true);
  mkdirSync(join(`${at.repository.root}.worktrees`, slug, "node_modules"), { recursive: true });
  writeFileSync(join(`${at.repository.root}.worktrees`, slug, "node_modules/installed"), "");
  at.services.end("setup:0", 0);
}

function create(at: TestWorld, branch: string, more: { setup?: boolean } = {}) {
  const call = at.call();
  const request = { cwd: at.repository.root, branch, up: false, env: { ...at.repository.env }, git: "skip" as const, ...more };
  const done = createEnvironment(at.world, request, call);
  const notes = () => call.events.flatMap((event) => (event.type === "note" ? [event.message] : []));
  return { done, notes, contents: () => readdirSync(join(`${at.repository.root}.worktrees`, branch, "node_modules")) };
}

function remember(at: TestWorld, seen: { tookMs: number; onTop: boolean }): void {
  const [project] = at.world.ledger.projects();
  const step = { run: "npm ci", directory: ".", inputs: [], place: "", group: 0 };
  new CopyMemory(at.world, project?.id ?? "").noteStep(step, seen);
}

const minute = 60_000;
const sharing = ["btrfs", "xfs", "apfs", "bcachefs"].includes(fileSystemName(tmpdir()));

describe.skipIf(sharing)("where blocks cannot be shared", () => {
  const yaml = "clone: [node_modules]\nsetup: [{ run: npm ci, inputs: [deps.lock], makes: node_modules }]\n";
  const filled = async () => {
    const at = await testWorld(files(yaml), {});
    mkdirSync(join(at.repository.root, "node_modules"));
    for (let index = 0; index < 500; index++) writeFileSync(join(at.repository.root, "node_modules", `${index}`), "x");
    return at;
  };

  test(
    "a step that is faster than the copy makes the directory; the copy that is faster comes first",
    async () => {
      await using at = await filled();
      remember(at, { tookMs: 1, onTop: false });
      const quick = create(at, "quick");
      await install(at, "quick");
      await quick.done;
      expect(quick.contents()).toEqual(["installed"]);
      expect(quick.notes().join()).toMatch(/node_modules: left to setup\[0\], which took 0\.0 s; copying would take 0\.\d s or more/);
      for (let time = 0; time < 25; time++) remember(at, { tookMs: 600_000, onTop: false });
      // With other inputs than any environment has, so that nothing can be taken over.
      await at.repository.commit({ "deps.lock": "2\n" });
      const slow = create(at, "slow");
      await install(at, "slow");
      await slow.done;
      expect(slow.contents()).toHaveLength(501);
      expect(slow.notes().join()).toContain("node_modules: being copied meanwhile");
    },
    minute,
  );

  test(
    "where another environment has it from the same inputs, the step takes it from there, and the clone does not get in its way",
    async () => {
      await using at = await filled();
      const first = create(at, "first");
      await install(at, "first");
      await first.done;
      for (let time = 0; time < 25; time++) remember(at, { tookMs: 600_000, onTop: false });
      const second = create(at, "second");
      await second.done;
      expect(second.contents()).toHaveLength(501);
      expect(second.notes().join()).toContain("setup[0] has the same inputs as in first, so node_modules is taken from there.");
    },
    minute,
  );

  test(
    "taking over is left to the step, too, where that is faster",
    async () => {
      await using at = await filled();
      const first = create(at, "first");
      await install(at, "first");
      await first.done;
      for (let time = 0; time < 25; time++) remember(at, { tookMs: 1, onTop: false });
      const second = create(at, "second");
      await install(at, "second");
      await second.done;
      expect(second.contents()).toEqual(["installed"]);
      expect(second.notes().filter((note) => note.includes("left to setup[0]"))).toHaveLength(1);
    },
    minute,
  );

  test(
    "with --no-setup nothing else will make it, so it is copied",
    async () => {
      await using at = await filled();
      remember(at, { tookMs: 1, onTop: false });
      const made = create(at, "made", { setup: false });
      await made.done;
      expect(made.contents()).toHaveLength(500);
    },
    minute,
  );

  test(
    "a copy that fails stops the create at what waits for it; nothing of it is left, and a resume copies anew",
    async () => {
      await using at = await filled();
      const request = { cwd: at.repository.root, branch: "a", up: false, git: "skip" as const };
      const refusing = { ...at.repository.env, PATH: await withoutCopying(at) };
      const failed = createEnvironment(at.world, { ...request, env: refusing }, at.call());
      await expect(failed).rejects.toMatchObject({ code: "clone_failed", details: { kept: true } });
      const worktree = `${at.repository.root}.worktrees/a`;
      expect(at.world.ledger.leases({ kind: "directory" })).toEqual([]);
      expect(readdirSync(worktree).sort()).toEqual([".git", ".gitignore", "deps.lock", "wt.yaml"]);
      const resumed = createEnvironment(at.world, { ...request, resume: true, env: { ...at.repository.env } }, at.call());
      await install(at, "a");
      await resumed;
      expect(readdirSync(join(worktree, "node_modules"))).toHaveLength(501);
    },
    minute,
  );
});

/** A PATH on which cp refuses. */
async function withoutCopying(at: TestWorld): Promise<string> {
  const directory = join(at.repository.base, "bin");
  mkdirSync(directory);
  await Bun.write(join(directory, "cp"), "#!/bin/sh\necho 'cp: Input/output error' >&2\nexit 1\n");
  Bun.spawnSync(["chmod", "+x", join(directory, "cp")]);
  return `${directory}:${at.repository.env.PATH}`;
}
