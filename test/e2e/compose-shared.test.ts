// Services that run once, of other kinds than one that serves: jobs, and those that wait for another.
import { describe, expect, test } from "bun:test";
import { composeWorld, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";
import { eventually } from "../support/hermetic-world.ts";

const reason = dockerReason();
const minute = 60_000;

const app = (image: string) => ({
  "wt.yaml": `project: ${projectName}\nruntime: compose\ncompose: { shared: [buckets, seed, store] }\n`,
  "compose.yaml": `services:
  web:
    image: ${image}
    init: true
    command: [sleep, "100000"]
    depends_on: { seed: { condition: service_completed_successfully } }
  store:
    image: ${image}
    init: true
    command: [sh, -c, "sleep 2; mkdir /made; echo here > /made/index.html; exec httpd -f -p 9000 -h /made"]
    expose: ["9000"]
    stop_grace_period: 1s
  seed:
    image: ${image}
    command: [sh, -c, "wget -qO- http://store:9000/"]
    depends_on: [store]
  buckets:
    image: ${image}
    command: [sh, -c, "wget -qO- http://store:9000/"]
    depends_on: { store: { condition: service_started } }
`,
});

describe.skipIf(reason !== null)(`volumes that all use${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "go with the shared services also when the main worktree has containers with them; not while it runs",
    async () => {
      const sleeper = (image: string) => `{ image: ${image}, init: true, command: [sleep, "100000"], volumes: [cache:/cache, own:/own] }`;
      await using compose = await composeWorld((image) => ({
        "wt.yaml": `project: ${projectName}\nruntime: compose\ncompose: { shared: [db], shared_volumes: [cache] }\n`,
        "compose.yaml": `services:\n  web: ${sleeper(image)}\n  db: ${sleeper(image)}\nvolumes: { cache: {}, own: {} }\n`,
      }));
      const { world } = compose;
      await world.ok(["up"]);
      docker("exec", `${projectName}-main-web-1`, "touch", "/own/kept", "/cache/gone");
      const before = compose.things();
      const refused = await world.wt(["shared", "down", "--volumes"]);
      expect(refused.stderr).toContain("main runs, and uses the shared services.");
      expect(refused.code).toBe(5);
      expect(compose.things()).toEqual(before);
      await world.ok(["down"]);
      await world.ok(["shared", "down", "--volumes"]);
      expect(compose.things()).toEqual([`network ${projectName}-main_default`, `volume ${projectName}-main_own`]);
      await world.ok(["up"]);
      expect(docker("exec", `${projectName}-main-web-1`, "sh", "-c", "ls /own /cache")).toBe("/cache:\n\n/own:\nkept");
    },
    3 * minute,
  );
});

describe.skipIf(reason !== null)(`a shared service that ends${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "is started again, by wt and nobody else; one that cannot stay is named, and down is down",
    async () => {
      await using compose = await composeWorld((image) => ({
        "wt.yaml": `project: ${projectName}\nruntime: compose\ncompose: { shared: [db] }\n`,
        "compose.yaml": `services:
  web: { image: ${image}, init: true, command: [sleep, "100000"] }
  db:
    image: ${image}
    init: true
    command: [sh, -c, "test ! -e /bad || exit 3; exec httpd -f -p 5432 -h /etc"]
    restart: always
    expose: ["5432"]
`,
      }));
      const { world } = compose;
      const db = `${projectName}-shared-db-1`;
      const shared = async () =>
        JSON.parse(await world.ok(["shared", "--json"])).services[0] as { state: string; reason: string; restarts: number };
      await world.ok(["create", "a"]);
      docker("exec", db, "kill", "-9", "-1");
      const again = await eventually(shared, ({ state, restarts }) => state === "Running" && restarts > 0);
      expect(again).toMatchObject({ state: "Running", restarts: 1 });
      docker("exec", db, "touch", "/bad");
      docker("exec", db, "kill", "-9", "-1");
      expect(await eventually(shared, ({ state }) => state === "CrashLoopBackOff")).toMatchObject({
        state: "CrashLoopBackOff",
        reason: "It exited with code 3 before it was ready.",
      });
      await world.ok(["shared", "down"]);
      docker("start", db);
      await world.ok(["shared", "down"]);
      expect(docker("inspect", "--format", "{{.State.Running}}", db)).toBe("false");
    },
    3 * minute,
  );
});

describe.skipIf(reason !== null)(`shared services${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "a job that came to its end is fine; what depends on another starts once that is ready; what the file has no more goes",
    async () => {
      await using compose = await composeWorld(app);
      const { world } = compose;
      const shared = async (...args: string[]) => {
        const { services } = JSON.parse(await world.ok(["shared", ...args, "--json"])) as { services: { name: string; state: string }[] };
        return services.map(({ name, state }) => `${name} ${state}`).sort();
      };
      await world.ok(["create", "a"]);
      expect(await shared()).toEqual(["buckets Completed", "seed Completed", "store Running"]);
      for (const job of ["buckets", "seed"])
        expect(docker("inspect", "--format", "{{.State.ExitCode}}", `${projectName}-shared-${job}-1`)).toBe("0");
      await world.ok(["up", "a"]);
      expect(await shared()).toEqual(["buckets Completed", "seed Completed", "store Running"]);

      const text = await Bun.file(`${world.repository}/wt.yaml`).text();
      await world.write({ "wt.yaml": text.replace("buckets, seed, ", "") });
      await world.ok(["trust", "--yes"]);
      await world.ok(["shared", "up"]);
      expect(await shared()).toEqual(["store Running"]);
      expect(compose.things().filter((thing) => /container.*shared/.test(thing))).toEqual([`container ${projectName}-shared-store-1`]);
    },
    3 * minute,
  );
});
