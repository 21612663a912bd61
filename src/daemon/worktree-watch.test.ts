// Worktrees that come and go without wt, on a real repository and a real kernel.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestWorld, testWorld } from "../../test/support/daemon-world.ts";
import { eventually } from "../../test/support/hermetic-world.ts";
import { systemClock } from "../os/clock.ts";
import { createEnvironment } from "./create-environment.ts";
import { locate } from "./projects.ts";
import { upEnvironment } from "./up-environment.ts";
import { type WorktreeWatch, type WorktreeWatchOptions, watchWorktrees } from "./worktree-watch.ts";

/** On a busy machine every look takes a git of its own. */
setDefaultTimeout(30_000);

interface Watched extends AsyncDisposable {
  at: TestWorld;
  watch: WorktreeWatch;
}

/** Only what the kernel tells, and what a test asks for, is looked at. */
const never = 3_600_000;

async function watched(options: WorktreeWatchOptions = {}, files: Record<string, string> = {}, types = {}): Promise<Watched> {
  const at = await testWorld({ "wt.yaml": "services: { web: { run: serve, port: none } }\n", "app.txt": "one\n", ...files }, types);
  at.world.clock = systemClock;
  await locate(at.world, at.repository.git, at.repository.root);
  const watch = watchWorktrees(at.world, { settleMs: 20, quietMs: 20, graceMs: 20, lookEveryMs: 1_000, ...options });
  await watch.look();
  return {
    at,
    watch,
    async [Symbol.asyncDispose]() {
      watch.close();
      await at[Symbol.asyncDispose]();
    },
  };
}

const slugs = (at: TestWorld) => at.world.ledger.environments().map(({ slug }) => slug);
const until = (at: TestWorld, wanted: string[]) =>
  eventually(
    () => slugs(at),
    (now) => now.join() === wanted.join(),
  );

async function create(at: TestWorld, branch: string, up = false): Promise<string> {
  const request = { cwd: at.repository.root, branch, up, env: at.repository.env };
  return (await createEnvironment(at.world, request, at.call())).environment.path;
}

describe("made by others", () => {
  test("in a project that the daemon hears of only later, too", async () => {
    await using at = await testWorld({ "app.txt": "one\n" }, {});
    at.world.clock = systemClock;
    const { ledger } = at.world;
    for (const { id } of ledger.environments()) ledger.deleteEnvironment(id);
    for (const { id } of ledger.projects()) ledger.deleteProject(id);
    const watch = watchWorktrees(at.world, { settleMs: 20, lookEveryMs: never });
    try {
      await watch.look();
      await locate(at.world, at.repository.git, at.repository.root);
      const path = join(at.repository.base, "fix");
      // Its directory is watched once it has been looked at.
      await eventually(
        () => at.world.ledger.setupStamp(ledger.environments()[0]?.id ?? "", "worldtree:mount"),
        (stamp) => stamp !== null,
      );
      at.repository.run(["worktree", "add", "-q", "-b", "fix", path]);
      expect(await until(at, ["main", "fix"])).toEqual(["main", "fix"]);
    } finally {
      watch.close();
    }
  });

  test("git worktree add, claude --worktree, codex and a sibling are environments as soon as they are there, with names that people know", async () => {
    await using world = await watched();
    const { at } = world;
    const { run, root, base } = at.repository;
    run(["worktree", "add", "-q", "-b", "fix", join(base, "fix")]);
    expect(await until(at, ["main", "fix"])).toEqual(["main", "fix"]);
    run(["worktree", "add", "-q", "-b", "worktree-login", join(root, ".claude/worktrees/login")]);
    await until(at, ["main", "fix", "login"]);
    run(["worktree", "add", "-q", "--detach", join(base, ".codex/worktrees/3f2a/repo")]);
    await until(at, ["main", "fix", "login", "codex-3f2a"]);
    run(["worktree", "add", "-q", "--detach", join(base, "repo.review")]);
    expect(await until(at, ["main", "fix", "login", "codex-3f2a", "review"])).toEqual(["main", "fix", "login", "codex-3f2a", "review"]);
    const up = await upEnvironment(
      at.world,
      { target: { cwd: join(root, ".claude/worktrees/login") }, services: [], env: at.repository.env, anew: false },
      at.call(),
    );
    expect(up.environment).toMatchObject({ slug: "login", status: "Healthy" });
  });

  test("a branch that is renamed or changed is followed, and the name stays", async () => {
    await using world = await watched();
    const { at } = world;
    const path = await create(at, "before");
    at.repository.run(["branch", "-m", "before", "after"]);
    const branch = () => at.world.ledger.environments().find(({ slug }) => slug === "before")?.branch;
    expect(await eventually(branch, (now) => now === "after")).toBe("after");
    at.repository.run(["switch", "-q", "-c", "third"], path);
    expect(await eventually(branch, (now) => now === "third")).toBe("third");
  });
});

describe("removed by others", () => {
  for (const [how, remove] of [
    ["orca#10562: git worktree remove", (at: TestWorld, path: string) => void at.repository.run(["worktree", "remove", "--force", path])],
    ["bb#1647: rm -rf", (_: TestWorld, path: string) => rmSync(path, { recursive: true })],
    ["rm -rf of all worktrees", (at: TestWorld) => rmSync(`${at.repository.root}.worktrees`, { recursive: true })],
  ] as const) {
    test(`${how}: its processes end, its leases are given back, its branch and its neighbours stay`, async () => {
      await using world = await watched();
      const { at } = world;
      const beside = join(at.repository.base, "beside");
      at.repository.run(["worktree", "add", "-q", "-b", "beside", beside]);
      await until(at, ["main", "beside"]);
      const path = await create(at, "gone", true);
      const [id] = at.world.ledger.environments().flatMap((one) => (one.slug === "gone" ? [one.id] : []));
      if (!id) throw new Error("not made");
      expect(at.world.supervisor.runner(id, "web")?.status.live).toBe(true);
      remove(at, path);
      expect(await until(at, ["main", "beside"])).toEqual(["main", "beside"]);
      expect(at.world.supervisor.runners(id)).toEqual([]);
      expect(at.world.ledger.leases({ environmentId: id })).toEqual([]);
      expect(at.repository.run(["branch", "--list", "gone"])).toContain("gone");
      expect(at.repository.run(["worktree", "list"])).toContain(beside);
      expect(at.reported).toEqual([]);
    });
  }

  test("with a database: its processes end, and the database waits for a person", async () => {
    const yaml = "services: { web: { run: serve, port: none } }\nresources: { db: { type: postgres } }\n";
    await using world = await watched({}, { "wt.yaml": yaml }, { postgres: {} });
    const { at } = world;
    const path = await create(at, "gone", true);
    const id = at.world.ledger.environments().find(({ slug }) => slug === "gone")?.id ?? "";
    at.repository.run(["worktree", "remove", "--force", path]);
    expect(
      await eventually(
        () => at.world.supervisor.runner(id, "web")?.status.live,
        (live) => live === false,
      ),
    ).toBe(false);
    await world.watch.look();
    expect(slugs(at)).toEqual(["main", "gone"]);
    expect(at.world.ledger.leases({ environmentId: id, kind: "resource" })).toHaveLength(1);
  });

  test("git worktree move: names, leases and processes go along", async () => {
    await using world = await watched();
    const { at } = world;
    const path = await create(at, "moved", true);
    await world.watch.look();
    const id = at.world.ledger.environments().find(({ slug }) => slug === "moved")?.id ?? "";
    const to = join(at.repository.base, "elsewhere");
    at.repository.run(["worktree", "move", path, to]);
    expect(
      await eventually(
        () => at.world.ledger.environment(id)?.path,
        (now) => now === to,
      ),
    ).toBe(to);
    await world.watch.look();
    expect(slugs(at)).toEqual(["main", "moved"]);
    expect(at.world.supervisor.runner(id, "web")?.status.live).toBe(true);
    expect(at.world.ledger.leases({ environmentId: id, kind: "worktree" }).map(({ key }) => key)).toEqual([to]);
  });

  test("mv and mv back within the time to think: nothing happens", async () => {
    await using world = await watched({ quietMs: never, graceMs: never });
    const { at } = world;
    const path = await create(at, "away", true);
    const id = at.world.ledger.environments().find(({ slug }) => slug === "away")?.id ?? "";
    renameSync(path, `${path}.aside`);
    await world.watch.look();
    renameSync(`${path}.aside`, path);
    await world.watch.look();
    expect(at.world.supervisor.runner(id, "web")?.status.live).toBe(true);
    expect(slugs(at)).toEqual(["main", "away"]);
  });

  test("a file system that is not mounted: unknown is not gone", async () => {
    await using world = await watched({ quietMs: 0, graceMs: 0 });
    const { at } = world;
    const path = await create(at, "stick", true);
    const id = at.world.ledger.environments().find(({ slug }) => slug === "stick")?.id ?? "";
    const mount = JSON.stringify({ at: at.repository.base, what: "ext4 /dev/stick /" });
    at.world.ledger.putSetupStamp({ environmentId: id, step: "worldtree:mount", hash: mount });
    renameSync(path, join(at.repository.base, "hidden"));
    mkdirSync(join(at.repository.base, "empty"));
    await world.watch.look();
    await world.watch.look();
    expect(at.world.supervisor.runner(id, "web")?.status.live).toBe(true);
    expect(slugs(at)).toEqual(["main", "stick"]);
  });

  test("a locked one is never given back", async () => {
    await using world = await watched({ quietMs: 0, graceMs: 0 });
    const { at } = world;
    const path = await create(at, "locked", true);
    at.repository.run(["worktree", "lock", path]);
    rmSync(path, { recursive: true });
    await world.watch.look();
    await world.watch.look();
    expect(slugs(at)).toEqual(["main", "locked"]);
  });
});
