import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import * as schemas from "../../src/api/schemas.ts";
import { eventually, type HermeticOptions, type HermeticWorld, hermeticWorld, leftovers } from "../support/hermetic-world.ts";

const minute = 60_000;

/** The migration writes through Bun, which is what runs the tests: no client has to be installed. */
const files = {
  "wt.yaml": `project: shop
resources:
  db: { type: sqlite, path: data/app.db, migrate: "${process.execPath} migrate.mjs \${{ env.slug }}" }
  uploads: { type: directory, path: uploads }
services:
  web: { run: exec node server.mjs, route: /, needs: [db, uploads] }
`,
  "migrate.mjs": `import { Database } from "bun:sqlite";
const db = new Database(process.env.DB_PATH, { create: true });
db.run("create table if not exists notes (text)");
db.run("insert into notes select 'first' where not exists (select 1 from notes)");
console.log("migrated", process.argv[2]);
`,
  "server.mjs": `import http from "node:http";
http.createServer((_, response) => response.end([process.env.DATABASE_URL, process.env.UPLOADS_PATH].join(" ")))
  .listen(Number(process.env.PORT), process.env.HOST);
`,
  ".gitignore": "data\nuploads\n",
};

const shop = (options: HermeticOptions = {}) => hermeticWorld({ files, ...options });
const notes = async (world: HermeticWorld, name: string) => {
  const printed = await world.ok(["db", "psql", "-e", name, "--json", "-c", "select text from notes order by 1"]);
  return (JSON.parse(printed) as { rows: string[][] }).rows.map(([text]) => text);
};
const write = (world: HermeticWorld, name: string, text: string) =>
  world.ok(["db", "psql", "-e", name, "-c", `insert into notes values ('${text}')`]);
const worktree = (world: HermeticWorld, name: string) => `${world.repository}.worktrees/${name}`;

describe("resources of environments", () => {
  test(
    "each environment has its own, sees it in its variables, and deletes it with itself",
    async () => {
      await using world = await shop();
      const [created] = await Promise.all([world.wt(["create", "a"]), world.ok(["create", "b"])]);
      expect(created.stderr).toContain("migrated a");
      await write(world, "a", "of a");
      writeFileSync(join(worktree(world, "a"), "uploads/picture"), "a");
      expect([await notes(world, "a"), await notes(world, "b")]).toEqual([["first", "of a"], ["first"]]);
      expect(existsSync(join(worktree(world, "b"), "uploads/picture"))).toBe(false);

      const served = await (await world.fetch("a.localhost")).text();
      const url = (await world.ok(["db", "url", "-e", "a"])).trim();
      expect(served).toBe(`${url} ${worktree(world, "a")}/uploads`);
      expect(await world.ok(["run", "-e", "a", "--", "printenv", "DATABASE_URL"])).toBe(`${url}\n`);
      expect(await world.ok(["env", "-e", "a", "--explain", "DATABASE_URL"])).toContain("comes from resource db");

      const listed = await world.list();
      const own = listed.environments.find(({ slug }) => slug === "a")?.resources;
      expect(own?.map(({ name, type, state }) => [name, type, state]).toSorted()).toEqual([
        ["db", "sqlite", "Ready"],
        ["uploads", "directory", "Ready"],
      ]);
      expect(await world.ok(["list"])).toContain("RESOURCES");
      expect(await world.ok(["status", "a"])).toContain(`db        sqlite     Ready`);

      await world.ok(["delete", "a", "b"]);
      expect([...leftovers(world, "a"), ...leftovers(world, "b")]).toEqual([]);
      expect(JSON.parse(await world.ok(["db", "list", "--json"]))).toEqual({ schema: 1, resources: [] });
    },
    minute,
  );

  test(
    "reset, checkpoint and restore, with the answers of their schemas",
    async () => {
      await using world = await shop();
      await world.ok(["create", "a"]);
      const asked = async (schema: v.GenericSchema, args: string[]) => {
        const document = JSON.parse(await world.ok([...args, "-e", "a", "--json"]));
        expect(v.safeParse(schema, document).issues).toBeUndefined();
        return document;
      };
      await write(world, "a", "kept");
      writeFileSync(join(worktree(world, "a"), "uploads/picture"), "kept");
      await asked(schemas.checkpointResult, ["db", "checkpoint", "one"]);
      await asked(schemas.checkpointList, ["db", "checkpoints"]);

      const refused = await world.wt(["db", "reset", "-e", "a"]);
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("wt db reset --yes")]);
      const reset = await asked(schemas.resourceDocument, ["db", "reset", "--yes"]);
      expect(reset).toMatchObject({ resources: ["db"], runningServices: ["web"] });
      expect(await notes(world, "a")).toEqual(["first"]);
      expect(readFileSync(join(worktree(world, "a"), "uploads/picture"), "utf8")).toBe("kept");

      writeFileSync(join(worktree(world, "a"), "uploads/picture"), "changed");
      const before = (await world.status("a")).services[0];
      const restored = await asked(schemas.resourceDocument, ["db", "restore", "one", "--yes", "--restart"]);
      expect(restored.runningServices).toEqual([]);
      expect((await world.status("a")).services[0]).toMatchObject({ state: "Running", port: before?.port });
      expect((await world.status("a")).services[0]?.pid).not.toBe(before?.pid);
      expect(await notes(world, "a")).toEqual(["first", "kept"]);
      expect(readFileSync(join(worktree(world, "a"), "uploads/picture"), "utf8")).toBe("kept");

      await asked(schemas.resourceList, ["db", "usage"]);
      await asked(schemas.resourceConnection, ["db", "url"]);
      await asked(schemas.checkpointList, ["db", "checkpoints", "--delete", "one"]);
      expect((await world.wt(["db", "restore", "one", "-e", "a", "--yes"])).code).toBe(4);
    },
    minute,
  );

  test(
    "a variable that leads elsewhere is refused with its key and origin, for services and for wt run",
    async () => {
      await using world = await shop();
      await world.ok(["create", "a"]);
      const path = worktree(world, "a");
      await world.write({ "wt.yaml": `${files["wt.yaml"]}env: { DATABASE_URL: "file:/prod.db" }\n` }, path);
      await world.ok(["trust", "--yes"], { cwd: path });
      const ran = await world.wt(["run", "--", "true"], { cwd: path });
      expect(ran.code).toBe(5);
      expect(ran.stderr).toContain(
        "wt run would get a DATABASE_URL that is not this environment's db (it comes from wt.yaml: env.DATABASE_URL).",
      );
      expect((await world.wt(["up"], { cwd: path })).code).toBe(5);
      expect((await world.wt(["env"], { cwd: path })).code).toBe(5);
      expect(await world.ok(["env", "--explain", "DATABASE_URL"], { cwd: path })).toContain("wt.yaml: env.DATABASE_URL");
    },
    minute,
  );

  test(
    "subfloor#569, cloud#4997: the shell's own DATABASE_URL never reaches a command, not even before the environment's exists",
    async () => {
      const seen = {
        ...files,
        "wt.yaml": files["wt.yaml"].replace("services:", "setup: ['echo \"[$DATABASE_URL]\" > seen.txt']\nservices:"),
      };
      await using world = await shop({ files: { ...seen, ".gitignore": `${files[".gitignore"]}seen.txt\n` } });
      const env = { DATABASE_URL: "file:/prod.db" };
      await world.ok(["create", "a"], { env });
      expect(readFileSync(join(worktree(world, "a"), "seen.txt"), "utf8")).toBe("[]\n");
      expect((await world.wt(["run", "--", "printenv", "DATABASE_URL"], { env })).stdout).toBe("");
      expect(await world.ok(["run", "-e", "a", "--", "printenv", "DATABASE_URL"], { env })).toBe(await world.ok(["db", "url", "-e", "a"]));
    },
    minute,
  );

  test(
    "a migration that fails leaves no database behind and shows its log",
    async () => {
      await using world = await shop({ files: { ...files, "migrate.mjs": "console.error('no such column'); process.exit(3);\n" } });
      const ran = await world.wt(["create", "a"]);
      expect([ran.code, ran.stderr]).toEqual([7, expect.stringContaining("no such column")]);
      expect(existsSync(join(worktree(world, "a"), "data/app.db"))).toBe(false);
      expect((await world.status("a")).resources.map(({ name, state }) => `${name} ${state}`)).toEqual(["uploads Ready", "db Absent"]);
      await world.ok(["delete", "a"]);
      expect(leftovers(world, "a")).toEqual([]);
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
    },
    minute,
  );

  test(
    "Ctrl-C during a reset, or a migration that fails in it, keeps what was there",
    async () => {
      await using world = await shop();
      await world.ok(["create", "a"]);
      await write(world, "a", "mine");
      const path = worktree(world, "a");
      await world.write({ "migrate.mjs": `require("fs").writeFileSync("started", ""); await Bun.sleep(600_000);` }, path);
      await world.ok(["trust", "--yes"], { cwd: path });
      const interrupt = new AbortController();
      const resetting = world.wt(["db", "reset", "-e", "a", "--yes"], { abort: interrupt.signal });
      await eventually(
        () => existsSync(join(path, "started")),
        (there) => there,
      );
      interrupt.abort();
      expect((await resetting).code).toBe(130);
      // The next operation waits until the daemon has undone it.
      await world.write({ "migrate.mjs": "console.error('no such column'); process.exit(3);\n" }, path);
      await world.ok(["trust", "--yes"], { cwd: path });
      const failed = await world.wt(["db", "reset", "-e", "a", "--yes"]);
      expect([failed.code, failed.stderr]).toEqual([7, expect.stringContaining("no such column")]);
      expect(await notes(world, "a")).toEqual(["first", "mine"]);
    },
    minute,
  );

  test(
    "a repository's migration never runs before a person approved it",
    async () => {
      const wtYaml = `resources:\n  db: { type: sqlite, path: a.db, migrate: "echo ran > ${"$WT_MAIN_PATH"}/../ran" }\n`;
      await using world = await hermeticWorld({ files: { "wt.yaml": wtYaml, ".gitignore": "a.db\n" }, trust: false });
      const ran = await world.wt(["create", "a", "--no-up"]);
      expect([ran.code, ran.stderr]).toEqual([6, expect.stringContaining("resources.db.migrate")]);
      expect(existsSync(join(world.directory, "ran"))).toBe(false);
    },
    minute,
  );

  test(
    "options that a driver does not know are refused where they stand",
    async () => {
      await using world = await shop();
      await world.write({ "wt.yaml": "resources:\n  db: { type: sqlite, path: a.db, migrat: x }\n  c: { type: postgrse }\n" });
      const ran = await world.wt(["up"]);
      expect(ran.code).toBe(3);
      expect(ran.stderr).toContain("migrat");
      expect(ran.stderr).toContain("wt.yaml:2");
      expect(ran.stderr).toContain("Did you mean `postgres`?");
    },
    minute,
  );

  test(
    "a daemon that dies in the middle of a checkpoint leaves none behind",
    async () => {
      await using world = await shop();
      await world.ok(["create", "a"]);
      await world.ok(["daemon", "stop"]);
      const fault = { WT_TEST_FAULT: "kill@after:checkpoint" };
      expect((await world.wt(["db", "checkpoint", "torn", "-e", "a"], { env: fault })).code).not.toBe(0);
      await world.ok(["db", "checkpoint", "whole", "-e", "a"]);
      const { checkpoints } = JSON.parse(await world.ok(["db", "checkpoints", "-e", "a", "--json"])) as { checkpoints: { id: string }[] };
      expect(checkpoints.map(({ id }) => id)).toEqual(["whole"]);
      const kept = await world.wt(["db", "checkpoint", "torn", "-e", "a"]);
      expect(kept.code).toBe(0);
    },
    minute,
  );
});

describe("SIGKILL of the daemon around a resource", () => {
  const settled = async (world: HermeticWorld) => {
    await world.ok(["list"]);
    const inFlight = async () => JSON.parse(await world.ok(["daemon", "status", "--json"])).daemon.operationsInFlight as number;
    expect(await eventually(inFlight, (count) => count === 0, 20_000)).toBe(0);
  };
  const diesAt = async (world: HermeticWorld, point: string) => {
    await world.ok(["daemon", "stop"]);
    return { env: { WT_TEST_FAULT: `kill@${point}` } };
  };
  const kept = (world: HermeticWorld) => {
    const directory = join(world.directory, "state/worldtree/environments");
    return existsSync(directory) ? readdirSync(directory) : [];
  };

  test.each(["before:resource:db", "after:resource:db"])(
    "create, %s: rolled back, nothing left",
    async (point) => {
      await using world = await shop();
      expect((await world.wt(["create", "a"], await diesAt(world, point))).code).not.toBe(0);
      await settled(world);
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
      expect(leftovers(world, "a")).toEqual([]);
      expect(kept(world)).toEqual([]);
      await world.ok(["create", "a"]);
      expect(await notes(world, "a")).toEqual(["first"]);
    },
    minute,
  );

  test.each(["before:remove_resource:db", "after:remove_resource:db", "after:remove_resource:uploads"])(
    "delete, %s: carried to its end",
    async (point) => {
      await using world = await shop();
      await world.ok(["create", "a"]);
      await world.ok(["db", "checkpoint", "-e", "a"]);
      expect((await world.wt(["delete", "a"], await diesAt(world, point))).code).not.toBe(0);
      await settled(world);
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
      expect(leftovers(world, "a")).toEqual([]);
      expect(kept(world)).toEqual([]);
    },
    minute,
  );

  test(
    "reset, in the middle: the environment is there and can be reset",
    async () => {
      await using world = await shop();
      await world.ok(["create", "a"]);
      await write(world, "a", "mine");
      const died = await world.wt(["db", "reset", "-e", "a", "--yes"], await diesAt(world, "before:resource:db"));
      expect(died.code).not.toBe(0);
      await settled(world);
      expect(await notes(world, "a")).toEqual(["first", "mine"]);
      await world.ok(["db", "reset", "-e", "a", "--yes"]);
      expect(await notes(world, "a")).toEqual(["first"]);
    },
    minute,
  );
});
