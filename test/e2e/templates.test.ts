// Templates of databases through the real `wt`: real PostgreSQL, real migrations.
import { describe, expect, test } from "bun:test";
import { cpSync, existsSync, lutimesSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { readProcessTable } from "../../src/os/process-table.ts";
import { eventually, type HermeticWorld, hermeticWorld } from "../support/hermetic-world.ts";

const minutes = 180_000;
const files = {
  "wt.yaml": `project: shop
resources:
  db: { type: postgres, migrate: "${process.execPath} migrate.mjs", inputs: ["migrations/**"] }
`,
  "migrate.mjs": `import { SQL } from "bun";
import { readdirSync, readFileSync } from "node:fs";
const sql = new SQL(process.env.DATABASE_URL, { max: 1 });
await sql\`create table if not exists done (name text)\`;
const had = new Set((await sql\`select name from done\`).map(({ name }) => name));
for (const name of readdirSync("migrations").sort()) {
  if (had.has(name)) continue;
  console.log("migrating " + name);
  await sql.unsafe(readFileSync("migrations/" + name, "utf8"));
  await sql\`insert into done values (\${name})\`;
}
await sql.close();
`,
  "migrations/1.sql": "create table one (i int);",
  "migrations/2.sql": "create table two (i int);",
};

const listed = async (world: HermeticWorld) => JSON.parse(await world.ok(["db", "template", "list", "--json"])).templates;
const state = (world: HermeticWorld, ...names: string[]) => join(world.env.XDG_STATE_HOME ?? "", "worldtree", ...names);
const inside = (world: HermeticWorld, name: string) => {
  const place = state(world, "postgres", name);
  return existsSync(place) ? readdirSync(place) : [];
};
const worktree = async (world: HermeticWorld, slug: string) => (await world.status(slug)).path;

test(
  "are built, gone on from by a branch, listed, built anew and removed",
  async () => {
    await using world = await hermeticWorld({ files });
    expect((await world.wt(["db", "template", "list"])).stdout).toContain("There are no templates");
    const built = JSON.parse(await world.ok(["db", "template", "build", "--json"]));
    expect(built).toMatchObject({ environment: "main", resource: "db", built: true, template: { stage: "migrated", branches: [] } });
    expect(JSON.parse(await world.ok(["db", "template", "build", "--json"])).built).toBe(false);

    const created = await world.wt(["create", "feature"]);
    expect([created.code, created.stderr.includes("migrating")]).toEqual([0, false]);
    const cwd = await worktree(world, "feature");
    await world.write({ "migrations/3.sql": "create table three (i int);" }, cwd);
    const more = await world.wt(["db", "template", "build"], { cwd });
    expect([more.code, more.stderr.match(/migrating .*/g)]).toEqual([0, ["migrating 3.sql"]]);
    expect(more.stdout).toContain("2 of 3 were there already");

    const templates = await listed(world);
    expect(templates.map((one: { wantedBy: string[]; branches: string[] }) => [one.wantedBy, one.branches])).toEqual([
      [["feature"], []],
      [["main"], ["feature"]],
      [["main", "feature"], []],
    ]);
    const text = await world.ok(["db", "template", "list"]);
    expect(text).toMatch(/^TEMPLATE +FOR +SIZE +OWN +AGE +USED +BRANCHES +STATE +MADE FROM\n/);
    const completed = () => world.ok(["__complete", "--", "db", "template", "remove", ""]);
    expect(await eventually(completed, (keys) => keys.includes(templates[0].key))).toContain(templates[0].key);

    const anew = await world.wt(["db", "template", "refresh", "-e", "feature"]);
    expect(anew.stderr.match(/migrating .*/g)).toHaveLength(3);
    const [newest] = await listed(world);
    expect(newest.key).toBe(`${templates[0].key}.2`);
    expect((await world.wt(["db", "template", "remove", "x"])).code).toBe(4);
    expect((await world.wt(["db", "template", "remove", ""])).code).toBe(4);
    expect(await world.ok(["db", "template", "remove", newest.key.slice(0, 8)])).toContain(`Removed the template ${newest.key}`);
    expect(await listed(world)).toHaveLength(2);
    // It goes on from what both branches have, without anybody saying so.
    await world.ok(["db", "reset", "-e", "feature", "--yes"]);
    expect((await listed(world))[0].migrations).toEqual({ before: 2, all: 3 });
  },
  minutes,
);

describe("gc", () => {
  test(
    "removes what nothing needs, says why, and nothing at all when it cannot know",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "feature"]);
      const cwd = await worktree(world, "feature");
      await world.write({ "migrations/3.sql": "create table three (i int);" }, cwd);
      await world.ok(["db", "template", "build", "-e", "feature"]);
      rmSync(join(cwd, "migrations/3.sql"));
      const gc = async (...args: string[]) => JSON.parse(await world.ok(["db", "gc", "--json", ...args]));
      const outcomes = (report: { items: { outcome: string }[] }) => report.items.map(({ outcome }) => outcome).sort();
      expect(outcomes(await gc())).toEqual(["kept", "kept", "kept"]);
      const dry = await gc("--dry-run", "--days", "0");
      expect(outcomes(dry)).toEqual(["kept", "kept", "removed"]);
      expect(await listed(world)).toHaveLength(3);

      // A wt.yaml that cannot be read: what its project has stays.
      await world.write({ "wt.yaml": "resources: [" }, cwd);
      const unknown = await gc("--days", "0");
      expect(outcomes(unknown)).toEqual(["kept", "kept", "kept"]);
      expect(JSON.stringify(unknown)).toContain("It cannot be told whether it is needed: feature of shop");
      await world.git(["checkout", "--", "wt.yaml"], cwd);

      // Directories that cannot be listed.
      const loop = state(world, "environments/11111111-aaaa/resources");
      mkdirSync(join(loop, ".."), { recursive: true });
      symlinkSync(loop, loop);
      const refused = await world.wt(["db", "gc", "--days", "0"]);
      expect([refused.code, refused.stderr]).toEqual([7, expect.stringContaining("cannot be listed, so nothing was removed")]);
      expect(await listed(world).catch(() => "unknown")).not.toHaveLength(2);
      rmSync(join(loop, ".."), { recursive: true });

      // What crashes leave.
      mkdirSync(state(world, "postgres/building/feed.1/data"), { recursive: true });
      mkdirSync(state(world, "postgres/trash/feed.2"), { recursive: true });
      const real = await world.ok(["db", "gc", "--days", "0"]);
      expect(real.match(/^removed .*/gm)).toHaveLength(3);
      expect(real).toMatch(/removed template [0-9a-f]{12} \(\d+ MB\): Nothing would be made from it any more; it was last used today\./);
      expect([inside(world, "building"), inside(world, "trash"), (await listed(world)).length]).toEqual([[], [], 2]);
      expect(await world.ok(["db", "gc"])).toContain("There is nothing to remove.");
    },
    minutes,
  );

  test(
    "removes directories of environments that are gone, unless somebody may need them",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "feature"]);
      await world.ok(["db", "stop", "-e", "feature"]);
      const [id = ""] = readdirSync(state(world, "environments"));
      const orphan = (name: string) => state(world, "environments", name, "resources/db");
      for (const name of ["old", "young", "busy"])
        cpSync(state(world, "environments", id), state(world, "environments", name), { recursive: true });
      for (const name of ["old", "busy"]) {
        for (const entry of [orphan(name), ...readdirSync(orphan(name)).map((each) => join(orphan(name), each))])
          lutimesSync(entry, 1e9, 1e9);
      }
      const worker = Bun.spawn(["sleep", "600"], { cwd: join(orphan("busy"), "data") });
      const { items } = JSON.parse(await world.ok(["db", "gc", "--json"]));
      worker.kill();
      await worker.exited;
      const about = (name: string) => items.find((item: { name: string }) => item.name === orphan(name));
      expect(about("old")).toMatchObject({ kind: "directory", outcome: "removed", reason: "Its environment is gone." });
      expect(about("young")).toMatchObject({ outcome: "reported", reason: expect.stringContaining("changed not long ago") });
      expect(about("busy")).toMatchObject({ outcome: "reported", reason: expect.stringContaining(`Process ${worker.pid} works in it.`) });
      expect(["old", "young", "busy"].map((name) => existsSync(orphan(name)))).toEqual([false, true, true]);
      expect((await world.status("feature")).resources[0]?.state).toBe("Asleep");
    },
    minutes,
  );
});

describe("an interruption", () => {
  const slow = { ...files, "migrate.mjs": `console.log("migrating"); await Bun.sleep(600_000);` };
  const servers = async (world: HermeticWorld) =>
    (await readProcessTable()).filter(({ pid, name }) => name.startsWith("postgres") && world.processes().includes(pid));
  const begun = (world: HermeticWorld) =>
    eventually(
      () => servers(world),
      (found) => found.length > 0 && inside(world, "building").length === 1,
      60_000,
    );

  test(
    "by Ctrl-C leaves nothing, and the next build works",
    async () => {
      await using world = await hermeticWorld({ files: slow });
      const abort = new AbortController();
      const building = world.wt(["db", "template", "build"], { abort: abort.signal });
      await eventually(
        () => inside(world, "building").length,
        (count) => count === 1 && inside(world, "templates").length === 1,
        60_000,
      );
      abort.abort();
      expect((await building).code).toBe(130);
      await eventually(
        () => inside(world, "building").length,
        (count) => count === 0,
      );
      expect(await servers(world)).toEqual([]);
      await world.write({ "migrate.mjs": files["migrate.mjs"] });
      await world.ok(["trust", "--yes"]);
      expect(JSON.parse(await world.ok(["db", "template", "build", "--json"])).built).toBe(true);
    },
    minutes,
  );

  test(
    "by kill -9 of the daemon leaves nothing once the next one runs",
    async () => {
      await using world = await hermeticWorld({ files: slow });
      const building = world.wt(["db", "template", "build"]);
      await eventually(
        () => inside(world, "templates").length,
        (count) => count === 1,
        60_000,
      );
      await begun(world).catch(() => undefined);
      process.kill(await world.daemonPid(), "SIGKILL");
      expect((await building).code).not.toBe(0);
      await world.ok(["list"]);
      await eventually(
        () => inside(world, "building").length,
        (count) => count === 0,
      );
      expect(await servers(world)).toEqual([]);
      await world.write({ "migrate.mjs": files["migrate.mjs"] });
      await world.ok(["trust", "--yes"]);
      expect(JSON.parse(await world.ok(["db", "template", "build", "--json"])).built).toBe(true);
    },
    minutes,
  );
});
