// Nothing leaked, with real processes: worktrees that others made and removed, `wt gc`, `wt clean`, `wt doctor --fix`.
import { describe, expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { GcReport } from "../../src/api/gc.ts";
import type { DoctorReport } from "../../src/api/operations.ts";
import { eventually, type HermeticWorld, hermeticWorld } from "../support/hermetic-world.ts";

const minute = 60_000;
const files = {
  "wt.yaml": "services:\n  web: { run: 'exec node server.mjs', route: / }\n",
  "server.mjs": `import { createServer } from "node:http";
createServer((request, answer) => {
  if (request.url === "/end") process.exit(3);
  answer.end("hello");
}).listen(Number(process.env.PORT), "127.0.0.1");
`,
};

const pathOf = (world: HermeticWorld, name: string) => `${world.repository}.worktrees/${name}`;
const slugs = async (world: HermeticWorld) => (await world.list()).environments.map(({ slug }) => slug);

/** Squashed, as a forge does it. */
async function merge(world: HermeticWorld, name: string): Promise<void> {
  await world.write({ [`${name}.txt`]: name }, pathOf(world, name));
  await world.commit(`work of ${name}`, pathOf(world, name));
  await world.git(["merge", "--squash", "--quiet", name]);
  await world.git(["commit", "--quiet", "--message", `squash ${name}`]);
}

/** Only the daemon is left. */
async function quiet(world: HermeticWorld): Promise<number> {
  return await eventually(
    () => world.processes().length,
    (count) => count === 1,
  );
}

describe("a worktree that others made", () => {
  test(
    "orca#10562, bb#1647: is brought up, and its removal by raw git ends its processes and gives its ports back",
    async () => {
      await using world = await hermeticWorld({ files });
      const path = join(world.repository, ".claude/worktrees/login");
      await world.git(["worktree", "add", "--quiet", "-b", "worktree-login", path]);
      const up = JSON.parse(await world.ok(["up", "--json"], { cwd: path }));
      expect(up.environment).toMatchObject({ slug: "login", branch: "worktree-login", status: "Healthy" });
      expect(await (await world.fetch("login.localhost")).text()).toBe("hello");
      await world.git(["worktree", "remove", "--force", path]);
      expect(await quiet(world)).toBe(1);
      expect(
        await eventually(
          () => slugs(world),
          (now) => now.join() === "main",
        ),
      ).toEqual(["main"]);
      expect((await world.fetch("login.localhost")).status).not.toBe(200);
      expect(await world.git(["branch", "--list", "worktree-login"])).toContain("worktree-login");
    },
    minute,
  );

  test(
    "shepherd#1133, kube-dojo#2065: after rm -rf its processes end at once, and wt doctor --fix gives the rest back",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a"]);
      await world.ok(["create", "b", "--no-up"]);
      rmSync(pathOf(world, "a"), { recursive: true });
      expect(await quiet(world)).toBe(1);
      const doctor = async (args: string[]): Promise<DoctorReport> => JSON.parse((await world.wt(["doctor", "--json", ...args])).stdout);
      const missing = (report: DoctorReport) => report.findings.find(({ code }) => code === "worktree_missing");
      expect(missing(await doctor([]))).toMatchObject({ level: "warning", fixable: true });
      const mended = await world.wt(["doctor", "--fix"]);
      expect(mended.code).toBe(0);
      expect(mended.stdout).toContain("Gave back what a had: processes, ports, resources, names.");
      expect(missing(await doctor([]))).toBeUndefined();
      expect(await slugs(world)).toEqual(["main", "b"]);
    },
    minute,
  );
});

describe("wt gc and wt clean", () => {
  test(
    "say what would go and why, need --yes without a terminal, and take what has nothing to lose",
    async () => {
      await using world = await hermeticWorld({ files });
      for (const name of ["done", "dirty", "pinned"]) {
        await world.ok(["create", name]);
        await merge(world, name);
      }
      await world.ok(["create", "open", "--no-up"]);
      await world.write({ "notes.txt": "mine" }, pathOf(world, "dirty"));
      await world.ok(["pin", "pinned", "--reason", "shown on Friday"]);
      const before = await world.git(["worktree", "list"]);
      const dry = await world.ok(["gc", "--dry-run", "--verbose"]);
      expect(dry).toContain("would remove environment repo/done: Its branch done is merged");
      expect(dry).toContain("kept environment repo/dirty: It has 1 untracked file.");
      expect(dry).toContain("kept environment repo/pinned: It is pinned: shown on Friday.");
      expect(dry).toContain("kept environment repo/open: Its branch is not merged; it was used within the hour");
      const refused = await world.wt(["gc"]);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain("wt gc would delete repo/done, and nobody can be asked here.");
      expect(await world.git(["worktree", "list"])).toBe(before);
      const report: GcReport = JSON.parse(await world.ok(["clean", "--yes", "--json"]));
      expect(report.items.filter(({ outcome }) => outcome === "removed").map(({ name }) => name)).toEqual(["repo/done"]);
      expect((await slugs(world)).toSorted()).toEqual(["dirty", "main", "open", "pinned"]);
      expect(existsSync(pathOf(world, "done"))).toBe(false);
      expect(existsSync(join(pathOf(world, "dirty"), "notes.txt"))).toBe(true);
      await world.ok(["unpin", "pinned"]);
      expect(await world.ok(["clean", "--yes"])).toContain("removed environment repo/pinned");
    },
    2 * minute,
  );

  test(
    "take the rows of a repository that is gone, from another one",
    async () => {
      await using world = await hermeticWorld({ files });
      const other = join(world.directory, "other");
      await world.git(["clone", "--quiet", world.repository, other]);
      await world.ok(["create", "a", "--no-up"], { cwd: other });
      rmSync(other, { recursive: true });
      rmSync(`${other}.worktrees`, { recursive: true });
      const all = async () => JSON.parse(await world.ok(["list", "--all", "--json"])).environments;
      const missing = (await all()).filter(({ status }: { status: string }) => status === "Missing");
      expect(missing.map(({ slug }: { slug: string }) => slug).toSorted()).toEqual(["a", "main"]);
      const done = await world.ok(["gc", "--yes"]);
      expect(done).toContain(`The repository ${other} is gone.`);
      expect((await all()).map(({ project }: { project: string }) => project)).toEqual(["repo"]);
    },
    minute,
  );
});

test(
  "wt logs says why a service ended, and that it is started again",
  async () => {
    await using world = await hermeticWorld({ files });
    await world.ok(["create", "a"]);
    await world.fetch("a.localhost", "/end").catch(() => null);
    const logs = await eventually(
      () => world.ok(["logs", "web", "-e", "a"]),
      (text) => text.includes("[wt]"),
    );
    expect(logs).toContain("[wt] It exited with code 3. It is started again in 0.25 s.");
  },
  minute,
);
