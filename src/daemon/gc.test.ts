// `wt gc` on real repositories. Each story is one that happened to somebody; the numbers are those of the issues that tell it.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestWorld, testWorld } from "../../test/support/daemon-world.ts";
import type { GcItem, GcRequest } from "../api/gc.ts";
import { createEnvironment } from "./create-environment.ts";
import { collect } from "./gc.ts";
import { collectIfDue } from "./gc-schedule.ts";
import { pinEnvironment } from "./pin-environment.ts";
import { locate } from "./projects.ts";
import { settleOperations } from "./recovery.ts";

const dayMs = 86_400_000;

async function gcWorld(): Promise<TestWorld> {
  return await testWorld({ "wt.yaml": "services: {}\n", "app.txt": "one\n" }, {});
}

async function create(at: TestWorld, branch: string): Promise<string> {
  const request = { cwd: at.repository.root, branch, up: false, env: at.repository.env };
  return (await createEnvironment(at.world, request, at.call())).environment.path;
}

function run(at: TestWorld, change: Partial<GcRequest & { restMs: number }> = {}) {
  const request = {
    cwd: at.repository.root,
    all: false,
    dryRun: false,
    mergedOnly: false,
    olderThanMs: null,
    adopted: false,
    environments: null,
  };
  return collect(at.world, { ...request, ...change }, at.call());
}

async function environmentsOf(at: TestWorld, change: Partial<GcRequest & { restMs: number }> = {}): Promise<Record<string, GcItem>> {
  const { items } = await run(at, change);
  return Object.fromEntries(items.filter(({ kind }) => kind === "environment").map((item) => [item.name.split("/")[1] ?? "", item]));
}

/** Squashed by hand, as a forge does it. */
function squash(at: TestWorld, branch: string): void {
  at.repository.run(["merge", "--squash", "-q", branch]);
  at.repository.run(["commit", "-q", "-m", `squash ${branch}`]);
}

describe("merged branches", () => {
  test("a squashed one goes with its branch, one with new work and one without any stay", async () => {
    await using at = await gcWorld();
    const done = await create(at, "done");
    const open = await create(at, "open");
    await create(at, "fresh");
    at.repository.commit({ "done.txt": "1" }, { directory: done });
    at.repository.commit({ "open.txt": "1" }, { directory: open });
    squash(at, "done");
    const planned = await environmentsOf(at, { mergedOnly: true, dryRun: true });
    expect(planned.done?.outcome).toBe("removed");
    expect(existsSync(done)).toBe(true);
    const items = await environmentsOf(at, { mergedOnly: true });
    expect(items.done?.reason).toContain("Its branch done is merged");
    expect(items.open?.outcome).toBe("kept");
    expect(items.fresh).toMatchObject({ outcome: "kept", reason: "Its branch is not merged." });
    expect(items.main?.outcome).toBe("kept");
    expect(existsSync(done)).toBe(false);
    expect(at.repository.run(["branch", "--list", "done", "open", "fresh"])).not.toContain("done");
  });

  test("a branch merged by a merge commit goes", async () => {
    await using at = await gcWorld();
    const done = await create(at, "done");
    at.repository.commit({ "done.txt": "1" }, { directory: done });
    at.repository.run(["merge", "-q", "--no-ff", "-m", "merge", "done"]);
    expect((await environmentsOf(at, { mergedOnly: true })).done?.outcome).toBe("removed");
  });

  test("claude-code#35862, #79899: a merged branch with an untracked file in its worktree stays", async () => {
    await using at = await gcWorld();
    const done = await create(at, "done");
    at.repository.commit({ "done.txt": "1" }, { directory: done });
    squash(at, "done");
    writeFileSync(join(done, "notes.txt"), "mine");
    const items = await environmentsOf(at);
    expect(items.done).toMatchObject({ outcome: "kept", reason: "It has 1 untracked file." });
    expect(readFileSync(join(done, "notes.txt"), "utf8")).toBe("mine");
  });

  test("claude-code#38287: a status that git cannot tell counts as work", async () => {
    await using at = await gcWorld();
    const done = await create(at, "done");
    at.repository.commit({ "done.txt": "1" }, { directory: done });
    squash(at, "done");
    const index = at.repository.run(["rev-parse", "--path-format=absolute", "--git-path", "index"], done);
    writeFileSync(index, "no index");
    expect((await environmentsOf(at)).done?.outcome).toBe("kept");
    expect(existsSync(done)).toBe(true);
  });

  test("worktrunk#3645, #3647: a locked one stays, and so do a pinned one and one with a program in it", async () => {
    await using at = await gcWorld();
    for (const name of ["locked", "pinned", "busy"]) {
      at.repository.commit({ [`${name}.txt`]: "1" }, { directory: await create(at, name) });
      squash(at, name);
    }
    const pathOf = (name: string) => `${at.repository.root}.worktrees/${name}`;
    at.repository.run(["worktree", "lock", "--reason", "on a stick", pathOf("locked")]);
    await pinEnvironment(at.world, { target: { cwd: pathOf("pinned") }, reason: "the demo" });
    const program = Bun.spawn(["sleep", "60"], { cwd: pathOf("busy") });
    try {
      const items = await environmentsOf(at);
      expect(items.locked?.reason).toBe("Its worktree is locked: on a stick.");
      expect(items.pinned?.reason).toBe("It is pinned: the demo.");
      expect(items.busy?.reason).toContain(`A program works in it: sleep (pid ${program.pid})`);
      for (const name of ["locked", "pinned", "busy"]) expect(existsSync(pathOf(name))).toBe(true);
    } finally {
      program.kill();
      await program.exited;
    }
    await pinEnvironment(at.world, { target: { cwd: pathOf("pinned") }, reason: null });
    const again = await environmentsOf(at);
    expect([again.pinned?.outcome, again.busy?.outcome, again.locked?.outcome]).toEqual(["removed", "removed", "kept"]);
  });

  test("only what was agreed to is deleted; for a run that nobody asked for it must have rested", async () => {
    await using at = await gcWorld();
    for (const name of ["a", "b"]) {
      at.repository.commit({ [`${name}.txt`]: "1" }, { directory: await create(at, name) });
      squash(at, name);
    }
    const { project } = await locate(at.world, at.repository.git, at.repository.root);
    expect((await environmentsOf(at, { restMs: dayMs })).a).toMatchObject({ outcome: "kept", reason: "It was used not long ago." });
    const items = await environmentsOf(at, { environments: [`${project.name}/a`] });
    expect([items.a?.outcome, items.b?.outcome]).toEqual(["removed", "kept"]);
  });
});

describe("environments that nobody uses", () => {
  /** Everything that shows activity is made ten days old. */
  function age(at: TestWorld, path: string): void {
    const then = new Date(at.world.clock.now() - 10 * dayMs);
    for (const name of [".", "app.txt", "wt.yaml"]) utimesSync(join(path, name), then, then);
    const gitDirectory = at.repository.run(["rev-parse", "--absolute-git-dir"], path);
    utimesSync(join(gitDirectory, "logs/HEAD"), then, then);
  }

  test("container-use: a week without activity, and nothing to lose", async () => {
    await using at = await gcWorld();
    const [old, used, edited] = [await create(at, "old"), await create(at, "used"), await create(at, "edited")];
    const later = at.world.clock.now() + 8 * dayMs;
    const clock = at.world.clock;
    at.world.clock = { ...clock, now: () => later };
    for (const path of [old, used, edited]) age(at, path);
    const environment = at.world.ledger.environments().find(({ slug }) => slug === "used");
    at.world.ledger.putSetupStamp({ environmentId: environment?.id ?? "", step: "worldtree:request", hash: String(later - dayMs) });
    const when = new Date(later - dayMs);
    utimesSync(join(edited, "app.txt"), when, when);
    const items = await environmentsOf(at);
    expect(items.old).toMatchObject({ outcome: "removed" });
    expect(items.old?.reason).toMatch(/^Nobody used it for \d+ days; the last was its create\.$/);
    expect(items.used?.reason).toBe("Its branch is not merged; it was used a day ago (a request).");
    expect(items.edited?.reason).toBe("Its branch is not merged; it was used a day ago (a changed file).");
    // The branch is on the base.
    expect(existsSync(old)).toBe(false);
  });

  test("one with commits that are nowhere else stays, however old", async () => {
    await using at = await gcWorld();
    const path = await create(at, "work");
    at.repository.commit({ "work.txt": "1" }, { directory: path });
    const clock = at.world.clock;
    at.world.clock = { ...clock, now: () => clock.now() + 30 * dayMs };
    expect((await environmentsOf(at)).work).toMatchObject({
      outcome: "kept",
      reason: "It has 1 commit that is neither merged nor pushed.",
    });
  });

  test("a worktree that wt did not make goes only with --adopted", async () => {
    await using at = await gcWorld();
    const path = join(at.repository.base, "theirs");
    at.repository.run(["worktree", "add", "-q", "-b", "theirs", path]);
    const clock = at.world.clock;
    await environmentsOf(at, { dryRun: true });
    at.world.clock = { ...clock, now: () => clock.now() + 30 * dayMs };
    expect((await environmentsOf(at)).theirs?.reason).toBe("wt did not make its worktree; --adopted takes such ones too.");
    expect((await environmentsOf(at, { adopted: true })).theirs?.outcome).toBe("removed");
    expect(existsSync(path)).toBe(false);
  });
});

describe("by itself", () => {
  test("only where the user's config.yaml says so, at its time, and nothing that was used within a day", async () => {
    await using at = await gcWorld();
    const abort = new AbortController().signal;
    const path = await create(at, "done");
    at.repository.commit({ "done.txt": "1" }, { directory: path });
    squash(at, "done");
    const clock = at.world.clock;
    const later = (days: number) => {
      at.world.clock = { ...clock, now: () => clock.now() + days * dayMs };
    };
    later(10);
    expect(await collectIfDue(at.world, abort)).toBe(false);
    await Bun.write(join(at.world.paths.config, "config.yaml"), "gc: { every: 1d }\n");
    later(0);
    expect(await collectIfDue(at.world, abort)).toBe(true);
    expect(existsSync(path)).toBe(true);
    later(0.5);
    expect(await collectIfDue(at.world, abort)).toBe(false);
    later(2);
    expect(await collectIfDue(at.world, abort)).toBe(true);
    expect(existsSync(path)).toBe(false);
    // Trash is emptied by itself: on a slow machine what the deletion left there may still be seen.
    const reported = at.reported.map(String).filter((one) => !one.includes("gc: removed trash"));
    expect(reported).toEqual([expect.stringContaining("gc: removed environment repo/done: Its branch done is merged")]);
  });
});

describe("what was left behind", () => {
  test("orca#17653: a worktree that was removed with rm -rf gives everything back, and its branch stays", async () => {
    await using at = await gcWorld();
    const [gone, beside] = [await create(at, "gone"), await create(at, "beside")];
    at.repository.commit({ "work.txt": "1" }, { directory: gone });
    await environmentsOf(at, { dryRun: true });
    rmSync(gone, { recursive: true });
    const items = await environmentsOf(at);
    expect(items.gone).toMatchObject({ outcome: "removed", reason: `Somebody removed the directory ${gone}.` });
    expect(at.world.ledger.environments().map(({ slug }) => slug)).toEqual(["main", "beside"]);
    expect(at.world.ledger.leases().filter(({ key }) => key.includes("gone"))).toEqual([]);
    // worktrunk#3650: exactly one registration is dropped.
    expect(readdirSync(join(at.repository.root, ".git/worktrees"))).toEqual(["beside"]);
    expect(at.repository.run(["log", "-1", "--format=%s", "gone"])).toBe("a commit");
    expect(existsSync(beside)).toBe(true);
  });

  test("a daemon that is killed while it gives back leaves the rest to the next, which keeps the merged branch", async () => {
    await using at = await gcWorld();
    const path = await create(at, "gone");
    at.repository.commit({ "gone.txt": "1" }, { directory: path });
    squash(at, "gone");
    rmSync(path, { recursive: true });
    const environmentId = at.world.ledger.environments().find(({ slug }) => slug === "gone")?.id ?? "";
    const data = { released: true, repositoryGone: false };
    at.world.ledger.beginOperation({ id: "killed", environmentId, kind: "delete", step: "sweep", data, startedAtMs: 1 });
    await settleOperations(at.world);
    expect(at.world.ledger.environments().map(({ slug }) => slug)).toEqual(["main"]);
    expect(at.world.ledger.operations()).toEqual([]);
    expect(at.repository.run(["branch", "--list", "gone"])).toContain("gone");
    expect(existsSync(join(at.repository.root, ".git/worktrees"))).toBe(false);
    // A second recovery finds nothing to do.
    await settleOperations(at.world);
    expect(at.reported).toEqual([]);
  });

  test("unknown is not gone: another file system where the worktree was keeps everything", async () => {
    await using at = await gcWorld();
    const path = await create(at, "stick");
    const environment = at.world.ledger.environments().find(({ slug }) => slug === "stick");
    const mount = JSON.stringify({ at: at.repository.base, what: "ext4 /dev/stick /" });
    rmSync(path, { recursive: true });
    at.world.ledger.putSetupStamp({ environmentId: environment?.id ?? "", step: "worldtree:mount", hash: mount });
    const item = (await environmentsOf(at)).stick;
    expect(item?.outcome).toBe("kept");
    expect(item?.reason).toContain(`The file system it was on, ${at.repository.base}, is not mounted.`);
    expect(at.world.ledger.environments()).toHaveLength(2);
  });

  test("the rows of a repository that is gone go, from any directory", async () => {
    await using at = await gcWorld();
    await create(at, "a");
    await environmentsOf(at, { dryRun: true });
    rmSync(at.repository.root, { recursive: true });
    rmSync(`${at.repository.root}.worktrees`, { recursive: true });
    const items = await environmentsOf(at, { cwd: at.repository.base });
    expect([items.a?.outcome, items.main?.outcome]).toEqual(["removed", "removed"]);
    expect(items.main?.reason).toBe(`The repository ${at.repository.root} is gone.`);
    expect(at.world.ledger.environments()).toEqual([]);
    expect(at.world.ledger.projects()).toEqual([]);
  });

  test("a database of a worktree or a repository that somebody removed, or moved, waits for a person", async () => {
    await using at = await testWorld({ "wt.yaml": "resources: { db: { type: postgres } }\nservices: {}\n" }, { postgres: {} });
    const request = { cwd: at.repository.root, branch: "a", up: false, env: at.repository.env };
    const path = (await createEnvironment(at.world, request, at.call())).environment.path;
    rmSync(path, { recursive: true });
    const waits = async (because: string) =>
      expect((await environmentsOf(at, { cwd: at.repository.base, all: true, restMs: dayMs })).a).toMatchObject({
        outcome: "kept",
        reason: `${because} With db, which waits for a person.`,
      });
    await waits(`Somebody removed the directory ${path}.`);
    renameSync(at.repository.root, `${at.repository.root}-moved`);
    await waits(`The repository ${at.repository.root} is gone.`);
    expect((await environmentsOf(at, { cwd: at.repository.base })).a).toMatchObject({
      outcome: "removed",
      reason: `The repository ${at.repository.root} is gone. With db, which cannot be brought back.`,
    });
  });

  test("the port of a service that wt.yaml has no more, and not of one that it has", async () => {
    await using at = await gcWorld();
    const path = await create(at, "a");
    const { ledger } = at.world;
    const environmentId = ledger.environments().find(({ slug }) => slug === "a")?.id ?? "";
    for (const [key, service] of [
      ["20901", "old"],
      ["20902", "web"],
    ] as const)
      ledger.claim({ environmentId, kind: "port", key, data: { service } });
    await Bun.write(join(path, "wt.yaml"), "services: { web: { run: serve } }\n");
    const items = (await run(at)).items.filter(({ kind }) => kind === "port");
    expect(items).toMatchObject([{ name: "20901", outcome: "removed", reason: "wt.yaml of a has no service old any more." }]);
    expect(ledger.leases({ environmentId, kind: "port" }).map(({ key }) => key)).toEqual(["20902"]);
    await Bun.write(join(path, "wt.yaml"), "services: [");
    expect((await run(at)).items.filter(({ kind }) => kind === "port")).toEqual([]);
  });

  test("a row of an operation without its environment, and logs without their environment", async () => {
    await using at = await gcWorld();
    const { ledger, paths } = at.world;
    ledger.beginOperation({ id: "left", environmentId: "0123456789abcdef", kind: "create", step: null, data: {}, startedAtMs: 1 });
    const logs = join(paths.environments, "0123456789abcdef");
    await Bun.write(join(logs, "web.log"), "a line\n");
    const planned = (await run(at, { dryRun: true })).items.filter(({ outcome }) => outcome === "removed");
    expect(planned.map(({ kind }) => kind).toSorted()).toEqual(["directory", "operation"]);
    expect(existsSync(logs)).toBe(true);
    const done = (await run(at)).items.filter(({ outcome }) => outcome === "removed");
    expect(done).toEqual(planned);
    expect(existsSync(logs)).toBe(false);
    expect(ledger.operations()).toEqual([]);
    expect((await run(at)).items.filter(({ outcome }) => outcome === "removed")).toEqual([]);
  });
});
