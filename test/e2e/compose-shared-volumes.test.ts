// Volumes that all environments use together.
import { describe, expect, test } from "bun:test";
import { composeWorld, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";

const reason = dockerReason();

const files = (image: string) => ({
  "wt.yaml": `project: ${projectName}\nruntime: compose\ncompose: { shared: [db], shared_volumes: [cache, common] }\n`,
  "compose.yaml": `services:
  web: { image: "${image}", init: true, command: [sleep, "100000"], volumes: ["cache:/cache", "common:/common"] }
  db: { image: "${image}", init: true, command: [sleep, "100000"], volumes: ["common:/common"] }
volumes:
  cache: { driver_opts: { type: tmpfs, device: tmpfs, o: size=1m } }
  common: { driver_opts: { type: tmpfs, device: tmpfs, o: size=2m } }
`,
});

describe.skipIf(reason !== null)(`volumes of all environments${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test("are made once with the options of the compose file, whether a shared service mounts them or not, and stay", async () => {
    await using compose = await composeWorld(files);
    const { world } = compose;
    const options = (key: string) =>
      JSON.parse(docker("volume", "inspect", "--format", "{{json .Options}}", `${projectName}-shared_${key}`)) as unknown;
    await world.ok(["create", "a"]);
    await world.ok(["create", "b"]);
    expect(options("cache")).toEqual({ type: "tmpfs", device: "tmpfs", o: "size=1m" });
    expect(options("common")).toEqual({ type: "tmpfs", device: "tmpfs", o: "size=2m" });
    docker("exec", `${projectName}-a-web-1`, "touch", "/common/of-a");
    expect(docker("exec", `${projectName}-b-web-1`, "ls", "/common")).toBe("of-a");
    await world.ok(["delete", "a", "--purge"]);
    expect(compose.things().filter((thing) => thing.startsWith("volume "))).toEqual([
      `volume ${projectName}-shared_cache`,
      `volume ${projectName}-shared_common`,
    ]);
  }, 180_000);
});
