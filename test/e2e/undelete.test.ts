// A deleted environment comes back whole, from the command line, with a real database; the daemon is killed at every point of the way.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { eventually, type HermeticWorld, hermeticWorld, leftovers } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

const minute = 60_000;
const points = (steps: string[]) => steps.flatMap((step) => [`before:${step}`, `after:${step}`]);
const files = {
  ...smallApp,
  "wt.yaml": `${smallApp["wt.yaml"]}resources:\n  notes: { type: sqlite, path: notes.db }\n`,
  ".gitignore": `${smallApp[".gitignore" as keyof typeof smallApp] ?? ""}notes.db*\n.env\n`,
};
const week = { WT_UNDELETE_DAYS: "7" };

async function keepingWorld(): Promise<HermeticWorld> {
  const world = await hermeticWorld({ files });
  Object.assign(world.env, week);
  await world.ok(["daemon", "stop"]);
  return world;
}

async function settled(world: HermeticWorld): Promise<void> {
  await world.ok(["list"]);
  const inFlight = async () => JSON.parse(await world.ok(["daemon", "status", "--json"])).daemon.operationsInFlight as number;
  expect(await eventually(inFlight, (count) => count === 0, 20_000)).toBe(0);
}

/** With work of every kind in it. */
async function precious(world: HermeticWorld): Promise<string> {
  await world.ok(["create", "a", "--no-up"]);
  const { path } = await world.status("a");
  await world.write({ "committed.txt": "committed\n" }, path);
  await world.commit("unmerged", path);
  await world.write({ "input.txt": "staged\n", ".env": "SECRET=1\n", "new.txt": "untracked\n" }, path);
  await world.git(["add", "input.txt"], path);
  await world.ok(["run", "-e", "a", "--", process.execPath, "-e", insert]);
  return path;
}

const insert = `const { Database } = require("bun:sqlite"); const d = new Database("notes.db"); d.run("CREATE TABLE n(t)"); d.run("INSERT INTO n VALUES('kept')")`;

async function expectWhole(world: HermeticWorld, path: string): Promise<void> {
  expect(await world.git(["branch", "--show-current"], path)).toBe("a\n");
  expect(await world.git(["log", "-1", "--format=%s"], path)).toBe("unmerged\n");
  expect(await world.git(["diff", "--cached", "--name-only"], path)).toBe("input.txt\n");
  expect(readFileSync(`${path}/new.txt`, "utf8")).toBe("untracked\n");
  expect(readFileSync(`${path}/.env`, "utf8")).toBe("SECRET=1\n");
  const read = `const { Database } = require("bun:sqlite"); console.log(new Database("notes.db").query("SELECT t FROM n").get().t)`;
  expect(await world.ok(["run", "-e", "a", "--", process.execPath, "-e", read])).toContain("kept");
}

describe("undelete", () => {
  test(
    "lists what there is, brings it back, and starts what ran",
    async () => {
      await using world = await keepingWorld();
      expect(await world.ok(["undelete"])).toBe("Nothing that was deleted is kept.\n");
      const path = await precious(world);
      await world.ok(["up", "-e", "a"]);
      const before = await world.status("a");
      const said = await world.ok(["delete", "a", "--force", "--branch"]);
      expect(said).toContain("wt undelete a");
      expect(leftovers(world, "a")).toEqual([]);
      // Beside the daemon, for a moment, a program that measures what is kept.
      const processes = () => world.processes().length;
      expect(await eventually(processes, (count) => count === 1)).toBe(1);
      const { deleted } = JSON.parse(await world.ok(["undelete", "--json"]));
      expect(deleted).toMatchObject([{ slug: "a", branch: "a", unsavedFiles: 2, resources: ["notes"], removedResources: [] }]);
      await world.ok(["undelete", "a"]);
      await expectWhole(world, path);
      const after = await world.status("a");
      expect(after).toMatchObject({ status: "Healthy", slot: before.slot, url: before.url });
      expect(await (await world.fetch("a.localhost")).text()).toContain("web of a");
      expect(await world.git(["for-each-ref", "refs/wt"])).toBe("");
      await world.ok(["delete", "a", "--force"]);
      await world.ok(["undelete", "a", "--purge"]);
      expect(JSON.parse(await world.ok(["undelete", "--json"])).deleted).toEqual([]);
      expect(await world.git(["for-each-ref", "refs/wt"])).toBe("");
      expect(existsSync(`${world.repository}/.git/wt/deleted`)).toBe(false);
    },
    2 * minute,
  );

  test(
    "orca#8613: a delete that failed loses nothing that is needed to try again; gc and prune of git lose nothing either",
    async () => {
      await using world = await keepingWorld();
      const path = await precious(world);
      await world.ok(["delete", "a", "--force", "--branch"]);
      await world.git(["worktree", "prune"]);
      await world.git(["reflog", "expire", "--expire=now", "--all"]);
      await world.git(["gc", "--quiet", "--prune=now"]);
      await world.ok(["undelete", "a", "--no-up"]);
      await expectWhole(world, path);
    },
    minute,
  );
});

describe("SIGKILL during a delete that keeps", () => {
  test.each(points(["sweep", "keep_work", "retire_resource:notes", "keep_worktree", "delete_branch", "release"]))(
    "%s",
    async (point) => {
      await using world = await keepingWorld();
      const path = await precious(world);
      await world.ok(["daemon", "stop"]);
      await world.wt(["delete", "a", "--force", "--branch"], { env: { WT_TEST_FAULT: `kill@${point}` } });
      await settled(world);
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
      expect(leftovers(world, "a")).toEqual([]);
      await world.ok(["undelete", "a", "--no-up"]);
      await expectWhole(world, path);
    },
    2 * minute,
  );
});

describe("SIGKILL during an undelete", () => {
  test.each(points(["branch", "return", "revive:notes"]))(
    "%s",
    async (point) => {
      await using world = await keepingWorld();
      const path = await precious(world);
      await world.ok(["delete", "a", "--force", "--branch"]);
      await world.ok(["daemon", "stop"]);
      await world.wt(["undelete", "a", "--no-up"], { env: { WT_TEST_FAULT: `kill@${point}` } });
      await settled(world);
      await expectWhole(world, path);
      expect(JSON.parse(await world.ok(["undelete", "--json"])).deleted).toEqual([]);
      expect(await world.git(["for-each-ref", "refs/wt"])).toBe("");
    },
    2 * minute,
  );
});

describe("SIGKILL while what is kept is thrown away", () => {
  test.each(["before:purge", "after:purge"])(
    "%s",
    async (point) => {
      await using world = await keepingWorld();
      await precious(world);
      await world.ok(["delete", "a", "--force", "--branch"]);
      await world.ok(["daemon", "stop"]);
      await world.wt(["undelete", "a", "--purge"], { env: { WT_TEST_FAULT: `kill@${point}` } });
      const gone = async () =>
        JSON.parse(await world.ok(["undelete", "--json"])).deleted.length + (await world.git(["for-each-ref", "refs/wt"])).length;
      expect(await eventually(gone, (left) => left === 0)).toBe(0);
      const states = `${world.directory}/state/worldtree/environments`;
      expect(
        await eventually(
          () => (existsSync(states) ? readdirSync(states).length : 0),
          (count) => count === 0,
        ),
      ).toBe(0);
    },
    minute,
  );
});
