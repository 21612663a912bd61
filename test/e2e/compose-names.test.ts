// Names on the engine that somebody else uses, or comes to use: nothing of theirs is taken over, written to or removed.
import { describe, expect, test } from "bun:test";
import { composeWorld, projectName } from "../support/compose-app.ts";
import { docker, dockerReason, runLabels } from "../support/docker.ts";

const reason = dockerReason();
const minute = 60_000;
const label = Object.entries(runLabels()).flatMap(([key, value]) => ["--label", `${key}=${value}`]);

const app = (image: string) => ({
  "wt.yaml": `project: ${projectName}\nruntime: compose\ncompose: {}\n`,
  "compose.yaml": `services:
  web: { image: ${image}, init: true, command: [sleep, "100000"], volumes: ["data:/data"] }
  db: { image: ${image}, init: true, command: [sleep, "100000"] }
volumes: { data: {} }
`,
});

/** As another world, or plain Compose, has it: a container of that project that runs. */
function stranger(image: string, project: string, service: string): { id: string; runs(): boolean } & Disposable {
  const labels = { project, service, oneoff: "False", "container-number": "1" };
  const own = Object.entries(labels).flatMap(([key, value]) => ["--label", `com.docker.compose.${key}=${value}`]);
  const id = docker("run", "-d", "--name", `${project}-${service}-1`, "--network", "none", ...label, ...own, image, "sleep", "1000");
  return {
    id,
    runs: () => docker("inspect", "--format", "{{.State.Running}}", id) === "true",
    [Symbol.dispose]: () => void docker("rm", "--force", id),
  };
}

describe.skipIf(reason !== null)(`names of containers that others use${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "what others make under names that were chosen already is not taken over; a volume of that name is not written to",
    async () => {
      await using compose = await composeWorld(app);
      const { world, image } = compose;
      await world.ok(["create", "a", "--no-up"]);
      {
        using theirs = stranger(image, `${projectName}-a`, "web");
        const refused = await world.wt(["up", "a"]);
        expect(refused.stderr).toContain(`The container ${projectName}-a-web-1 bears a name`);
        expect(refused.code).toBe(5);
        await world.ok(["down", "a"]);
        expect(theirs.runs()).toBe(true);
      }
      docker("volume", "create", ...label, `${projectName}-a_data`);
      try {
        expect((await world.wt(["up", "a"])).stderr).toContain(`The volume ${projectName}-a_data bears a name`);
        await world.ok(["delete", "a", "--force"]);
        expect(docker("volume", "inspect", "--format", "{{.Name}}", `${projectName}-a_data`)).toBe(`${projectName}-a_data`);
      } finally {
        docker("volume", "rm", `${projectName}-a_data`);
      }
      expect(compose.things()).toEqual([]);
    },
    3 * minute,
  );

  test(
    "a network that is gone is made again in another range when somebody else has its own by now",
    async () => {
      await using compose = await composeWorld(app);
      const { world } = compose;
      const range = (network: string) => docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Subnet}}", network);
      await world.ok(["create", "a"]);
      const first = range(`${projectName}-a_default`);
      await world.ok(["down", "a"]);
      await world.ok(["up", "a"]);
      expect(range(`${projectName}-a_default`)).toBe(first);
      await world.ok(["down", "a"]);
      docker("network", "rm", `${projectName}-a_default`);
      docker("network", "create", ...label, "--subnet", first, `${projectName}-stranger`);
      try {
        await world.ok(["up", "a"]);
        expect(range(`${projectName}-a_default`)).not.toBe(first);
        expect(docker("exec", `${projectName}-a-web-1`, "ping", "-c", "1", "-W", "2", "db")).toContain("1 packets received");
      } finally {
        docker("network", "rm", `${projectName}-stranger`);
      }
    },
    3 * minute,
  );

  test(
    "the shared services get a name that nobody uses, also where the environment has its own already",
    async () => {
      await using compose = await composeWorld(app);
      const { world, image } = compose;
      await world.ok(["up"]);
      using theirs = stranger(image, `${projectName}-shared`, "db");
      await world.write({ "wt.yaml": `project: ${projectName}\nruntime: compose\ncompose: { shared: [db] }\n` });
      await world.ok(["trust", "--yes"]);
      await world.ok(["up"]);
      const { composeProject, services } = JSON.parse(await world.ok(["shared", "--json"]));
      expect(composeProject).toMatch(new RegExp(`^${projectName}-shared-[0-9a-f]{6}$`));
      expect(services).toMatchObject([{ name: "db", state: "Running" }]);
      expect(theirs.runs()).toBe(true);
    },
    3 * minute,
  );
});
