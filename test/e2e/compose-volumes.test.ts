// What containers hold in volumes without a name (an image's `VOLUME`, `volumes: [/data]`), and containers that live in another's network.
import { describe, expect, test } from "bun:test";
import { composeWorld, lines, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";
import { eventually } from "../support/hermetic-world.ts";

const reason = dockerReason();
const minute = 60_000;
const wt = (compose: string) => `project: ${projectName}\nruntime: compose\ncompose: ${compose}\n`;
const sleeper = (image: string, more = "") => `{ image: ${image}, init: true, command: [sleep, "100000"]${more} }`;
const container = (name: string) => docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", `${projectName}-${name}-1`);
const inside = (name: string, script: string) => docker("exec", `${projectName}-${name}-1`, "sh", "-c", script);

describe.skipIf(reason !== null)(`volumes without a name${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "what a shared service holds there survives that its network is removed",
    async () => {
      await using compose = await composeWorld((image) => ({
        "wt.yaml": wt("{ shared: [db] }"),
        "compose.yaml": `services:\n  web: ${sleeper(image, ", depends_on: [db]")}\n  db: ${sleeper(image, ", volumes: [/data]")}\n`,
      }));
      const { world } = compose;
      await world.ok(["create", "a"]);
      inside("shared-db", "echo precious > /data/rows");
      await world.ok(["down", "a"]);
      await world.ok(["shared", "down"]);
      for (const name of ["a", "shared"]) docker("network", "rm", `${projectName}-${name}_default`);
      await world.ok(["up", "a"]);
      expect(inside("shared-db", "cat /data/rows")).toBe("precious");
      inside("a-web", "ping -c 1 -W 2 db");
    },
    3 * minute,
  );

  test(
    "what a service holds there is back when the service is, after a compose file that has none",
    async () => {
      const services = (image: string, db: string) => `services:\n  web: ${sleeper(image)}\n${db}`;
      const withData = (image: string) => services(image, `  db: ${sleeper(image, ", volumes: [/data]")}\n  plain: ${sleeper(image)}\n`);
      await using compose = await composeWorld((image) => ({ "wt.yaml": wt("{}"), "compose.yaml": withData(image) }));
      const { world, image } = compose;
      await world.ok(["up"]);
      inside("main-db", "echo precious > /data/rows");
      const change = async (text: string) => {
        await world.write({ "compose.yaml": text });
        await world.ok(["trust", "--yes"]);
        await world.ok(["restart"]);
      };
      await change(services(image, ""));
      expect(compose.running()).toEqual([`${projectName}-main-web-1`]);
      expect(compose.things().filter((thing) => /container/.test(thing))).toEqual([
        `container ${projectName}-main-db-1`,
        `container ${projectName}-main-web-1`,
      ]);
      await change(withData(image));
      expect(inside("main-db", "cat /data/rows")).toBe("precious");
    },
    3 * minute,
  );
});

describe.skipIf(reason !== null)(`volumes that an image wants${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "what a deleted environment held there comes back with it, also when a command of it runs first; for good it goes whole",
    async () => {
      await using compose = await composeWorld((image) => ({
        "wt.yaml": `${wt("{}")}setup:\n  - { run: "true", service: web, inputs: [page.txt] }\n`,
        "compose.yaml": `services:\n  web: ${sleeper(image, ", volumes: [/cache]")}\n  db: { build: ., init: true, command: [sleep, "100000"] }\n`,
        Dockerfile: `FROM ${image}\nVOLUME /data\n`,
        "page.txt": "first\n",
      }));
      const { world } = compose;
      const volumes = () => lines(docker("volume", "ls", "--quiet")).filter((name) => /^[0-9a-f]{64}$/.test(name));
      await world.ok(["daemon", "stop"]);
      await world.ok(["create", "a"], { env: { WT_UNDELETE_DAYS: "7" } });
      inside("a-db", "echo precious > /data/rows");
      const held = docker("inspect", "--format", "{{range .Mounts}}{{.Name}}{{end}}", `${projectName}-a-db-1`);
      const path = (await world.status("a")).path;
      await world.write({ "page.txt": "second\n" }, path);
      await world.ok(["delete", "a", "--force"]);
      const kept = [`container ${projectName}-a-db-1`, `image ${projectName}-a-db:latest`];
      expect(compose.things()).toEqual(kept);
      expect(compose.running()).toEqual([]);
      expect(await world.ok(["gc", "--dry-run"])).not.toContain(`${projectName}-a-db`);

      await world.ok(["undelete", "a"]);
      expect(inside("a-db", "cat /data/rows")).toBe("precious");
      expect(volumes()).toContain(held);
      await world.ok(["delete", "a", "--force"]);
      expect(compose.things()).toEqual(kept);
      await world.ok(["undelete", "a", "--purge"]);
      expect(compose.things()).toEqual([]);
      expect(volumes()).not.toContain(held);
    },
    3 * minute,
  );
});

describe.skipIf(reason !== null)(`a worktree that git removed${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "is no reason to remove what a database of it holds: that waits for a person",
    async () => {
      await using compose = await composeWorld((image) => ({
        "wt.yaml": wt("{}"),
        "compose.yaml": `services:
  web: ${sleeper(image, ", volumes: [media:/media]")}
  db: { build: ., init: true, command: [sleep, "100000"], volumes: [rows:/data] }
volumes: { media: {}, rows: {} }
`,
        Dockerfile: `FROM ${image}\nVOLUME /data\n`,
      }));
      const { world } = compose;
      await world.ok(["create", "a"]);
      const { path } = await world.status("a");
      await world.git(["worktree", "remove", "--force", path]);
      await eventually(
        () => compose.running(),
        (names) => names.length === 0,
      );
      const finding = () => world.wt(["doctor", "--fix"]);
      const told = await eventually(finding, ({ stdout }) => stdout.includes("holds in volumes"));
      expect(told.stdout).toContain("What a had is still leased, for what db holds in volumes would go with it.");
      expect(compose.things()).toContain(`volume ${projectName}-a_rows`);
      await world.ok(["delete", "a"]);
      expect(compose.things()).toEqual([]);
    },
    3 * minute,
  );
});

describe.skipIf(reason !== null)(`a container in another's network${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "is restarted alone, and made anew with the other",
    async () => {
      await using compose = await composeWorld((image) => ({
        "wt.yaml": wt("{}"),
        "compose.yaml": `services:\n  web: ${sleeper(image)}\n  side: ${sleeper(image, ', network_mode: "service:web"')}\n`,
      }));
      const { world } = compose;
      await world.ok(["up"]);
      const [web, side] = [container("main-web"), container("main-side")];
      await world.ok(["restart", "side"]);
      expect(container("main-web")).toBe(web);
      expect(container("main-side")).not.toBe(side);
      await world.write({ "compose.yaml": (await Bun.file(`${world.repository}/compose.yaml`).text()).replace("100000", "200000") });
      await world.ok(["trust", "--yes"]);
      await world.ok(["up"]);
      expect(container("main-web").split(" ")[0]).not.toBe(web.split(" ")[0] ?? "");
      expect(docker("inspect", "--format", "{{.HostConfig.NetworkMode}}", `${projectName}-main-side-1`)).toBe(
        `container:${container("main-web").split(" ")[0]}`,
      );
    },
    3 * minute,
  );
});
