// The engine's disk is full: while an image is built, while containers are made, while they start. A sentence each; what runs goes on, and nothing half-made stays.
import { describe, expect, test } from "bun:test";
import { type ComposeWorld, composeApp, composeWorld, projectName } from "../support/compose-app.ts";
import { dockerReason } from "../support/docker.ts";
import { leftovers } from "../support/hermetic-world.ts";
import { noOwnEngine, ownEngine } from "../support/own-engine.ts";
import { expectSentence } from "../support/refusal.ts";

const reason = dockerReason() ?? noOwnEngine();
const minute = 60_000;
const megabytes = 64;
const ofA = new RegExp(`${projectName}-a`);
const full = "no space is left on the engine's disk";

const builds = (count: number) => (image: string) => {
  const files = composeApp(image);
  const built = files["compose.yaml"]?.replace(
    `image: ${image}\n    init: true\n    container_name`,
    "build: .\n    init: true\n    container_name",
  );
  return { ...files, Dockerfile: `FROM ${image}\nRUN dd if=/dev/zero of=/big bs=1M count=${count}\n`, "compose.yaml": built ?? "" };
};

async function createFails(compose: ComposeWorld, sentence: string | RegExp): Promise<void> {
  const { world } = compose;
  const before = compose.things();
  const created = await world.wt(["create", "a"]);
  expectSentence(created, { kind: "machine", code: "disk_full", names: [sentence, full], hint: "docker system df" });
  expect(created.code).toBe(7);
  expect((await world.list()).environments.map(({ slug }) => slug)).not.toContain("a");
  expect(leftovers(world, "a")).toEqual([]);
  expect(compose.things().filter((thing) => ofA.test(thing))).toEqual([]);
  expect(before.filter((thing) => !compose.things().includes(thing))).toEqual([]);
}

describe.skipIf(reason !== null)(`a full disk of the engine${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "while an image is built: its last lines, and no part of it is left",
    async () => {
      await using engine = await ownEngine({ megabytes });
      await using compose = await composeWorld(builds(100), engine.endpoint);
      const { world } = compose;
      await createFails(compose, "The image of web cannot be built");
      expect(engine.docker("images", "--quiet", "--all").split("\n").length).toBe(1);
      // A build that fits, and then not even room for its beginning.
      await world.write({ Dockerfile: (await Bun.file(`${world.repository}/Dockerfile`).text()).replace("count=100", "count=1") });
      await world.commit("build less");
      await world.ok(["trust", "--yes"]);
      await world.ok(["create", "b"]);
      engine.fill();
      await createFails(compose, "The image of web cannot be built");
      expect(await (await world.fetch("b.localhost")).text()).toBe("web of b: hello\n");
      engine.empty();
      await world.ok(["create", "a"]);
      expect(await (await world.fetch("a.localhost")).text()).toBe("web of a: hello\n");
    },
    3 * minute,
  );

  test(
    "while containers are made or started: what runs goes on, stops and goes; with space again all of it comes up",
    async () => {
      await using engine = await ownEngine({ megabytes });
      await using compose = await composeWorld(composeApp, engine.endpoint);
      const { world } = compose;
      await world.ok(["create", "b"]);
      await world.ok(["create", "c"]);
      engine.fill();
      await createFails(compose, /The containers of .* cannot be (?:made|created)/);
      expect(await (await world.fetch("b.localhost")).text()).toBe("web of b: hello\n");
      await world.ok(["down", "b"]);
      engine.fill();
      const up = await world.wt(["up", "b"]);
      expectSentence(up, { kind: "unhealthy", code: "services_unhealthy", names: [/Service \w+ cannot start: /, full] });
      expect((await world.status("b")).status).toBe("Degraded");
      await world.ok(["delete", "c", "--force"]);
      expect(compose.things().filter((thing) => thing.includes(`${projectName}-c`))).toEqual([]);
      engine.empty();
      await world.ok(["up", "b"]);
      expect(await (await world.fetch("b.localhost")).text()).toBe("web of b: hello\n");
      await world.ok(["create", "a"]);
      expect((await world.status("a")).status).toBe("Healthy");
    },
    3 * minute,
  );
});
