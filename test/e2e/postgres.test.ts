// Real PostgreSQL servers, one for each environment: the user's own, or the one that comes with the package.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { eventually, type HermeticWorld, hermeticWorld, leftovers } from "../support/hermetic-world.ts";

const minutes = 180_000;

const migrate = `import { SQL } from "bun";
const sql = new SQL(process.env.DATABASE_URL, { max: 1 });
await sql\`create table notes (id serial primary key, body text not null)\`;
await sql\`insert into notes (body) values (\${"first of " + process.env.WT_ENVIRONMENT})\`;
await sql.close();
console.log("migrated");
`;
const files = {
  "wt.yaml": `project: shop
resources:
  db: { type: postgres, migrate: "${process.execPath} migrate.mjs" }
services:
  web: { run: exec node server.mjs, route: /, needs: [db] }
`,
  "migrate.mjs": migrate,
  "server.mjs": `import http from "node:http";
http.createServer((_, response) => response.end(process.env.DATABASE_URL)).listen(Number(process.env.PORT), process.env.HOST);
`,
};

async function query<T>(url: string, text: string): Promise<T[]> {
  const sql = new SQL(url, { max: 1, connectionTimeout: 10 });
  try {
    return (await sql.unsafe(text)) as T[];
  } finally {
    await sql.close({ timeout: 0 });
  }
}

const bodies = async (url: string) => (await query<{ body: string }>(url, "select body from notes order by id")).map(({ body }) => body);
const urlOf = async (world: HermeticWorld, name: string) => (await world.ok(["db", "url", "-e", name])).trim();
const stateOf = async (world: HermeticWorld, name: string) => (await world.status(name)).resources[0]?.state;
/** Postmasters and their children. */
const servers = (world: HermeticWorld) => world.processes().filter((pid) => /\bpostgres\b/.test(commandLine(pid)));

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

describe("a database of its own", () => {
  test(
    "three environments at once: own server, own password, own rows; nothing is left of them",
    async () => {
      await using world = await hermeticWorld({ files });
      const names = ["a", "b", "c"];
      await Promise.all(names.map((name) => world.ok(["create", name])));
      const urls = await Promise.all(names.map((name) => urlOf(world, name)));
      expect(new Set(urls.map((url) => new URL(url).port)).size).toBe(3);
      expect(new Set(urls.map((url) => new URL(url).password)).size).toBe(3);
      expect(servers(world).length).toBeGreaterThanOrEqual(3);
      for (const [index, name] of names.entries()) {
        const url = urls[index] ?? "";
        expect(await bodies(url)).toHaveLength(1);
        await query(url, `insert into notes (body) values ('of ${name}')`);
        expect(await (await world.fetch(`${name}.localhost`)).text()).toBe(url);
      }
      for (const [index, name] of names.entries()) expect((await bodies(urls[index] ?? "")).at(-1)).toBe(`of ${name}`);
      // A password of one opens no other.
      const crossed = new URL(urls[0] ?? "");
      crossed.port = new URL(urls[1] ?? "").port;
      await expect(bodies(crossed.href)).rejects.toThrow();

      const { environments } = await world.list();
      const ids = readdirSync(join(world.directory, "state/worldtree/environments"));
      expect(
        environments
          .filter(({ resources }) => resources[0]?.state === "Ready")
          .map(({ slug }) => slug)
          .toSorted(),
      ).toEqual(names);
      const { resources } = JSON.parse(await world.ok(["db", "list", "--json"])) as { resources: { url: string }[] };
      for (const { url } of resources) expect(new URL(url).password).toBe("");

      await world.ok(["delete", ...names, "--force"]);
      for (const name of names) expect(leftovers(world, name)).toEqual([]);
      for (const id of ids) expect(existsSync(join(world.directory, "state/worldtree/environments", id, "resources"))).toBe(false);
      expect(
        await eventually(
          () => servers(world),
          (left) => left.length === 0,
        ),
      ).toEqual([]);
      for (const url of urls) await expect(query(url, "select 1")).rejects.toThrow();
    },
    minutes,
  );

  test(
    "reset, checkpoint, restore under the same URL",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a"]);
      const url = await urlOf(world, "a");
      const first = await bodies(url);
      await query(url, "insert into notes (body) values ('kept'); alter table notes add column more int");
      await world.ok(["db", "checkpoint", "one", "-e", "a"]);
      await world.ok(["db", "reset", "-e", "a", "--yes"]);
      expect(await bodies(url)).toEqual(first);
      await world.ok(["db", "restore", "one", "-e", "a", "--yes", "--restart"]);
      expect(await bodies(url)).toEqual([...first, "kept"]);
      expect(await query(url, "select more from notes")).toHaveLength(2);
      expect(await urlOf(world, "a")).toBe(url);
    },
    minutes,
  );

  test(
    "it sleeps without a process, wakes when somebody connects, and does not sleep under a client",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a"]);
      const url = await urlOf(world, "a");
      await world.ok(["db", "stop", "-e", "a"]);
      expect(await stateOf(world, "a")).toBe("Asleep");
      expect(
        await eventually(
          () => servers(world),
          (left) => left.length === 0,
        ),
      ).toEqual([]);
      expect(await world.ok(["list"])).toContain("Asleep");
      // Looking does not wake it.
      expect(await urlOf(world, "a")).toBe(url);
      expect(await stateOf(world, "a")).toBe("Asleep");
      expect(await bodies(url)).toHaveLength(1);
      expect(await stateOf(world, "a")).toBe("Ready");

      const client = new SQL(url, { max: 1 });
      await client.unsafe("begin");
      const refused = await world.wt(["db", "stop", "-e", "a"]);
      expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining("is in use")]);
      await client.unsafe("rollback");
      await client.close({ timeout: 0 });
      await world.ok(["down", "a"]);
      expect(await stateOf(world, "a")).toBe("Asleep");
      await world.ok(["up", "a"]);
      expect(await stateOf(world, "a")).toBe("Ready");
      expect(await urlOf(world, "a")).toBe(url);
    },
    minutes,
  );

  test(
    "kill -9 of the daemon: the database serves on, and the next daemon steers it",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a"]);
      const url = await urlOf(world, "a");
      const client = new SQL(url, { max: 1 });
      await client.unsafe("select 1");
      const before = servers(world);
      process.kill(await world.daemonPid(), "SIGKILL");
      await client.unsafe("insert into notes (body) values ('without a daemon')");
      await client.close({ timeout: 0 });
      expect(await bodies(url)).toContain("without a daemon");
      expect(await stateOf(world, "a")).toBe("Ready");
      expect(servers(world).filter((pid) => before.includes(pid)).length).toBeGreaterThan(0);
      await world.ok(["db", "stop", "-e", "a"]);
      expect(await bodies(url)).toContain("without a daemon");
      await world.ok(["db", "stop", "-e", "a"]);

      // Also one that slept while there was no daemon wakes for the next.
      process.kill(await world.daemonPid(), "SIGKILL");
      expect(await stateOf(world, "a")).toBe("Asleep");
      expect(await bodies(url)).toContain("without a daemon");
    },
    minutes,
  );

  test(
    "Ctrl-C during a reset, or a migration that fails in it, keeps what was there",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a"]);
      const url = await urlOf(world, "a");
      await query(url, "insert into notes (body) values ('mine')");
      const path = `${world.repository}.worktrees/a`;
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
      await world.write({ "migrate.mjs": "console.error('no such column'); process.exit(3);\n" }, path);
      await world.ok(["trust", "--yes"], { cwd: path });
      const failed = await world.wt(["db", "reset", "-e", "a", "--yes"]);
      expect([failed.code, failed.stderr]).toEqual([7, expect.stringContaining("no such column")]);
      expect(await bodies(url)).toContain("mine");
    },
    minutes,
  );

  test(
    "deleting disconnects who is still there",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a"]);
      const client = new SQL(await urlOf(world, "a"), { max: 1 });
      await client.unsafe("begin");
      await world.ok(["delete", "a"]);
      await expect(Promise.resolve(client.unsafe("select 1"))).rejects.toThrow();
      await client.close({ timeout: 0 }).catch(() => undefined);
      expect(
        await eventually(
          () => servers(world),
          (left) => left.length === 0,
        ),
      ).toEqual([]);
    },
    minutes,
  );

  test(
    "coach#529: another database's URL is refused, with its key and where it comes from",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a"]);
      const path = `${world.repository}.worktrees/a`;
      const elsewhere = files["wt.yaml"].replace("needs: [db]", 'needs: [db], env: { DATABASE_URL: "postgres://u:hidden@prod/app" }');
      await world.write({ "wt.yaml": elsewhere }, path);
      await world.ok(["trust", "--yes"], { cwd: path });
      const ran = await world.wt(["restart"], { cwd: path });
      expect([ran.code, ran.stderr]).toEqual([5, expect.stringContaining("it comes from wt.yaml: services.web.env.DATABASE_URL")]);
      expect(ran.stderr).not.toContain("hidden");
      await world.ok(["run", "--", "true"], { cwd: path });
    },
    minutes,
  );

  test(
    "a migration that fails shows its log, leaves no server, and is carried on once it is mended",
    async () => {
      const broken = migrate.replace("insert into notes (body)", "insert into notes (nobody)");
      await using world = await hermeticWorld({ files: { ...files, "migrate.mjs": broken } });
      const ran = await world.wt(["create", "a"]);
      expect([ran.code, ran.stderr]).toEqual([7, expect.stringContaining("nobody")]);
      expect(
        await eventually(
          () => servers(world),
          (left) => left.length === 0,
        ),
      ).toEqual([]);
      expect([(await world.status("a")).status, await stateOf(world, "a")]).toEqual(["Incomplete", "Absent"]);
      await world.write({ "migrate.mjs": migrate }, `${world.repository}.worktrees/a`);
      await world.ok(["trust", "a", "--yes"]);
      await world.ok(["create", "a", "--resume"]);
      expect(await bodies(await urlOf(world, "a"))).toEqual(["first of a"]);
      await world.ok(["delete", "a", "--force"]);
      expect(leftovers(world, "a")).toEqual([]);
    },
    minutes,
  );

  test.each([
    { command: "create", point: "after:resource:db" },
    { command: "delete", point: "before:remove_resource:db" },
  ])(
    "kill -9 during $command, $point: no server is left",
    async ({ command, point }) => {
      await using world = await hermeticWorld({ files });
      if (command === "delete") await world.ok(["create", "a"]);
      await world.ok(["daemon", "stop"]);
      expect((await world.wt([command, "a"], { env: { WT_TEST_FAULT: `kill@${point}` } })).code).not.toBe(0);
      expect(servers(world).length).toBeGreaterThan(0);
      const slugs = async () => (await world.list()).environments.map(({ slug }) => slug);
      expect(await eventually(slugs, (names) => names.length === 1, 20_000)).toEqual(["main"]);
      expect(
        await eventually(
          () => servers(world),
          (left) => left.length === 0,
        ),
      ).toEqual([]);
      expect(leftovers(world, "a")).toEqual([]);
    },
    minutes,
  );
});
