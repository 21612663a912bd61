// Containers that somebody starts, restarts or stops beside wt: with docker, an editor, or `wt compose`.
import { describe, expect, test } from "bun:test";
import { composeWorld, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";
import { eventually } from "../support/hermetic-world.ts";

const reason = dockerReason();
const minute = 60_000;

const app = (image: string) => ({
  "wt.yaml": `project: ${projectName}\nruntime: compose\nservices: { web-app: { route: / } }\n`,
  "compose.yaml": `services:
  web_app:
    image: ${image}
    init: true
    command: [sh, -c, "echo here > /index.html; exec httpd -f -p 8000 -h /"]
    ports: ["8000:8000"]
    restart: always
`,
});

describe.skipIf(reason !== null)(`containers by hand${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "one that is restarted by hand is taken over as it runs; one that is started after `wt down` is up again, or down",
    async () => {
      await using compose = await composeWorld(app);
      const { world } = compose;
      const name = `${projectName}-a-web_app-1`;
      const started = () => docker("inspect", "--format", "{{.State.StartedAt}}", name);
      const page = async () => (await world.fetch("a.localhost")).text();
      const service = async () => (await world.status("a")).services[0];
      await world.ok(["create", "a"]);
      docker("restart", "--time", "1", name);
      const byHand = started();
      const again = await eventually(service, (one) => one?.restarts === 1 && one.state === "Running");
      expect(again).toMatchObject({ state: "Running", restarts: 1 });
      expect(started()).toBe(byHand);
      expect(await page()).toBe("here\n");
      expect(await world.ok(["logs", "web-app", "-e", "a"])).not.toContain("docker-proxy");

      await world.ok(["down", "a"]);
      expect(compose.running()).toEqual([]);
      docker("start", name);
      const third = started();
      await world.ok(["up", "a"]);
      expect(started()).toBe(third);
      expect(await page()).toBe("here\n");
      await world.ok(["down", "a"]);
      docker("start", name);
      await world.ok(["down", "a"]);
      expect(compose.running()).toEqual([]);
      await world.ok(["compose", "-e", "a", "--", "up", "--detach", "--force-recreate"]);
      expect(compose.running()).toEqual([name]);
      await world.ok(["up", "a"]);
      expect(await page()).toBe("here\n");
    },
    3 * minute,
  );
});
