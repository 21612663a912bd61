import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { eventually, hermeticWorld, leftovers } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

const minute = 60_000;

describe("an environment's life", () => {
  test(
    "create, answer at its URL, down, up, delete: nothing is left",
    async () => {
      await using world = await hermeticWorld({ files: smallApp });
      const created = JSON.parse(await world.ok(["create", "Feature/One", "--json"])) as {
        created: boolean;
        environment: { slug: string; status: string };
      };
      expect(created).toMatchObject({ created: true, environment: { slug: "feature-one", status: "Healthy" } });
      expect(await (await world.fetch("feature-one.localhost")).text()).toContain("web of feature-one /");
      expect(await (await world.fetch("feature-one.localhost", "/api/x")).text()).toContain("api of feature-one /api/x");
      expect(await (await world.fetch("api.feature-one.localhost", "/y")).text()).toContain("api of feature-one /y");
      expect((await world.fetch("other.localhost")).status).toBe(421);
      expect(readFileSync(`${world.repository}.worktrees/feature-one/prepared.txt`, "utf8")).toBe("prepared\n");

      await world.ok(["down", "feature-one"]);
      expect((await world.status("feature-one")).status).toBe("Stopped");
      expect((await world.fetch("feature-one.localhost")).status).toBeGreaterThanOrEqual(502);
      const before = await world.status("feature-one");
      await world.ok(["up", "feature-one"]);
      const after = await world.status("feature-one");
      expect(after.status).toBe("Healthy");
      expect(after.services.map((service) => service.port)).toEqual(before.services.map((service) => service.port));

      await world.ok(["delete", "feature-one"]);
      expect(leftovers(world, "feature-one")).toEqual([]);
      expect(await world.git(["branch", "--list", "Feature/One"])).toBe("");
      expect((await world.list()).environments.map((environment) => environment.slug)).toEqual(["main"]);
      expect((await world.fetch("feature-one.localhost")).status).toBe(421);
    },
    minute,
  );

  test(
    "creating what exists says so and brings it up",
    async () => {
      await using world = await hermeticWorld({ files: smallApp });
      await world.ok(["create", "a", "--no-up"]);
      expect((await world.status("a")).status).toBe("Stopped");
      const again = await world.wt(["create", "a"]);
      expect(again.code).toBe(0);
      expect(again.stderr + again.stdout).toContain("exists already");
      expect((await world.status("a")).status).toBe("Healthy");
    },
    minute,
  );

  test(
    "a failing setup keeps the environment, and deleting it leaves nothing behind",
    async () => {
      await using world = await hermeticWorld({
        files: { ...smallApp, "wt.yaml": 'setup: ["echo made > left-by-setup.txt", "echo broken >&2; exit 7"]\n' },
      });
      const ran = await world.wt(["create", "broken"]);
      expect(ran.code).toBe(7);
      expect(ran.stderr).toContain("failed with code 7");
      expect(ran.stderr).toContain("broken");
      expect((await world.status("broken")).status).toBe("Incomplete");
      await world.ok(["delete", "broken", "--force"]);
      expect(leftovers(world, "broken")).toEqual([]);
      expect(await world.git(["branch", "--list", "broken"])).toBe("");
      expect((await world.list()).environments.map((environment) => environment.slug)).toEqual(["main"]);
    },
    minute,
  );

  test(
    "a failing setup shows each line once, in --json its first and last lines",
    async () => {
      const yaml = `setup: ["echo the cause; seq 1000 1100; echo the end >&2; exit 7"]\n`;
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml } });
      const ran = await world.wt(["create", "broken"]);
      expect(ran.code).toBe(7);
      for (const line of ["the cause", "1050", "the end"])
        expect(ran.stderr.split("\n").filter((one) => one.endsWith(`| ${line}`))).toHaveLength(1);
      expect(ran.stderr.match(/^ +the end$/gm)).toBeNull();
      const { error } = JSON.parse((await world.wt(["create", "broken", "--resume", "--json"])).stdout);
      const lines = error.details.log.split("\n");
      expect([lines[0], lines[8], lines.at(-1)]).toEqual(["the cause", expect.stringContaining("… 83 lines left out"), "the end"]);
      expect(error.hints).toContain("  the cause");
      const up = JSON.parse((await world.wt(["up", "main", "--json"])).stdout);
      const path = /all of them are in (\S+)/.exec(up.error.details.log)?.[1] ?? "";
      expect(readFileSync(path, "utf8")).toContain("1050");
    },
    minute,
  );

  test(
    "Ctrl-C during setup ends the command and leaves nothing behind",
    async () => {
      const files = { ...smallApp, "wt.yaml": 'setup: ["echo started > ../started; exec sleep 600"]\n' };
      await using world = await hermeticWorld({ files });
      const interrupt = new AbortController();
      const creating = world.wt(["create", "slow"], { abort: interrupt.signal });
      await eventually(
        () => existsSync(`${world.repository}.worktrees/started`),
        (there) => there,
      );
      interrupt.abort();
      expect((await creating).code).toBe(130);
      expect(leftovers(world, "slow")).toEqual([]);
      expect(await world.git(["branch", "--list", "slow"])).toBe("");
      expect(world.processes().length).toBe(1);
    },
    minute,
  );

  test(
    "a service that crashes is restarted; one that never starts makes create exit 8 and keeps the environment",
    async () => {
      await using world = await hermeticWorld({ files: smallApp });
      await world.ok(["create", "a"]);
      await world.fetch("a.localhost", "/api/../crash").catch(() => null);
      await world.fetch("api.a.localhost", "/crash").catch(() => null);
      const recovered = await eventually(
        async () => (await world.status("a")).services.find((service) => service.name === "api"),
        (api) => api?.state === "Running" && api.restarts > 0,
      );
      expect(recovered).toMatchObject({ state: "Running", restarts: 1 });

      await world.write({ "wt.yaml": "services: { bad: { run: 'echo no luck; exit 4', route: / } }\n" });
      await world.commit("break it");
      await world.ok(["trust", "--yes"]);
      const ran = await world.wt(["create", "b"]);
      expect(ran.code).toBe(8);
      expect(ran.stderr).toContain("CrashLoopBackOff");
      expect(ran.stderr).toContain("no luck");
      expect((await world.status("b")).status).toBe("Degraded");
    },
    minute,
  );

  test(
    "work is not lost: dirty and untracked work is refused, and forced deletion keeps it under a rescue ref",
    async () => {
      await using world = await hermeticWorld({ files: smallApp });
      await world.ok(["create", "a", "--no-up"]);
      const path = (await world.status("a")).path;
      await world.write({ "input.txt": "changed\n", "new.txt": "new\n" }, path);
      const refused = await world.wt(["delete", "a"]);
      expect(refused.code).toBe(5);
      expect(refused.stderr).toContain("1 uncommitted change");
      expect(refused.stderr).toContain("1 untracked file");
      expect(existsSync(`${path}/new.txt`)).toBe(true);
      await world.ok(["delete", "a", "--force"]);
      expect(existsSync(path)).toBe(false);
      const refs = (await world.git(["for-each-ref", "--format=%(refname)", "refs/wt/rescue/a"])).trim().split("\n");
      const worktree = refs.find((ref) => ref.endsWith("/worktree")) ?? "";
      expect(await world.git(["show", `${worktree}:new.txt`])).toBe("new\n");
      expect(await world.git(["show", `${worktree}:input.txt`])).toBe("changed\n");
      const main = await world.wt(["delete", "main"]);
      expect(main.code).toBe(5);
    },
    minute,
  );
});
