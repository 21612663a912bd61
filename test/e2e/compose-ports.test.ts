// Ports of containers that others hold: the holder is named and lives on, what was promised stays promised, and nothing is left behind.
import { describe, expect, test } from "bun:test";
import { composeApp, composeWorld, projectName } from "../support/compose-app.ts";
import { docker, dockerReason, runLabels } from "../support/docker.ts";
import type { HermeticWorld } from "../support/hermetic-world.ts";
import { expectSentence } from "../support/refusal.ts";
import { freeBase, stranger } from "../support/stranger.ts";

const reason = dockerReason();
const minute = 60_000;
const ofA = new RegExp(`${projectName}-a`);
const bySlot = (base: number) => (image: string) => {
  const files = composeApp(image);
  return { ...files, "wt.yaml": `${files["wt.yaml"]?.replace("route: /", `route: /, port: ${base}, target: 8000`)}` };
};

async function portOf(world: HermeticWorld, name: string): Promise<number> {
  return (await world.status(name)).services.find((one) => one.name === "web")?.port ?? 0;
}

const direct = async (port: number) => (await fetch(`http://127.0.0.1:${port}/`)).text();

describe.skipIf(reason !== null)(`several ports of a container${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "each that the compose file publishes is one of its own on loopback; one that it has no more is given back",
    async () => {
      await using compose = await composeWorld((image) => {
        const files = composeApp(image);
        return {
          ...files,
          "compose.yaml": files["compose.yaml"]?.replace('"8000:8000"', '"8000:8000", "5678:5678", "5679:5679/udp"') ?? "",
        };
      });
      const { world } = compose;
      const published = (name: string) => docker("port", `${projectName}-${name}-web-1`).split("\n").sort();
      await world.ok(["create", "a"]);
      await world.ok(["create", "b"]);
      const [debug, own] = published("a");
      expect(debug).toMatch(/^5678\/tcp -> 127\.0\.0\.1:2\d{4}$/);
      expect(own).toBe(`8000/tcp -> 127.0.0.1:${await portOf(world, "a")}`);
      expect(published("a")).toHaveLength(2);
      expect(published("b").filter((line) => published("a").includes(line))).toEqual([]);
      await world.ok(["down", "a"]);
      await world.ok(["up", "a"]);
      expect(published("a")).toEqual([debug ?? "", own ?? ""]);

      const { path } = await world.status("a");
      await world.write({ "compose.yaml": (await Bun.file(`${path}/compose.yaml`).text()).replace(', "5678:5678"', "") }, path);
      await world.ok(["trust", "--yes", "a"]);
      await world.ok(["up", "a"]);
      expect(published("a")).toEqual([own ?? ""]);
    },
    3 * minute,
  );
});

describe.skipIf(reason !== null)(`ports of containers${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "by slot: base for main, then the next ones; one that a program holds is named, and used once that is gone",
    async () => {
      const base = await freeBase();
      await using compose = await composeWorld(bySlot(base));
      const { world } = compose;
      await world.ok(["up", "main"]);
      {
        await using held = await stranger(base + 1);
        const created = await world.wt(["create", "a"]);
        expectSentence(created, {
          kind: "unhealthy",
          code: "services_unhealthy",
          names: [`Port ${base + 1} of web is held by`, `pid ${held.pid}`],
        });
        expect(held.alive()).toBe(true);
        expect(compose.running()).not.toContain(`${projectName}-a-web-1`);
        expect(await direct(base)).toBe("web of main: hello\n");
        // A stranger's answer is never shown under the environment's URL.
        expect(await (await world.fetch("a.localhost")).json()).toMatchObject({ error: { code: "upstream_refused" } });
        const before = compose.things();
        await world.ok(["delete", "a", "--force"]);
        expect(compose.things()).toEqual(before.filter((thing) => !ofA.test(thing)));
        expect((await world.wt(["create", "a"])).code).toBe(8);
        expect(held.alive()).toBe(true);
      }
      await world.ok(["up", "a"]);
      expect(await portOf(world, "a")).toBe(base + 1);
      expect(await direct(base + 1)).toBe("web of a: hello\n");
      await world.ok(["create", "b"]);
      expect(await portOf(world, "b")).toBe(base + 2);
    },
    3 * minute,
  );

  test(
    "a container that is not ours is called one, and stays; the port of a shared service is looked at as well",
    async () => {
      const base = await freeBase();
      await using compose = await composeWorld(bySlot(base));
      const { world, image } = compose;
      const labels = Object.entries(runLabels()).flatMap(([key, value]) => ["--label", `${key}=${value}`]);
      const network = `wt-test-${crypto.randomUUID().slice(0, 8)}`;
      docker("network", "create", ...labels, network);
      const publish = ["--publish", `127.0.0.1:${base + 1}:80`];
      const theirs = docker("run", "--detach", "--init", "--network", network, ...labels, ...publish, image, "sleep", "1000");
      try {
        const created = await world.wt(["create", "a"]);
        expectSentence(created, {
          kind: "unhealthy",
          code: "services_unhealthy",
          names: [`Port ${base + 1} of web is held by a container`, `docker ps --filter publish=${base + 1}`],
        });
        expect(docker("inspect", "--format", "{{.State.Running}}", theirs)).toBe("true");
        expect(await world.ok(["doctor"]).catch(String)).toContain(`docker ps --filter publish=${base + 1}`);
      } finally {
        docker("rm", "--force", theirs);
        docker("network", "rm", network);
      }
      await world.ok(["up", "a"]);
      expect(await direct(base + 1)).toBe("web of a: hello\n");

      const [{ ports }] = JSON.parse(await world.ok(["shared", "--json"])).services;
      await world.ok(["shared", "down"]);
      {
        await using held = await stranger(ports[0].port);
        const up = await world.wt(["up", "a"]);
        expect(up.stderr).toContain(`Port ${ports[0].port} of db is held by`);
        expect(up.stderr).toContain(`pid ${held.pid}`);
        expect(held.alive()).toBe(true);
      }
      await world.ok(["up", "a"]);
      expect(await (await world.fetch("a.localhost", "/cgi-bin/db")).text()).toContain("the shared db");
    },
    3 * minute,
  );
});
