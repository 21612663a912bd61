// The daemon is killed with SIGKILL at the points of the journal where containers are made and removed; the next one leaks nothing.
import { describe, expect, test } from "bun:test";
import { type ComposeWorld, composeApp, composeWorld, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";
import { eventually, leftovers } from "../support/hermetic-world.ts";
import { commandOf } from "../support/world-processes.ts";

const reason = dockerReason();
const minute = 60_000;
const ofA = new RegExp(`${projectName}-a`);
const points = (steps: string[]) => steps.flatMap((step) => [`before:${step}`, `after:${step}`]);

async function armed({ world }: ComposeWorld, point: string): Promise<Record<string, string>> {
  await world.ok(["daemon", "stop"]);
  return { WT_TEST_FAULT: `kill@${point}` };
}

async function settled({ world }: ComposeWorld): Promise<void> {
  await world.ok(["list"]);
  const inFlight = async () => JSON.parse(await world.ok(["daemon", "status", "--json"])).daemon.operationsInFlight as number;
  expect(await eventually(inFlight, (count) => count === 0, 30_000)).toBe(0);
}

const made = ({ things }: ComposeWorld) => things().filter((thing) => ofA.test(thing));

describe.skipIf(reason !== null)(`SIGKILL while containers are made${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test.each(points(["stack", "start"]))(
    "create, %s",
    async (point) => {
      await using compose = await composeWorld();
      const { world } = compose;
      const died = await world.wt(["create", "a"], { env: await armed(compose, point) });
      expect(died.code).not.toBe(0);
      await settled(compose);
      if (point.endsWith(":start")) {
        expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main", "a"]);
      } else {
        expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
        expect(leftovers(world, "a")).toEqual([]);
        expect(made(compose)).toEqual([]);
      }
      await world.ok(["create", "a"]);
      await world.ok(["up", "a"]);
      expect(await (await world.fetch("a.localhost")).text()).toBe("web of a: hello\n");
    },
    3 * minute,
  );

  test(
    "create, while an image is built: the build ends too, and leaves none",
    async () => {
      await using compose = await composeWorld((image) => {
        const files = composeApp(image);
        const built = files["compose.yaml"]?.replace(
          `image: ${image}\n    init: true\n    container_name`,
          "build: .\n    init: true\n    container_name",
        );
        return { ...files, "compose.yaml": built ?? "", Dockerfile: `FROM ${image}\nRUN echo begun; sleep 5\nRUN echo whole > /built\n` };
      });
      const { world } = compose;
      const composing = () => world.processes().filter((pid) => /compose.*build/.test(commandOf(pid)));
      const creating = world.wt(["create", "a"]);
      await eventually(composing, (pids) => pids.length > 0);
      process.kill(await world.daemonPid(), "SIGKILL");
      expect((await creating).code).not.toBe(0);
      await settled(compose);
      expect(composing()).toEqual([]);
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
      expect(made(compose)).toEqual([]);
      expect(leftovers(world, "a")).toEqual([]);
    },
    3 * minute,
  );

  test(
    "create, while a command runs in a container",
    async () => {
      await using compose = await composeWorld((image) => {
        const files = composeApp(image);
        return { ...files, "wt.yaml": `${files["wt.yaml"]}setup:\n  - { run: "sleep 1000", service: web }\n` };
      });
      const { world } = compose;
      const creating = world.wt(["create", "a"]);
      await eventually(
        async () => compose.running(),
        (names) => names.some((name) => /setup-0/.test(name)),
        30_000,
      );
      process.kill(await world.daemonPid(), "SIGKILL");
      expect((await creating).code).not.toBe(0);
      await settled(compose);
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
      expect(made(compose)).toEqual([]);
      expect(leftovers(world, "a")).toEqual([]);
    },
    3 * minute,
  );

  test.each(points(["remove_stack"]))(
    "delete, %s",
    async (point) => {
      await using compose = await composeWorld();
      const { world } = compose;
      await world.ok(["create", "a"]);
      const died = await world.wt(["delete", "a", "--force"], { env: await armed(compose, point) });
      expect(died.code).not.toBe(0);
      await settled(compose);
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
      expect(made(compose)).toEqual([]);
      expect(leftovers(world, "a")).toEqual([]);
    },
    3 * minute,
  );
});

describe.skipIf(reason !== null)(`SIGKILL of an idle daemon${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "containers run on and are adopted; what died meanwhile is started again; logs lose nothing",
    async () => {
      await using compose = await composeWorld();
      const { world } = compose;
      await world.ok(["create", "a"]);
      const started = () => docker("inspect", "--format", "{{.State.StartedAt}}", `${projectName}-a-web-1`, `${projectName}-shared-db-1`);
      const before = started();
      process.kill(await world.daemonPid(), "SIGKILL");
      expect(await (await fetch(`http://127.0.0.1:${docker("port", `${projectName}-a-web-1`, "8000").split(":").at(-1)}/`)).text()).toBe(
        "web of a: hello\n",
      );
      docker("kill", `${projectName}-a-worker-1`);
      const after = await eventually(
        () => world.status("a"),
        ({ status, services }) => status === "Healthy" && services.some(({ name, state }) => name === "worker" && state === "Running"),
        30_000,
      );
      expect(after.status).toBe("Healthy");
      expect(started()).toBe(before);
      expect(JSON.parse(await world.ok(["shared", "--json"])).services).toMatchObject([{ name: "db", state: "Running" }]);
      expect((await world.ok(["logs", "worker", "-e", "a"])).match(/working for a/g)?.length).toBe(2);
      await world.ok(["delete", "a", "--force"]);
      expect(made(compose)).toEqual([]);
    },
    3 * minute,
  );
});
