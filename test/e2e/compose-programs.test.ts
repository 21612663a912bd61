// Docker's programs as they are found on machines: too old, without Compose, not there. One sentence each, before anything is made.
import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { composeWorld, projectName } from "../support/compose-app.ts";
import { dockerReason } from "../support/docker.ts";
import { type HermeticWorld, leftovers } from "../support/hermetic-world.ts";
import { expectSentence } from "../support/refusal.ts";

const reason = dockerReason();
const minute = 60_000;

/** What a machine has that has none of Docker's programs, and these scripts; gives the PATH. */
async function pathWith(world: HermeticWorld, name: string, scripts: Record<string, string>): Promise<string> {
  const directory = join(world.directory, name.replaceAll(" ", "-"));
  mkdirSync(directory);
  for (const program of ["git", "sh"]) symlinkSync(Bun.which(program) ?? "", join(directory, program));
  await world.write(scripts, directory);
  for (const script of readdirSync(directory)) if (scripts[script] !== undefined) chmodSync(join(directory, script), 0o755);
  return directory;
}

/** `docker` with a plugin of this version, as its `version --short` is printed. */
const plugin = (version: string) => `#!/bin/sh
[ "$1 $2 $3" = "compose version --short" ] && echo ${version} && exit 0
echo "docker $*" >&2
exit 1
`;
const noPlugin = `#!/bin/sh
[ "$1" = compose ] && echo "docker: 'compose' is not a docker command." >&2
exit 1
`;
/** The first Compose: a program of its own. */
const first = "#!/bin/sh\necho 1.29.2\n";

const machines: { has: string; scripts: Record<string, string>; code: string; says: string }[] = [
  { has: "2.0", scripts: { docker: plugin("2.0.1") }, code: "compose_old", says: "Compose 2.0.1 is too old; wt needs 2.20 or newer." },
  { has: "2.19", scripts: { docker: plugin("v2.19.1") }, code: "compose_old", says: "Docker Compose 2.19.1 is too old" },
  { has: "the first", scripts: { docker: noPlugin, "docker-compose": first }, code: "compose_old", says: "Compose 1.29.2 is too old" },
  { has: "no Compose", scripts: { docker: noPlugin }, code: "compose_missing", says: "Docker is here, but its Compose plugin is not." },
  { has: "no Docker", scripts: {}, code: "docker_missing", says: "Docker is not installed: there is no `docker` on the PATH." },
];

describe.skipIf(reason !== null)(`programs of Docker${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "too old or missing: one sentence, and nothing is left; what runs goes on, and stops and goes without them",
    async () => {
      await using compose = await composeWorld();
      const { world } = compose;
      await world.ok(["create", "b"]);
      const before = compose.things();
      let env = {};
      for (const { has, scripts, code, says } of machines) {
        await world.ok(["daemon", "stop"]);
        env = { PATH: await pathWith(world, has, scripts) };
        const created = await world.wt(["create", "a"], { env });
        expectSentence(created, { kind: "machine", code, names: [says], hint: "https://docs.docker.com/" });
        expect((await world.list()).environments.map(({ slug, status }) => `${slug} ${status}`).sort()).toEqual([
          "b Healthy",
          "main Stopped",
        ]);
        expect(leftovers(world, "a")).toEqual([]);
        expect(compose.things()).toEqual(before);
        expect((await world.wt(["doctor"], { env })).stdout).toContain(says);
        expect(await (await world.fetch("b.localhost")).text()).toBe("web of b: hello\n");
      }
      // The engine is asked directly.
      await world.ok(["down", "b"], { env });
      await world.ok(["delete", "b", "--force"], { env });
      expect(compose.things().filter((thing) => thing.includes(`${projectName}-b`))).toEqual([]);
    },
    2 * minute,
  );

  test(
    "Compose as a program of its own does as well, also by hand; a command in a container says what it needs",
    async () => {
      await using compose = await composeWorld();
      const { world } = compose;
      await world.ok(["daemon", "stop"]);
      const real = `#!/bin/sh\nexec ${Bun.which("docker")} compose "$@"\n`;
      const env = { PATH: await pathWith(world, "alone", { "docker-compose": real }) };
      await world.ok(["create", "a"], { env });
      expect(await (await world.fetch("a.localhost")).text()).toBe("web of a: hello\n");
      expect(await world.ok(["compose", "-e", "a", "--", "ps", "--services"], { env })).toContain("web\n");
      const ran = await world.wt(["run", "-e", "a", "--", "true"], { env });
      expectSentence(ran, { kind: "machine", code: "docker_missing", names: ["there is no `docker` on the PATH"], hint: "wt run --host" });
    },
    2 * minute,
  );
});
