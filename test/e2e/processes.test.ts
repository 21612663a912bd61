// Commands that misbehave, and operations that meet: hanging and daemonising setups, services that do not exist, detach, ignore signals, multiply.
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { eventually, type HermeticWorld, hermeticWorld } from "../support/hermetic-world.ts";
import { expectSentence, leavesNothing, ledgerRows } from "../support/refusal.ts";

const minute = 60_000;
const server = readFileSync(`${import.meta.dir}/../fixtures/services/server.mjs`, "utf8");
const onlyMain = { environments: [{ slug: "main" }], leases: [], operations: [], processes: [] };

/** Every process of the world except its daemon. */
async function others(world: HermeticWorld): Promise<number[]> {
  const daemon = await world.daemonPid();
  return world.processes().filter((pid) => pid !== daemon);
}

async function gone(world: HermeticWorld): Promise<void> {
  expect(
    await eventually(
      () => others(world),
      (pids) => pids.length === 0,
    ),
  ).toEqual([]);
}

describe("a setup command", () => {
  test(
    "that hangs with children that ignore signals is ended by Ctrl-C, and nothing is left",
    async () => {
      const stubborn = `trap "" TERM INT HUP; (trap "" TERM INT HUP; while :; do sleep 1; done) & touch ../started; while :; do sleep 1; done`;
      await using world = await hermeticWorld({ files: { "wt.yaml": `setup: [${JSON.stringify(stubborn)}]\n` } });
      const interrupt = new AbortController();
      await leavesNothing(world, async () => {
        const creating = world.wt(["create", "slow"], { abort: interrupt.signal });
        await eventually(
          () => existsSync(`${world.repository}.worktrees/started`),
          (there) => there,
        );
        interrupt.abort();
        expect((await creating).code).toBe(130);
        await world.ok(["run", "--", "rm", "-r", `${world.repository}.worktrees`]);
      });
      await gone(world);
    },
    minute,
  );

  test(
    "that leaves a server running has done its work; delete ends the server",
    async () => {
      const yaml = "setup: ['setsid node server.mjs > /dev/null 2>&1 & echo started']\n";
      await using world = await hermeticWorld({
        files: { "wt.yaml": yaml, "server.mjs": server.replace("Number(process.env.PORT)", "0") },
      });
      await world.ok(["create", "a"]);
      expect((await others(world)).length).toBe(1);
      await world.ok(["delete", "a"]);
      await gone(world);
      expect(ledgerRows(world)).toMatchObject(onlyMain);
    },
    minute,
  );
});

describe("a service", () => {
  test(
    "whose command does not exist is named with its exit code, and the environment is kept",
    async () => {
      await using world = await hermeticWorld({ files: { "wt.yaml": "services: { web: { run: no-such-program --flag, port: none } }\n" } });
      const ran = await world.wt(["create", "a"]);
      expectSentence(ran, { kind: "unhealthy", code: "services_unhealthy", names: ["web of a", "127"], hint: "wt logs web -e a" });
      expect(ran.stderr).toContain("no-such-program");
      await world.ok(["delete", "a"]);
      await gone(world);
      expect(ledgerRows(world)).toMatchObject(onlyMain);
    },
    minute,
  );

  test(
    "whose directory does not exist says so",
    async () => {
      await using world = await hermeticWorld({
        files: { "wt.yaml": "services: { web: { run: sleep 100, directory: nowhere, port: none } }\n" },
      });
      const ran = await world.wt(["create", "a"]);
      expectSentence(ran, { kind: "unhealthy", code: "services_unhealthy", names: ["web of a", "nowhere"] });
      await world.ok(["delete", "a"]);
    },
    minute,
  );

  test(
    "that daemonises itself runs on, is seen, and is stopped",
    async () => {
      const yaml = "services: { web: { run: 'setsid node server.mjs & sleep 0.3', route: / } }\n";
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml, "server.mjs": server } });
      await world.ok(["create", "a"]);
      expect(await world.status("a")).toMatchObject({ status: "Healthy", services: [{ state: "Running", restarts: 0 }] });
      await Bun.sleep(500);
      expect(await world.status("a")).toMatchObject({ status: "Healthy", services: [{ state: "Running", restarts: 0 }] });
      expect(await (await world.fetch("a.localhost")).text()).toContain("web of a");
      await world.ok(["down", "a"]);
      await gone(world);
      await world.ok(["up", "a"]);
      await world.ok(["delete", "a"]);
      await gone(world);
    },
    minute,
  );

  test(
    "that ignores SIGTERM is killed after its grace",
    async () => {
      const yaml = `services: { web: { run: 'trap "" TERM INT; while :; do sleep 0.2; done', port: none, stop: { grace: 1s } } }\n`;
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml } });
      await world.ok(["create", "a"]);
      await world.ok(["down", "a"]);
      await gone(world);
      expect((await world.status("a")).services).toMatchObject([{ state: "Stopped", pid: null }]);
      await world.ok(["delete", "a"]);
    },
    minute,
  );

  test(
    "that multiplies into sessions of their own is stopped with every descendant",
    async () => {
      const run = `for i in $(seq 30); do setsid sh -c 'trap "" TERM; sleep 1000' & done; sleep 1000`;
      await using world = await hermeticWorld({
        files: { "wt.yaml": `services: { web: { run: ${JSON.stringify(run)}, port: none, stop: { grace: 1s } } }\n` },
      });
      await world.ok(["create", "a"]);
      await eventually(
        () => others(world),
        (pids) => pids.length >= 60,
      );
      expect((await others(world)).length).toBeGreaterThanOrEqual(60);
      await world.ok(["delete", "a"]);
      await gone(world);
      expect(ledgerRows(world)).toMatchObject(onlyMain);
    },
    minute,
  );
});

describe("operations that meet", () => {
  const slow = { "wt.yaml": "setup: ['touch ../started; sleep 2']\nservices: { idle: { run: exec sleep 1000, port: none } }\n" };
  const started = (world: HermeticWorld) =>
    eventually(
      () => existsSync(`${world.repository}.worktrees/started`),
      (there) => there,
    );

  test(
    "a delete waits for the create that is under way, and then nothing is left",
    async () => {
      await using world = await hermeticWorld({ files: slow });
      const creating = world.wt(["create", "a"]);
      await started(world);
      const deleted = await world.wt(["delete", "a"]);
      expect({ code: deleted.code, stderr: deleted.stderr }).toMatchObject({ code: 0 });
      const created = await creating;
      expect({ fine: created.code === 0 || created.code === 4, stderr: created.stderr }).toEqual({ fine: true, stderr: created.stderr });
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
      expect(ledgerRows(world)).toMatchObject(onlyMain);
      await gone(world);
    },
    minute,
  );

  test(
    "an up beside a delete, and a create beside a delete, end with all or nothing",
    async () => {
      const stubborn = `services: { web: { run: 'trap "" TERM; while :; do sleep 0.2; done', port: none, stop: { grace: 2s } } }\n`;
      await using world = await hermeticWorld({ files: { "wt.yaml": stubborn } });
      await world.ok(["create", "a"]);
      const deleting = world.wt(["delete", "a"]);
      await eventually(
        () => world.list(),
        ({ environments }) => environments.some(({ status }) => status === "Deleting"),
      );
      const [up, restart] = await Promise.all([world.wt(["up", "a"]), world.wt(["restart", "a"])]);
      for (const ran of [up, restart])
        expectSentence(ran, { kind: "not_found", code: "environment_unknown", names: ["a"], hint: "wt create a" });
      expect((await deleting).code).toBe(0);
      await gone(world);
      await world.ok(["create", "b"]);
      const [, again] = await Promise.all([world.wt(["delete", "b"]), Bun.sleep(100).then(() => world.wt(["create", "b", "--json"]))]);
      const { environments } = await world.list();
      if (again.code === 0) {
        expect(environments.map(({ slug, status }) => `${slug} ${status}`).sort()).toEqual(["b Healthy", "main Stopped"]);
        expect(existsSync(`${world.repository}.worktrees/b/wt.yaml`)).toBe(true);
      } else {
        expect({ code: again.code, slugs: environments.map(({ slug }) => slug) }).toEqual({ code: 4, slugs: ["main"] });
        expect(ledgerRows(world)).toMatchObject(onlyMain);
      }
    },
    minute,
  );
});
