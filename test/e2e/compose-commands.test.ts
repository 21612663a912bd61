// The commands around containers: run, explain, compose, shared, env, doctor and gc.
import { describe, expect, test } from "bun:test";
import { labels } from "../../src/runtime/compose/labels.ts";
import { composeWorld, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";
import { eventually } from "../support/hermetic-world.ts";

const reason = dockerReason();
const minute = 60_000;

describe.skipIf(reason !== null)(`commands around containers${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "wt run has the command's code, ends it when it is interrupted; Compose by hand means the same containers",
    async () => {
      await using compose = await composeWorld();
      const { world } = compose;
      const explained = JSON.parse(await world.ok(["explain", "--json"]));
      expect(explained).toMatchObject({
        environment: "main",
        own: { services: ["web", "prepare", "worker"], refusals: [] },
        shared: { services: ["db"] },
      });
      expect(explained.own.rewrites).toContainEqual(
        expect.objectContaining({ service: "web", key: "container_name", from: "shop-web", to: null }),
      );
      expect(compose.things()).toEqual([]);
      await world.ok(["create", "a"]);
      expect((await world.wt(["run", "-e", "a", "--service", "worker", "--", "sh", "-c", 'echo "$WT_SERVICE"; exit 5'])).stdout).toBe(
        "worker\n",
      );
      expect((await world.wt(["run", "-e", "a", "--", "sh", "-c", "exit 5"])).code).toBe(5);
      const abort = new AbortController();
      const running = world.wt(["run", "-e", "a", "--", "sh", "-c", "sleep 4711 & exec sleep 4712"], { abort: abort.signal });
      const sleeping = () => docker("top", `${projectName}-a-web-1`).match(/sleep 471\d/g)?.length ?? 0;
      expect(await eventually(sleeping, (count) => count === 2, 15_000)).toBe(2);
      abort.abort();
      expect((await running).code).toBe(130);
      expect(sleeping()).toBe(0);

      expect(await world.ok(["compose", "-e", "a", "--", "ps", "--services"])).toContain("web\n");
      const env = Object.fromEntries((await world.ok(["env", "a"])).split("\n").map((line) => line.split("=") as [string, string]));
      expect(env.COMPOSE_PROJECT_NAME).toBe(`${projectName}-a`);
      const path = (await world.status("a")).path;
      expect(env.COMPOSE_FILE).toBe(`${path}/compose.yaml`);
      await world.ok(["down", "a"]);
      const stopped = await world.wt(["run", "-e", "a", "--", "true"]);
      expect(stopped.stderr).toContain("web of a is Stopped, and commands run in its container.");
      expect(stopped.code).toBe(8);

      // Approved is not accepted: Compose by hand gets no model either that says such a thing.
      const written = await Bun.file(`${path}/compose.yaml`).text();
      await world.write({ "compose.yaml": written.replace("container_name: shop-web", "privileged: true") }, path);
      expect((await world.wt(["compose", "-e", "a", "--", "ps"])).code).toBe(6);
      await world.ok(["trust", "a", "--yes"]);
      expect(await world.wt(["compose", "-e", "a", "--", "up"])).toMatchObject({
        code: 5,
        stderr: expect.stringContaining("web is privileged"),
      });
    },
    3 * minute,
  );

  test(
    "shared services stop, start and go; what no row stands for is found and collected, and only that",
    async () => {
      await using compose = await composeWorld();
      const { world } = compose;
      await world.ok(["create", "a"]);
      const shared = async () => JSON.parse(await world.ok(["shared", "--json"])).services as { name: string; state: string }[];
      expect(await shared()).toMatchObject([{ name: "db", state: "Running", ports: [{ target: 5432 }] }]);
      expect((await world.wt(["shared", "down", "--volumes"])).stderr).toContain(
        "The shared services hold what these environments have made there: a.",
      );
      await world.ok(["shared", "down"]);
      expect(await shared()).toMatchObject([{ name: "db", state: "Stopped" }]);
      await world.ok(["up", "a"]);
      expect(await (await world.fetch("a.localhost", "/cgi-bin/db")).text()).toBe("the shared db\n");

      const state = `${world.directory}/state/worldtree`;
      const orphan = `wt-test-orphan-${crypto.randomUUID().slice(0, 8)}`;
      const known = docker("inspect", "--format", `{{index .Config.Labels "${labels.nonce}"}}`, `${projectName}-a-web-1`);
      const mark = ["--label", `${labels.state}=${state}`, "--label", `${labels.environment}=0123456789abcdef`];
      docker("volume", "create", ...mark, "--label", `${labels.nonce}=${known.slice(0, 12)}${"0".repeat(20)}`, orphan);
      // Made by another machine that has the same paths, on an engine that both use.
      docker("volume", "create", ...mark, "--label", `${labels.nonce}=${"0".repeat(32)}`, `${orphan}-theirs`);
      const before = compose.things();
      expect(await world.ok(["doctor"])).toContain(`Containers ${orphan} is left.`);
      expect(await world.ok(["gc", "--dry-run"])).toContain(`would remove containers ${orphan}`);
      expect(compose.things()).toEqual(before);
      expect(await world.ok(["gc", "--yes"])).toContain("This ledger never made their environment");
      await world.ok(["doctor", "--fix"]);
      expect(compose.things()).toEqual(before.filter((thing) => thing !== `volume ${orphan}`));

      await world.ok(["daemon", "stop"]);
      const env = { DOCKER_HOST: "unix:///nowhere/docker.sock" };
      const looked = await world.wt(["doctor"], { env });
      expect(looked.stdout).toContain("✗ No Docker engine answers at /nowhere/docker.sock.");
      expect((await world.wt(["gc", "--dry-run"])).code).toBe(0);
      await world.ok(["daemon", "stop"]);

      await world.ok(["delete", "a", "--force"]);
      await world.ok(["shared", "up"]);
      // What was made goes also when the files have nothing of it any more, or cannot be read.
      await world.write({ "wt.yaml": "runtime: [" });
      await world.ok(["shared", "down"]);
      expect(await shared()).toMatchObject([{ name: "db", state: "Stopped" }]);
      await world.ok(["shared", "down", "--volumes"]);
      expect((await world.wt(["shared", "down"])).code).toBe(3);
      await world.write({ "wt.yaml": `project: ${projectName}\nruntime: compose\n` });
      await world.ok(["trust", "--yes"]);
      expect(JSON.parse(await world.ok(["shared", "up", "--json"]))).toMatchObject({ composeProject: null, services: [] });
      expect(compose.things()).toEqual([`volume ${orphan}-theirs`]);
    },
    3 * minute,
  );
});
