// Databases of their own inside the shared server of a compose file, commands in containers, and what `wt undelete` brings back.
import { describe, expect, test } from "bun:test";
import { ensureComposeImages } from "../../scripts/compose-images.ts";
import { composeApp, composeWorld, lines, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";
import { eventually } from "../support/hermetic-world.ts";

const reason = dockerReason();
const minute = 60_000;
const ofA = new RegExp(`${projectName}-a`);

async function app(image: string): Promise<Record<string, string>> {
  const { POSTGRES_IMAGE } = await ensureComposeImages(console.error);
  return {
    ...composeApp(image),
    "wt.yaml": `project: ${projectName}
runtime: compose
compose: { shared: [db] }
setup:
  - { run: "cat page.txt > /media/seen && echo set up in $(pwd)", service: tool, inputs: [page.txt] }
resources:
  data: { type: postgres, service: db, migrate: 'psql "$DATABASE_URL" -c "create table thing (name text)"' }
`,
    "compose.yaml": `services:
  tool:
    image: ${POSTGRES_IMAGE}
    init: true
    entrypoint: [sh, -c, "echo up; exec sleep 100000"]
    working_dir: /app
    volumes: [".:/app", "media:/media"]
    environment: { DATABASE_URL: "postgres://shop:secret@db:5432/shop" }
    depends_on: { db: { condition: service_healthy } }
  db:
    image: ${POSTGRES_IMAGE}
    environment: { POSTGRES_USER: shop, POSTGRES_PASSWORD: secret }
    healthcheck: { test: [CMD, pg_isready, -h, 127.0.0.1, -U, shop], interval: 1s, retries: 60 }
    volumes: ["data:/var/lib/postgresql/data"]
volumes: { data: {}, media: {} }
`,
    "deep/er/file.txt": "x\n",
  };
}

describe.skipIf(reason !== null)(`databases in a shared service${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "each environment has its own, migrated in a container; undelete brings it back, and the volumes; what is kept is not removed with the server",
    async () => {
      const files = await app("wt-unused");
      await using compose = await composeWorld(() => files);
      const { world } = compose;
      const run = (name: string, ...command: string[]) => world.wt(["run", "-e", name, "--", ...command]);
      const sql = async (name: string, text: string) => {
        const { stdout, stderr, code } = await run(name, "sh", "-c", `psql "$DATABASE_URL" -qAt -c "${text}"`);
        expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
        return stdout.trim();
      };
      const address = async (name: string) =>
        (await world.ok(["run", "--host", "-e", name, "--", "sh", "-c", 'echo "$DATABASE_URL"'])).trim();
      const names = (query: string) =>
        lines(docker("exec", `${projectName}-shared-db-1`, "psql", "-U", "shop", "-d", "shop", "-Atc", query))
          .filter((name) => /^wt_/.test(name))
          .sort();
      const databases = () => names("select datname from pg_database");
      const logins = () => names("select rolname from pg_roles where rolcanlogin");
      const env = { WT_UNDELETE_DAYS: "7" };
      await world.ok(["daemon", "stop"]);
      const created = await world.wt(["create", "a"], { env });
      expect(created.stderr).toContain("set up in /app");
      expect(created.code).toBe(0);
      await world.ok(["create", "b"]);
      expect(databases()).toEqual([`wt_${projectName}_a_data`, `wt_${projectName}_b_data`]);
      await sql("a", "insert into thing values ('of a')");
      expect(await sql("a", "select name from thing")).toBe("of a");
      expect(await sql("b", "select count(*) from thing")).toBe("0");
      expect((await run("a", "cat", "/media/seen")).stdout).toBe("first\n");
      const path = (await world.status("a")).path;
      expect((await world.wt(["run", "--", "pwd"], { cwd: `${path}/deep/er` })).stdout).toBe("/app/deep/er\n");
      expect((await run("a", "sh", "-c", "exit 7")).code).toBe(7);
      expect(await address("a")).toMatch(
        new RegExp(`^postgres://wt_${projectName}_a_data:[^@]+@127\\.0\\.0\\.1:\\d+/wt_${projectName}_a_data$`),
      );
      // One-off containers are gone with their commands.
      expect(compose.things().filter((thing) => /setup|resource/.test(thing))).toEqual([]);

      const url = await address("a");
      await world.ok(["shared", "down"]);
      await world.ok(["delete", "a", "--force"]);
      // The image of the tool wants a volume for which the file has no name, so its container keeps it.
      expect(compose.things().filter((thing) => ofA.test(thing))).toEqual([
        `container ${projectName}-a-tool-1`,
        `volume ${projectName}-a_media`,
      ]);
      // It waits where it was, and nobody gets in.
      expect(databases()).toEqual([`wt_${projectName}_a_data`, `wt_${projectName}_b_data`]);
      expect(logins()).toEqual([`wt_${projectName}_b_data`]);
      expect(await world.ok(["undelete", "a"])).toContain("Healthy");
      expect(await sql("a", "select name from thing")).toBe("of a");
      expect(await address("a")).toBe(url);
      expect((await run("a", "cat", "/media/seen")).stdout).toBe("first\n");

      await world.ok(["delete", "a", "--force", "--purge"]);
      expect(compose.things().filter((thing) => ofA.test(thing))).toEqual([]);
      expect(databases()).toEqual([`wt_${projectName}_b_data`]);

      const volumesDown = () => world.wt(["shared", "down", "--volumes"]);
      expect((await volumesDown()).stderr).toContain("The shared services hold what these environments have made there: b.");
      await world.ok(["delete", "b", "--force"]);
      const refused = await volumesDown();
      expect(refused.code).toBe(5);
      expect(refused.stderr).toContain("The shared services hold databases of deleted environments that can be brought back: b.");
      const [, id = ""] = /wt undelete (\S+) --purge/.exec(refused.stderr) ?? [];
      expect(databases()).toEqual([`wt_${projectName}_b_data`]);

      // The main worktree's files have it no more: what others have in it is there all the same.
      const text = { "wt.yaml": `project: ${projectName}\nruntime: compose\ncompose: {}\n`, "compose.yaml": `services: {}\n` };
      await world.write(text);
      await world.ok(["trust", "--yes"]);
      await world.ok(["shared", "down"]);
      await world.ok(["shared", "up"]);
      expect((await volumesDown()).stderr).toContain("databases of deleted environments that can be brought back: b.");
      await world.ok(["undelete", id, "--purge"]);
      expect(JSON.parse(await world.ok(["shared", "--json"])).services).toMatchObject([{ name: "db", state: "Stopped" }]);
      docker("start", `${projectName}-shared-db-1`);
      const asked = ["docker", "exec", `${projectName}-shared-db-1`, "pg_isready", "-U", "shop"];
      await eventually(
        () => Bun.spawnSync(asked).exitCode,
        (code) => code === 0,
      );
      expect(databases()).toEqual([]);
      expect((await volumesDown()).code).toBe(0);
    },
    5 * minute,
  );
});
