// A create that failed at a setup command or a migration: what is kept, and how it is carried on.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, type HermeticWorld, hermeticWorld, leftovers } from "../support/hermetic-world.ts";

const minute = 60_000;

/** Each setup command counts its runs, beside the worktree: files that git ignores go with it. */
const files = {
  "wt.yaml": `project: shop
setup:
  - { run: "echo one >> ran.txt", inputs: [input.txt] }
  - { run: "echo two >> ran.txt; sh second.sh", inputs: [second.sh] }
resources:
  db: { type: sqlite, path: data/app.db, migrate: "${process.execPath} migrate.mjs" }
services:
  web: { run: exec node server.mjs, route: /, needs: [db] }
`,
  "input.txt": "1\n",
  "second.sh": "test ! -e broken-second || { echo the second breaks >&2; exit 3; }\n",
  "migrate.mjs": `import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
const db = new Database(process.env.DB_PATH, { create: true });
db.run("create table half (text)");
if (existsSync("broken-migration")) throw new Error('relation "note" does not exist');
db.run("create table notes (text)");
`,
  "server.mjs": `import http from "node:http";
http.createServer((_, response) => response.end(process.env.DATABASE_URL))
  .listen(Number(process.env.PORT), process.env.HOST);
`,
  ".gitignore": "data\nran.txt\n",
};

const shop = (broken: "broken-second" | "broken-migration" | null) =>
  hermeticWorld({ files: { ...files, ...(broken === null ? {} : { [broken]: "" }) } });
const worktree = (world: HermeticWorld) => `${world.repository}.worktrees/a`;
const ran = (world: HermeticWorld) =>
  readFileSync(join(worktree(world), "ran.txt"), "utf8")
    .trim()
    .split("\n");
/** What a command names counts among what was approved, so taking it away asks again. */
const mend = async (world: HermeticWorld, broken: string) => {
  await world.git(["rm", "--quiet", broken], worktree(world));
  await world.ok(["trust", "a", "--yes"]);
};
const tables = async (world: HermeticWorld) => {
  const printed = await world.ok(["db", "psql", "-e", "a", "--json", "-c", "select name from sqlite_master order by 1"]);
  return (JSON.parse(printed) as { rows: string[][] }).rows.flat();
};
const settled = async (world: HermeticWorld) => {
  await world.ok(["list"]);
  const inFlight = async () => JSON.parse(await world.ok(["daemon", "status", "--json"])).daemon.operationsInFlight as number;
  expect(await eventually(inFlight, (count) => count === 0, 20_000)).toBe(0);
};

describe("a migration that fails", () => {
  test(
    "keeps the environment and says where it stands; agents get the same as JSON",
    async () => {
      await using world = await shop("broken-migration");
      const failed = await world.wt(["create", "a", "--json"]);
      expect(failed.code).toBe(7);
      const { error } = JSON.parse(failed.stdout);
      expect(error).toMatchObject({
        kind: "machine",
        code: "setup_failed",
        details: {
          environment: "a",
          path: worktree(world),
          step: "resource:db",
          place: "resources.db",
          kept: true,
          resume: "wt create a --resume",
        },
      });
      expect(error.details.log).toContain('relation "note" does not exist');
      expect(readFileSync(error.details.logPath, "utf8")).toContain('relation "note" does not exist');

      const status = await world.status("a");
      expect([status.status, status.incomplete?.step]).toEqual(["Incomplete", "resource:db"]);
      expect(status.incomplete?.reason).toContain("resources.db");
      expect(status.incomplete?.logPath).toBe(error.details.logPath);
      expect(await world.ok(["list"])).toMatch(/^a +Incomplete/m);
      expect(await world.ok(["status", "a"])).toContain("wt create a --resume");

      const again = await world.wt(["create", "a"]);
      expect(again.code).toBe(5);
      expect(again.stderr).toContain("incomplete: resources.db");
      expect(again.stderr).toContain("wt create a --resume");
      expect(ran(world)).toEqual(["one", "two"]);
    },
    minute,
  );

  test(
    "is carried on after it was mended: what was done is not done again, and nothing of the first attempt is left in the database",
    async () => {
      await using world = await shop("broken-migration");
      expect((await world.wt(["create", "a"])).code).toBe(7);
      const still = await world.wt(["create", "a", "--resume"]);
      expect([still.code, still.stderr]).toEqual([7, expect.stringContaining("wt create a --resume")]);
      await mend(world, "broken-migration");
      const resumed = await world.wt(["create", "a", "--resume"]);
      expect([resumed.code, resumed.stderr]).toEqual([0, expect.stringContaining("stopped at resources.db")]);
      expect(ran(world)).toEqual(["one", "two"]);
      expect(await tables(world)).toEqual(["half", "notes"]);
      const status = await world.status("a");
      expect([status.status, status.incomplete]).toEqual(["Healthy", undefined]);
      expect(await (await world.fetch("a.localhost")).text()).toContain("data/app.db");
      // There is nothing left to carry on: it is a plain `wt create` now.
      await world.ok(["create", "a", "--resume"]);
      await world.ok(["create", "a"]);
    },
    minute,
  );

  test(
    "runs again only after a person approved what was changed",
    async () => {
      await using world = await shop("broken-migration");
      expect((await world.wt(["create", "a"])).code).toBe(7);
      writeFileSync(join(worktree(world), "migrate.mjs"), "console.log('nothing to do');\n");
      const asked = await world.wt(["create", "a", "--resume"]);
      expect([asked.code, asked.stderr]).toEqual([6, expect.stringContaining("migrate.mjs")]);
      expect((await world.status("a")).status).toBe("Incomplete");
      await world.ok(["trust", "a", "--yes"]);
      await world.ok(["create", "a", "--resume"]);
      expect((await world.status("a")).status).toBe("Healthy");
    },
    minute,
  );

  test(
    "can be given up: nothing is left",
    async () => {
      await using world = await shop("broken-migration");
      expect((await world.wt(["create", "a"])).code).toBe(7);
      await world.ok(["delete", "a"]);
      expect(leftovers(world, "a")).toEqual([]);
      expect(await world.git(["branch", "--list", "a"])).toBe("");
      expect(readdirSync(join(world.directory, "state/worldtree/environments"))).toEqual([]);
    },
    minute,
  );
});

describe("a setup command that fails", () => {
  test(
    "is where `wt up` carries on, too; a step whose inputs changed runs again",
    async () => {
      await using world = await shop("broken-second");
      expect((await world.wt(["create", "a"])).code).toBe(7);
      expect((await world.status("a")).incomplete?.place).toBe("setup[1]");
      await mend(world, "broken-second");
      writeFileSync(join(worktree(world), "input.txt"), "2\n");
      const up = await world.wt(["up", "-e", "a"]);
      expect([up.code, up.stderr]).toEqual([0, expect.stringContaining("stopped at setup[1]")]);
      expect(ran(world)).toEqual(["one", "two", "one", "two"]);
      expect((await world.status("a")).status).toBe("Healthy");
    },
    minute,
  );

  test(
    "is ended with all that it started, and without services `--resume --no-up` starts none",
    async () => {
      await using world = await shop(null);
      await world.write({ "second.sh": "test -e mended || { sleep 600 & exit 3; }\n" });
      await world.commit("leaves something running");
      await world.ok(["trust", "--yes"]);
      expect((await world.wt(["create", "a"])).code).toBe(7);
      expect(world.processes()).toEqual([await world.daemonPid()]);
      writeFileSync(join(worktree(world), "mended"), "");
      await world.ok(["trust", "a", "--yes"]);
      await world.ok(["create", "a", "--resume", "--no-up"]);
      const status = await world.status("a");
      expect([status.status, status.services.map(({ state }) => state)]).toEqual(["Stopped", ["Stopped"]]);
    },
    minute,
  );

  test(
    "Ctrl-C takes a first create back, and leaves one that is carried on as it was",
    async () => {
      await using world = await shop("broken-second");
      expect((await world.wt(["create", "a"])).code).toBe(7);
      writeFileSync(join(worktree(world), "second.sh"), "touch started; exec sleep 600\n");
      await world.ok(["trust", "a", "--yes"]);
      const interrupt = new AbortController();
      const resuming = world.wt(["create", "a", "--resume"], { abort: interrupt.signal });
      await eventually(
        () => existsSync(join(worktree(world), "started")),
        (there) => there,
      );
      expect((await world.status("a")).status).toBe("Creating");
      interrupt.abort();
      expect((await resuming).code).toBe(130);
      expect((await world.status("a")).status).toBe("Incomplete");
      expect(world.processes()).toEqual([await world.daemonPid()]);
      expect(ran(world)).toEqual(["one", "two", "two"]);
    },
    minute,
  );
});

test(
  "a value that is another environment's is refused at the start, and can be mended",
  async () => {
    const yaml = `${files["wt.yaml"]}env: { DATABASE_URL: "file:/elsewhere.db" }\n`;
    await using world = await hermeticWorld({ files: { ...files, "wt.yaml": yaml } });
    const failed = JSON.parse((await world.wt(["create", "a", "--json"])).stdout);
    expect(failed.error).toMatchObject({ kind: "refused", code: "foreign_resource", details: { key: "DATABASE_URL", kept: true } });
    writeFileSync(join(worktree(world), "wt.yaml"), files["wt.yaml"]);
    await world.ok(["trust", "a", "--yes"]);
    await world.ok(["create", "a", "--resume"]);
    expect((await world.status("a")).status).toBe("Healthy");
  },
  minute,
);

test("there is nothing to resume where there is no environment", async () => {
  await using world = await shop(null);
  const none = await world.wt(["create", "a", "--resume"]);
  expect([none.code, none.stderr]).toEqual([4, expect.stringContaining("wt create a")]);
  expect(await world.git(["branch", "--list", "a"])).toBe("");
});

describe("SIGKILL of the daemon during a resume", () => {
  const points = ["setup:1", "resource:db", "start"].flatMap((step) => [`before:${step}`, `after:${step}`]);

  test.each(points)(
    "%s: what the user has is kept, and it is carried on",
    async (point) => {
      await using world = await shop("broken-second");
      expect((await world.wt(["create", "a"])).code).toBe(7);
      await mend(world, "broken-second");
      writeFileSync(join(worktree(world), "precious.txt"), "precious");
      await world.ok(["daemon", "stop"]);
      const died = await world.wt(["create", "a", "--resume"], { env: { WT_TEST_FAULT: `kill@${point}` } });
      expect(died.code).not.toBe(0);
      await settled(world);
      expect(readFileSync(join(worktree(world), "precious.txt"), "utf8")).toBe("precious");
      const whole = point.endsWith(":start");
      if (!whole) expect((await world.status("a")).status).toBe("Incomplete");
      await world.ok(whole ? ["create", "a"] : ["create", "a", "--resume"]);
      expect((await world.status("a")).status).toBe("Healthy");
      expect(await tables(world)).toEqual(["half", "notes"]);
      await world.ok(["delete", "a", "--force"]);
      expect(leftovers(world, "a")).toEqual([]);
    },
    minute,
  );
});

test.each(["before:setup:1", "after:setup:0"])("SIGKILL of the daemon in the first create, %s: rolled back as ever", async (point) => {
  await using world = await shop("broken-second");
  await world.ok(["daemon", "stop"]);
  expect((await world.wt(["create", "a"], { env: { WT_TEST_FAULT: `kill@${point}` } })).code).not.toBe(0);
  await settled(world);
  expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
  expect(leftovers(world, "a")).toEqual([]);
});
