// What is at hand in a shell without waiting: completion and the prompt follow what happens, with and without a daemon; two words from anywhere.
import { describe, expect, test } from "bun:test";
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Overview } from "../../src/api/overview.ts";
import { type HermeticWorld, hermeticWorld } from "../support/hermetic-world.ts";

const minute = 60_000;
const files = {
  "wt.yaml": "project: shop\nservices:\n  web: { run: exec sleep 1000 }\n",
  "file.txt": "1\n",
};
const plain = { "wt.yaml": "project: shop\n", "file.txt": "1\n" };

const overviewOf = (world: HermeticWorld): Overview | null => {
  try {
    return JSON.parse(readFileSync(join(world.directory, "state/worldtree/overview.json"), "utf8"));
  } catch {
    return null;
  }
};

/** Until what the daemon wrote down says so; the file is written a moment after the change. */
async function written(world: HermeticWorld, holds: (slugs: string[]) => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const slugs = overviewOf(world)?.projects.flatMap(({ environments }) => environments.map(({ slug }) => slug)) ?? [];
    if (holds(slugs)) return;
    if (performance.now() > deadline) throw new Error(`the overview still says ${slugs.join(", ")}`);
    await Bun.sleep(10);
  }
}

const completed = async (world: HermeticWorld, words: string[], cwd = world.repository) =>
  (await world.ok(["__complete", "--", ...words], { cwd }))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t")[0]);

describe("what is written down", () => {
  test(
    "follows create and delete, worktrees made by hand, and a branch that changes; it outlives the daemon",
    async () => {
      await using world = await hermeticWorld({ files: plain });
      await world.ok(["create", "feature/x"]);
      await written(world, () => overviewOf(world)?.projects[0]?.environments[1]?.status === "Healthy");
      expect(await completed(world, ["switch", ""])).toEqual(["main", "feature-x"]);
      expect(await world.ok(["prompt"], { cwd: `${world.repository}.worktrees/feature-x` })).toBe("feature-x\n");
      await world.git(["worktree", "add", "--quiet", "-b", "by-hand", join(world.directory, "by-hand")]);
      await world.ok(["list"]);
      await written(world, (slugs) => slugs.length === 3);
      // A daemon that is killed leaves what it wrote; asking starts no other.
      const pid = await world.daemonPid();
      process.kill(pid, "SIGKILL");
      expect(await completed(world, ["switch", "fea"])).toEqual(["feature-x"]);
      expect(await world.ok(["prompt"])).toBe("main\n");
      expect(JSON.parse((await world.wt(["daemon", "status", "--json"])).stdout).daemon).toBeNull();
      await world.ok(["delete", "feature-x"]);
      await written(world, (slugs) => !slugs.includes("feature-x"));
      expect(await completed(world, ["switch", "fea"])).toEqual([]);
    },
    minute,
  );

  test(
    "names services and how they are",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "feature/x"]);
      await written(world, () => overviewOf(world)?.projects[0]?.environments[1]?.status === "Healthy");
      expect(await completed(world, ["logs", ""])).toEqual(["web"]);
      const cwd = `${world.repository}.worktrees/feature-x`;
      expect(await world.ok(["prompt"], { cwd })).toBe("feature-x ●\n");
      await world.ok(["down"], { cwd });
      await written(world, () => overviewOf(world)?.projects[0]?.environments[1]?.status === "Stopped");
      expect(await world.ok(["prompt"], { cwd })).toBe("feature-x ○\n");
    },
    minute,
  );
});

describe("a daemon that is busy", () => {
  test(
    "list, completion and prompt answer while a create waits for its setup",
    async () => {
      await using world = await hermeticWorld({ files: { ...plain, "wt.yaml": "project: shop\nsetup: [cat ../../gate]\n" } });
      const gate = join(world.directory, "gate");
      Bun.spawnSync(["mkfifo", gate]);
      const creating = world.wt(["create", "slow"]);
      await written(world, () => overviewOf(world)?.projects[0]?.environments[1]?.status === "Creating");
      expect((await world.ok(["list"])).split("\n")[2]).toMatch(/^slow {2,}Creating/);
      expect(await completed(world, ["switch", "s"])).toEqual(["slow"]);
      expect(await world.ok(["prompt"], { cwd: `${world.repository}.worktrees/slow` })).toBe("slow ◐\n");
      await Bun.write(gate, "go on\n");
      expect((await creating).code).toBe(0);
      expect((await world.ok(["list"])).split("\n")[2]).toMatch(/^slow {2,}Ready/);
    },
    minute,
  );
});

describe("wt <project> <branch>", () => {
  test(
    "goes there from anywhere, makes what is missing, and does not take a slip for a wish",
    async () => {
      await using world = await hermeticWorld({ files: plain });
      await world.ok(["create", "feature/x", "--no-up"]);
      await written(world, (slugs) => slugs.includes("feature-x"));
      const from = { cwd: world.directory };
      const there = `${world.repository}.worktrees`;
      expect(await world.ok(["shop", "feature/x"], from)).toBe(`${there}/feature-x\n`);
      expect(await world.ok(["shop", "main"], from)).toBe(`${world.repository}\n`);
      // A unique beginning, as in wt switch.
      expect(await world.ok(["shop", "feat"], from)).toBe(`${there}/feature-x\n`);
      // A branch that git has goes before it.
      await world.git(["branch", "feat"]);
      expect(await world.ok(["shop", "feat"], from)).toBe(`${there}/feat\n`);
      expect(await world.ok(["shop", "quite/another"], from)).toBe(`${there}/quite-another\n`);
      const slip = await world.wt(["shop", "faeture-x"], from);
      expect([slip.code, slip.stderr.includes("Did you mean feature-x?")]).toEqual([4, true]);
      const nameless = await world.wt(["shop"], from);
      expect([nameless.code, nameless.stderr.includes("the picker needs a terminal")]).toEqual([2, true]);
      expect((await world.wt(["shap", "x"], from)).stderr).toContain("Did you mean wt shop?");
      expect((await world.wt(["switch", "--project", "shap", "x"], from)).stderr).toContain("There is no project shap that wt knows.");
      expect(await completed(world, ["shop", "quite"], "/")).toEqual(["quite-another"]);
    },
    minute,
  );

  test(
    "a project that is called like a command never takes the command's place",
    async () => {
      await using world = await hermeticWorld({ files: { ...plain, "wt.yaml": "project: list\n" } });
      await world.ok(["create", "one", "--no-up"]);
      await written(world, (slugs) => slugs.includes("one"));
      expect((await world.wt(["list", "one"])).stderr).toContain('Unexpected argument "one" for wt list.');
      expect(await world.ok(["switch", "--project", "list", "one"], { cwd: "/" })).toBe(`${world.repository}.worktrees/one\n`);
    },
    minute,
  );

  test(
    "a project that is gone is said to be",
    async () => {
      await using world = await hermeticWorld({ files: plain });
      await world.ok(["list"]);
      await written(world, (slugs) => slugs.length === 1);
      const away = `${world.repository}-away`;
      renameSync(world.repository, away);
      const gone = await world.wt(["shop", "main"], { cwd: world.directory });
      renameSync(away, world.repository);
      expect([gone.code, gone.stderr]).toEqual([7, expect.stringContaining("The directory of main is gone")]);
    },
    minute,
  );
});
