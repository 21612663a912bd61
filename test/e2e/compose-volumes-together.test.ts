// Volumes that all environments use together, as they come and go: the same data for each, nobody's to take away, and named once nobody has them.
import { describe, expect, test } from "bun:test";
import { composeApp, composeWorld, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";

const reason = dockerReason();
const minute = 60_000;
const sharing = "shared: [db], shared_volumes: [media]";
const app = (image: string) => {
  const files = composeApp(image);
  return { ...files, "wt.yaml": files["wt.yaml"]?.replace("shared: [db]", sharing) ?? "" };
};

describe.skipIf(reason !== null)(`shared volumes${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "two environments have the same data; deleting one, or keeping one for undelete, leaves it; what no container has is named, and stays",
    async () => {
      await using compose = await composeWorld(app);
      const { world } = compose;
      const run = (name: string, script: string) => world.ok(["run", "-e", name, "--", "sh", "-c", script]);
      const volume = `${projectName}-shared_media`;
      await world.ok(["daemon", "stop"]);
      await world.ok(["create", "a"], { env: { WT_UNDELETE_DAYS: "7" } });
      await world.ok(["create", "b"]);
      await run("a", "echo of a > /media/note");
      await run("b", "echo of b >> /media/note");
      expect(await run("a", "cat /media/note")).toBe("of a\nof b\n");
      expect(compose.things().filter((thing) => thing.startsWith("volume"))).toEqual([
        `volume ${projectName}-shared_data`,
        `volume ${volume}`,
      ]);
      await world.ok(["delete", "a", "--force"]);
      expect(await run("b", "cat /media/note")).toBe("of a\nof b\n");
      await world.ok(["undelete", "a"]);
      expect(await run("a", "cat /media/note")).toBe("of a\nof b\n");
      expect(await world.ok(["gc", "--dry-run"])).not.toContain(volume);

      // One of its own from now on, which begins empty; the other one goes on with the shared one.
      const path = (await world.status("a")).path;
      await world.write({ "wt.yaml": (await Bun.file(`${path}/wt.yaml`).text()).replace(sharing, "shared: [db]") }, path);
      await world.ok(["trust", "--yes", "a"]);
      await world.ok(["up", "a"]);
      expect(await run("a", "ls /media")).toBe("");
      expect(await (await world.fetch("a.localhost")).text()).toBe("web of a: hello\n");
      await world.ok(["down", "b"]);
      expect(await world.ok(["gc", "--dry-run"])).not.toContain(volume);
      for (const name of ["a", "b"]) await world.ok(["delete", name, "--force", "--purge"]);
      const collected = await world.ok(["gc", "--yes"]);
      expect(collected).toContain(`not touched volume ${volume}: All environments share it, and no container has it any more.`);
      expect(collected).toContain(`docker volume rm ${volume}`);
      expect(collected).not.toContain(`${projectName}-shared_data`);

      // The next one finds what it holds; and nobody has to be asked where a person removes it.
      await world.ok(["create", "c"]);
      expect(await run("c", "cat /media/note")).toBe("of a\nof b\n");
      await world.ok(["delete", "c", "--force"]);
      docker("volume", "rm", volume);
      expect(await world.ok(["gc", "--yes"])).not.toContain(volume);
      await world.ok(["create", "d"]);
      expect(await run("d", "ls /media")).toBe("");
      expect((await world.wt(["shared", "down", "--volumes"])).code).toBe(5);
      await world.ok(["delete", "d", "--force"]);
      await world.ok(["shared", "down", "--volumes"]);
      expect(compose.things()).toEqual([]);
    },
    4 * minute,
  );
});
