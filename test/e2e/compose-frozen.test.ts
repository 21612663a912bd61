// An engine that hangs, as after a suspend or with a full disk: what is no container goes on, and nothing is believed to have ended.
import { describe, expect, test } from "bun:test";
import { composeWorld, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";
import { frozenEngine } from "../support/frozen-engine.ts";
import { eventually } from "../support/hermetic-world.ts";

const reason = dockerReason();
const minute = 60_000;

describe.skipIf(reason !== null)(`an engine that hangs${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "a new daemon is there all the same, processes run, and containers are taken over once it answers",
    async () => {
      await using compose = await composeWorld((image) => ({
        "wt.yaml": `project: ${projectName}\nruntime: compose\ncompose: { shared: [db] }\nservices: { here: { run: "exec sleep 100000", ready: none } }\n`,
        "compose.yaml": `services:
  web: { image: ${image}, init: true, command: [sleep, "100000"], depends_on: [db] }
  db: { image: ${image}, init: true, command: [sleep, "100000"] }
`,
      }));
      const { world } = compose;
      using engine = await frozenEngine(world.directory);
      const env = { DOCKER_HOST: engine.host };
      const states = async (name: string) => Object.fromEntries((await world.status(name)).services.map((one) => [one.name, one.state]));
      await world.ok(["daemon", "stop"]);
      await world.ok(["create", "a"], { env });
      await world.ok(["create", "b"], { env });
      expect(await states("a")).toEqual({ here: "Running", web: "Running" });
      const started = docker("inspect", "--format", "{{.State.StartedAt}}", `${projectName}-a-web-1`, `${projectName}-shared-db-1`);
      process.kill(await world.daemonPid(), "SIGKILL");
      engine.freeze();

      expect((await world.wt(["list"], { env })).code).toBe(0);
      expect((await states("a")).here).toBe("Running");
      await world.ok(["restart", "here", "-e", "b"]).catch((error: Error) => expect(error.message).toContain("does not answer"));
      const up = await world.wt(["up", "a"]);
      expect(up.stderr).toContain("takes connections and does not answer.");
      expect(up.code).toBe(7);

      engine.thaw();
      await eventually(
        () => world.wt(["up", "a"]),
        ({ code }) => code === 0,
      );
      const back = await eventually(
        () => states("a"),
        ({ web }) => web === "Running",
      );
      expect(back).toEqual({ here: "Running", web: "Running" });
      expect(
        await eventually(
          async () => JSON.parse(await world.ok(["shared", "--json"])).services[0].state,
          (state) => state === "Running",
        ),
      ).toBe("Running");
      expect(docker("inspect", "--format", "{{.State.StartedAt}}", `${projectName}-a-web-1`, `${projectName}-shared-db-1`)).toBe(started);
      for (const name of ["a", "b"]) await world.ok(["delete", name, "--force"]);
    },
    5 * minute,
  );
});
