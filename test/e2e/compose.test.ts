// Environments of containers, with the real Docker: made, used, stopped, deleted, and beside each other.
import { describe, expect, test } from "bun:test";
import { composeWorld, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";
import { eventually } from "../support/hermetic-world.ts";

const reason = dockerReason();
const minute = 60_000;
const ofA = new RegExp(`${projectName}-a`);
const text = async (response: Response | Promise<Response>) => (await response).text();

describe.skipIf(reason !== null)(`environments of containers${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "two worktrees run beside each other, see their own files, and use one database server",
    async () => {
      await using compose = await composeWorld();
      const { world } = compose;
      await world.ok(["create", "a"]);
      await world.ok(["create", "b"]);
      expect(await text(world.fetch("a.localhost"))).toBe("web of a: hello\n");
      expect(await text(world.fetch("b.localhost"))).toBe("web of b: hello\n");
      await world.write({ "page.txt": "changed in a\n" }, (await world.status("a")).path);
      expect(await text(world.fetch("a.localhost", "/cgi-bin/page"))).toBe("changed in a\n");
      expect(await text(world.fetch("b.localhost", "/cgi-bin/page"))).toBe("first\n");
      for (const name of ["a", "b"]) expect(await text(world.fetch(`${name}.localhost`, "/cgi-bin/db"))).toBe("the shared db\n");
      const status = await world.status("a");
      expect(status.services.map(({ name, state }) => `${name} ${state}`).sort()).toEqual([
        "prepare Completed",
        "web Running",
        "worker Running",
      ]);
      expect(status.status).toBe("Healthy");
      expect(await world.ok(["logs", "worker", "-e", "b"])).toContain("working for b");
      const before = compose.things();
      expect(before.filter((thing) => new RegExp(`${projectName}-shared`).test(thing))).toEqual([
        `container ${projectName}-shared-db-1`,
        `network ${projectName}-shared_default`,
        `volume ${projectName}-shared_data`,
      ]);

      await world.ok(["delete", "a", "--force"]);
      expect(compose.things().filter((thing) => ofA.test(thing))).toEqual([]);
      expect(compose.things()).toEqual(before.filter((thing) => !ofA.test(thing)));
      expect(await text(world.fetch("b.localhost", "/cgi-bin/db"))).toBe("the shared db\n");
    },
    3 * minute,
  );

  test(
    "down stops, up starts the same containers, a changed compose file makes them anew",
    async () => {
      await using compose = await composeWorld();
      const { world } = compose;
      await world.ok(["create", "a"]);
      const id = () => docker("ps", "--all", "--quiet", "--no-trunc", "--filter", `name=${projectName}-a-web-1`);
      const first = id();
      await world.ok(["down", "a"]);
      expect((await world.status("a")).services.find(({ name }) => name === "web")?.state).toBe("Stopped");
      await world.ok(["up", "a"]);
      expect(id()).toBe(first);
      await world.ok(["up", "a"]);
      expect(id()).toBe(first);
      const path = (await world.status("a")).path;
      const file = await Bun.file(`${path}/compose.yaml`).text();
      await world.write({ "compose.yaml": file.replace("GREETING: hello", "GREETING: good morning") }, path);
      await world.ok(["trust", "--yes", "a"]);
      await world.ok(["up", "a"]);
      expect(await text(world.fetch("a.localhost"))).toBe("web of a: good morning\n");
      expect(id()).not.toBe(first);
    },
    3 * minute,
  );

  test(
    "rift#19, super-productivity#9995, overdeck#469: a worktree that is removed by raw git takes its containers, networks and volumes along",
    async () => {
      await using compose = await composeWorld();
      const { world } = compose;
      await world.ok(["create", "a"]);
      await world.ok(["create", "b"]);
      expect(compose.things().filter((thing) => ofA.test(thing)).length).toBeGreaterThan(3);
      const others = compose.things().filter((thing) => !ofA.test(thing));
      await world.git(["worktree", "remove", "--force", (await world.status("a")).path]);
      await eventually(
        () => compose.things().filter((thing) => ofA.test(thing)),
        (left) => left.length === 0,
        minute,
      );
      expect(compose.things()).toEqual(others);
      expect(await text(world.fetch("b.localhost"))).toBe("web of b: hello\n");
    },
    3 * minute,
  );

  test(
    "a service that ends is started again, and one that cannot stay is named with its last lines",
    async () => {
      await using compose = await composeWorld();
      const { world } = compose;
      await world.ok(["create", "a"]);
      docker("kill", `${projectName}-a-worker-1`);
      const again = await eventually(
        () => world.status("a"),
        ({ services }) => services.some(({ name, restarts, state }) => name === "worker" && restarts === 1 && state === "Running"),
        30_000,
      );
      expect(again.services.find(({ name }) => name === "worker")).toMatchObject({ restarts: 1, state: "Running" });
      const file = await Bun.file(`${again.path}/compose.yaml`).text();
      await world.write({ "compose.yaml": file.replace("exec sleep 100000", "echo no more; exit 3") }, again.path);
      await world.ok(["trust", "--yes", "a"]);
      const failed = await world.wt(["up", "a"]);
      expect(failed.stderr).toContain("worker of a is CrashLoopBackOff");
      expect(failed.stderr).toContain("no more");
    },
    3 * minute,
  );
});
