// What a branch can change of what containers run, besides the compose file itself: variables and Dockerfiles.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { composeApp, composeWorld, projectName } from "../support/compose-app.ts";
import { dockerReason } from "../support/docker.ts";
import { hermeticWorld } from "../support/hermetic-world.ts";

const minute = 60_000;
const files = {
  "wt.yaml": `project: ${projectName}\nruntime: compose\ncopy: [.env.local]\n`,
  ".gitignore": ".env.local\n",
  ".env": "IMAGE=acme/web:1\nAPI_TOKEN=first-word\n",
  ".env.local": "MINE=1\n",
  "compose.yaml": "services: { web: { image: $IMAGE, command: serve $API_TOKEN, env_file: [{ path: .env.local, required: false }] } }\n",
};

test("a branch that changes a tracked .env is asked about again, by variable, and no secret is shown or kept", async () => {
  await using world = await hermeticWorld({ files });
  const trust = async (...args: string[]) => JSON.parse(await world.ok(["trust", ...args, "--show", "--json"])).trust;
  expect((await trust()).state).toBe("trusted");
  await world.git(["switch", "--quiet", "--create", "other"]);
  await world.write({ ".env": "IMAGE=evil/web:1\nAPI_TOKEN=second-word\n" });
  await world.commit("other image");
  await world.git(["switch", "--quiet", "main"]);

  const refused = await world.wt(["create", "other"]);
  expect(refused).toMatchObject({ code: 6, stderr: expect.stringContaining("variable .env#IMAGE, variable .env#API_TOKEN") });
  const shown = await world.ok(["trust", "other", "--show"]);
  expect(shown).toMatch(/~ variable \.env#IMAGE\n {4}evil\/web:1\n~ variable \.env#API_TOKEN\n {4}\(not shown; sha256 [0-9a-f]{64}\)/);
  await world.ok(["trust", "other", "--yes"]);
  expect((await trust("other")).state).toBe("trusted");

  // What git does not keep is the user's own, in each worktree.
  await world.write({ ".env.local": "MINE=2\n" });
  expect((await trust()).state).toBe("trusted");
  await world.write({ ".env": "IMAGE=acme/web:2\nAPI_TOKEN=first-word\n" });
  expect((await trust()).commands.filter(({ change }: { change: string }) => change === "changed")).toMatchObject([
    { source: "variable .env#IMAGE", text: "acme/web:2" },
    { source: "variable .env#API_TOKEN" },
  ]);
  const ledger = ["", "-wal"].map((end) => readFileSync(join(world.directory, `state/worldtree/ledger.sqlite${end}`), "latin1")).join("");
  expect([shown, ledger].filter((text) => /first-word|second-word/.test(text))).toEqual([]);
  await world.git(["rm", "--quiet", "--cached", ".env"]);
  expect((await trust()).commands.map(({ source }: { source: string }) => source)).toEqual([
    "variables that compose files take from your shell",
    "file compose.yaml",
  ]);
}, 60_000);

test("a .env that is a link of the repository can be approved by nobody", async () => {
  await using world = await hermeticWorld({ files: { ...files, ".env": "" } });
  await world.git(["switch", "--quiet", "--create", "linked"]);
  await world.git(["rm", "--quiet", ".env"]);
  await symlink("/proc/self/environ", join(world.repository, ".env"));
  await world.commit("link");
  await world.git(["switch", "--quiet", "main"]);
  const refused = await world.wt(["create", "linked"]);
  expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining(".env is a link of the repository") });
  expect((await world.wt(["trust", "linked", "--yes"])).code).toBe(3);
}, 60_000);

const reason = dockerReason();
describe.skipIf(reason !== null)(`what Compose makes of variables${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  const built = (image: string) => ({
    ...composeApp(image, {
      wt: `project: ${projectName}\nruntime: compose\n`,
      compose: `services:
  web:
    build: { context: ., dockerfile: "\${WHERE:-.}/Dockerfile" }
    init: true
    command: [sleep, "100000"]
`,
    }),
    Dockerfile: `FROM ${image}\n`,
    "deep/er/Dockerfile": `FROM ${image}\nRUN echo nobody was asked > /asked\n`,
  });

  test(
    "a Dockerfile that nobody was asked about is not built, whatever chose it",
    async () => {
      await using compose = await composeWorld(built);
      const { world } = compose;
      const refused = await world.wt(["create", "a"], { env: { WHERE: "deep/er" } });
      expect(refused.code).toBe(5);
      expect(refused.stderr).toContain("web is built by deep/er/Dockerfile, and nobody was asked");
      expect(refused.stderr).toContain('allow: ["web.build.dockerfile:deep/er/Dockerfile"]');
      expect(compose.things()).toEqual([]);
      await world.ok(["create", "a"]);
    },
    3 * minute,
  );
});
