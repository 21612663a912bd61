// What can be wrong with Docker or the compose file: a sentence each, and nothing left.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { type ComposeWorld, composeApp, composeWorld, projectName } from "../support/compose-app.ts";
import { dockerReason } from "../support/docker.ts";
import { hermeticWorld, leftovers, type Ran } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

const reason = dockerReason();
const minute = 60_000;
const ofA = new RegExp(`${projectName}-a`);
const changed = (from: string, to: string) => (image: string) => {
  const files = composeApp(image);
  return { ...files, "compose.yaml": files["compose.yaml"]?.replace(from, to) ?? "" };
};

async function refused(
  files: (image: string) => Record<string, string>,
  env: Record<string, string> = {},
): Promise<Ran & { left: string[] }> {
  await using compose: ComposeWorld = await composeWorld(files);
  const { world } = compose;
  await world.ok(["daemon", "stop"]);
  const ran = await world.wt(["create", "a"], { env });
  expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
  expect(leftovers(world, "a")).toEqual([]);
  return { ...ran, left: compose.things().filter((thing) => ofA.test(thing)) };
}

describe.skipIf(reason !== null)(`what keeps containers from being made${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test.each([
    {
      what: "no engine answers",
      files: composeApp,
      env: { DOCKER_HOST: "unix:///nowhere/docker.sock" },
      code: 7,
      says: "/nowhere/docker.sock",
    },
    {
      what: "an image that is nowhere",
      files: changed("image: wt-test", "image: wt-absent-test"),
      env: {},
      code: 7,
      says: "is not on this machine and cannot be fetched",
    },
    {
      what: "a build that fails",
      files: (image: string) => ({
        ...changed(`image: ${image}\n    init: true\n    container_name`, "build: .\n    init: true\n    container_name")(image),
        Dockerfile: `FROM ${image}\nRUN echo looking for the thing && false\n`,
      }),
      env: {},
      code: 7,
      says: "looking for the thing",
    },
    {
      what: "unsafe things, all of them at once, with what accepts them",
      files: changed(
        'volumes: [".:/app", "media:/media"]',
        'privileged: true\n    volumes: [".:/app", "/var/run/docker.sock:/var/run/docker.sock"]',
      ),
      env: {},
      code: 5,
      says: /allow: \["web\.volumes:\/var\/run\/docker\.sock", "web\.privileged"\]/,
    },
    {
      what: "a compose file that Compose does not accept",
      files: changed("restart: unless-stopped", "mem_limit: a lot"),
      env: {},
      code: 3,
      says: "compose",
    },
  ])(
    "$what",
    async ({ files, env, code, says }) => {
      const { stderr, left, ...ran } = await refused(files, env as Record<string, string>);
      expect(stderr).toMatch(says);
      expect(stderr).toMatch(/^wt: /m);
      expect(ran.code).toBe(code);
      expect(left).toEqual([]);
    },
    2 * minute,
  );

  test(
    "an interruption while a command runs in a container leaves nothing",
    async () => {
      await using compose = await composeWorld((image) => {
        const files = composeApp(image);
        return { ...files, "wt.yaml": `${files["wt.yaml"]}setup:\n  - { run: "echo begun; sleep 1000", service: web }\n` };
      });
      const { world } = compose;
      const abort = new AbortController();
      const creating = world.wt(["create", "a"], { abort: abort.signal });
      while (!compose.running().some((name) => /setup-0/.test(name))) await Bun.sleep(100);
      abort.abort();
      expect((await creating).code).toBe(130);
      expect(compose.things().filter((thing) => ofA.test(thing))).toEqual([]);
      expect(leftovers(world, "a")).toEqual([]);
    },
    2 * minute,
  );
});

test(
  "no image of a repository is built that nobody trusts, also without services",
  async () => {
    await using world = await hermeticWorld({ files: composeApp("scratch"), trust: false });
    const refused = await world.wt(["create", "a", "--no-up"], { env: { DOCKER_HOST: "unix:///nowhere/docker.sock" } });
    expect(refused.stderr).toContain("have not been trusted yet");
    expect(refused.code).toBe(6);
  },
  minute,
);

test(
  "a project of processes never asks Docker",
  async () => {
    await using world = await hermeticWorld({ files: smallApp });
    const marker = `${world.directory}/docker-was-called`;
    await world.write({ docker: `#!/bin/sh\necho "$@" >> ${marker}\nexit 1\n` }, `${world.directory}/bin`);
    await chmod(`${world.directory}/bin/docker`, 0o755);
    const env = { PATH: `${world.directory}/bin:${world.env.PATH}`, DOCKER_HOST: "unix:///nowhere/docker.sock" };
    await world.ok(["daemon", "stop"]);
    for (const args of [
      ["create", "a"],
      ["list"],
      ["status", "a"],
      ["run", "-e", "a", "--", "true"],
      ["up", "a"],
      ["down", "a"],
      ["gc"],
      ["doctor"],
    ]) {
      const ran = await world.wt(args, { env });
      expect(ran.stderr).not.toContain("ocker");
    }
    await world.ok(["delete", "a", "--force"], { env });
    expect(existsSync(marker)).toBe(false);
  },
  minute,
);
