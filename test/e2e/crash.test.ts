// The daemon is killed with SIGKILL at every journal point of create and delete; the next one leaks nothing and loses nothing.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { eventually, type HermeticWorld, hermeticWorld, leftovers } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

const minute = 60_000;
const createSteps = ["worktree", "ports", "setup:0", "start"];
const deleteSteps = ["stop", "sweep", "rescue", "remove_worktree", "delete_branch", "remove_files", "release"];
const points = (steps: string[]) => steps.flatMap((step) => [`before:${step}`, `after:${step}`]);

/** Ends the present daemon and lets the next command start one that dies at `point`. */
async function armed(world: HermeticWorld, point: string | null): Promise<Record<string, string>> {
  await world.ok(["daemon", "stop"]);
  return point === null ? {} : { WT_TEST_FAULT: `kill@${point}` };
}

/** A new daemon has settled everything: no operation is in flight. */
async function settled(world: HermeticWorld): Promise<void> {
  await world.ok(["list"]);
  const inFlight = async () => JSON.parse(await world.ok(["daemon", "status", "--json"])).daemon.operationsInFlight as number;
  expect(await eventually(inFlight, (count) => count === 0, 20_000)).toBe(0);
}

describe("SIGKILL during create", () => {
  test.each(points(createSteps))(
    "%s",
    async (point) => {
      await using world = await hermeticWorld({ files: smallApp });
      const died = await world.wt(["create", "a"], { env: await armed(world, point) });
      expect(died.code).not.toBe(0);
      await settled(world);
      const environments = (await world.list()).environments.map((environment) => environment.slug);
      if (point.endsWith(":start")) {
        // Everything but its services was made: it is finished, not undone.
        expect(environments).toEqual(["main", "a"]);
        expect(existsSync(`${world.repository}.worktrees/a/prepared.txt`)).toBe(true);
      } else {
        expect(environments).toEqual(["main"]);
        expect(leftovers(world, "a")).toEqual([]);
        expect(await world.git(["branch", "--list", "a"])).toBe("");
        expect(world.processes().length).toBe(1);
      }
      await world.ok(["create", "a"]);
      expect(await (await world.fetch("a.localhost")).text()).toContain("web of a");
    },
    2 * minute,
  );
});

describe("SIGKILL during delete", () => {
  test.each(points(deleteSteps))(
    "%s",
    async (point) => {
      await using world = await hermeticWorld({ files: smallApp });
      await world.ok(["create", "a"]);
      const path = (await world.status("a")).path;
      await world.write({ "precious.txt": "precious\n" }, path);
      await world.write({ "committed.txt": "committed\n" }, path);
      await world.git(["add", "committed.txt"], path);
      await world.git(["commit", "--quiet", "--message", "unmerged"], path);
      const died = await world.wt(["delete", "a", "--force", "--branch"], { env: await armed(world, point) });
      expect(died.code).not.toBe(0);
      await settled(world);
      expect((await world.list()).environments.map((environment) => environment.slug)).toEqual(["main"]);
      expect(leftovers(world, "a")).toEqual([]);
      expect(world.processes().length).toBe(1);
      const refs = (await world.git(["for-each-ref", "--format=%(refname)", "refs/wt/rescue/a"])).trim().split("\n");
      const holding = async (file: string) => {
        const held = await Promise.all(refs.map((ref) => world.git(["ls-tree", "--name-only", ref, file])));
        return held.some((names) => names.trim() === file);
      };
      expect(await holding("precious.txt")).toBe(true);
      expect(await holding("committed.txt")).toBe(true);
    },
    2 * minute,
  );
});

describe("SIGKILL of an idle daemon", () => {
  test(
    "services run on; the next daemon adopts each by its identity and can stop it",
    async () => {
      await using world = await hermeticWorld({ files: smallApp });
      await world.ok(["create", "a"]);
      const before = await world.status("a");
      process.kill(await world.daemonPid(), "SIGKILL");
      const direct = before.services.find((service) => service.name === "web")?.directUrl ?? "";
      expect(await (await fetch(direct)).text()).toContain("web of a");
      const after = await world.status("a");
      expect(after.services.map((service) => service.pid)).toEqual(before.services.map((service) => service.pid));
      const adopted = await eventually(
        () => world.status("a"),
        (environment) => environment.status === "Healthy",
      );
      expect(adopted.status).toBe("Healthy");
      expect(await (await world.fetch("a.localhost")).text()).toContain("web of a");
      await world.ok(["down", "a"]);
      expect(world.processes().length).toBe(1);
    },
    minute,
  );

  test(
    "a service that died meanwhile is started again",
    async () => {
      await using world = await hermeticWorld({ files: smallApp });
      await world.ok(["create", "a"]);
      const before = await world.status("a");
      process.kill(await world.daemonPid(), "SIGKILL");
      const victim = before.services.find((service) => service.name === "worker")?.pid ?? 0;
      process.kill(victim, "SIGKILL");
      const after = await eventually(
        () => world.status("a"),
        (environment) => environment.status === "Healthy" && environment.services.every((service) => service.pid !== victim),
      );
      expect(after.status).toBe("Healthy");
    },
    minute,
  );
});
