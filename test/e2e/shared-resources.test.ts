// What environments share on purpose, on real servers: the main worktree's PostgreSQL, and a Redis that is there already.
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { eventually, freePort, type HermeticWorld, hermeticWorld, leftovers } from "../support/hermetic-world.ts";

const minutes = 180_000;

const migrate = `import { SQL } from "bun";
import { existsSync } from "node:fs";
if (existsSync("broken")) throw new Error("the migration breaks");
const sql = new SQL(process.env.DATABASE_URL, { max: 1 });
await sql\`create table notes (body text not null)\`;
await sql\`insert into notes values (\${"made by " + process.env.WT_ENVIRONMENT})\`;
await sql.close();
`;
const yaml = (db: string) => `project: shop
resources:
  db: { type: postgres, ${db}migrate: "${process.execPath} migrate.mjs" }
services:
  web: { run: exec node server.mjs, route: /, needs: [db] }
`;
const files = {
  "wt.yaml": yaml("branch: shared, "),
  "migrate.mjs": migrate,
  "server.mjs": `import http from "node:http";
http.createServer((_, response) => response.end(process.env.DATABASE_URL)).listen(Number(process.env.PORT), process.env.HOST);
`,
};

async function bodies(url: string): Promise<string[]> {
  const sql = new SQL(url, { max: 1, connectionTimeout: 10 });
  try {
    return ((await sql.unsafe("select body from notes order by body")) as { body: string }[]).map(({ body }) => body);
  } finally {
    await sql.close({ timeout: 0 });
  }
}

const urlOf = async (world: HermeticWorld, name: string) => (await world.ok(["db", "url", "db", "-e", name])).trim();
const stateOf = async (world: HermeticWorld, name: string) => (await world.status(name)).resources.find((one) => one.name === "db")?.state;

describe("`branch: shared` without a url", () => {
  test(
    "is the main worktree's database: made on demand, woken by use, left by a delete",
    async () => {
      await using world = await hermeticWorld({ files });
      await Promise.all([world.ok(["create", "a"]), world.ok(["create", "b"])]);
      const url = await urlOf(world, "main");
      expect([await urlOf(world, "a"), await urlOf(world, "b")]).toEqual([url, url]);
      expect(await (await world.fetch("a.localhost")).text()).toBe(url);
      expect(await bodies(url)).toEqual(["made by main"]);
      expect(await world.ok(["list"])).toContain("SHARED");
      expect([await stateOf(world, "a"), await stateOf(world, "main")]).toEqual(["Shared", "Ready"]);

      const asleep = await eventually(
        () => world.wt(["db", "stop", "db", "-e", "main"]),
        ({ code }) => code === 0,
      );
      expect([asleep.code, await stateOf(world, "main")]).toEqual([0, "Asleep"]);
      expect(await bodies(await urlOf(world, "a"))).toEqual(["made by main"]);

      const removed = await world.wt(["db", "remove", "db", "-e", "main", "--yes"]);
      expect([removed.code, removed.stderr]).toEqual([5, expect.stringContaining("shared with a, b")]);
      await world.ok(["delete", "a", "b"]);
      expect([...leftovers(world, "a"), ...leftovers(world, "b")]).toEqual([]);
      expect(await bodies(url)).toEqual(["made by main"]);
      await world.ok(["db", "remove", "db", "-e", "main", "--yes"]);
      expect(await stateOf(world, "main")).toBeUndefined();
    },
    minutes,
  );

  test(
    "a migration that fails in main is said as that; mended there, the branch is carried on",
    async () => {
      await using world = await hermeticWorld({ files });
      writeFileSync(join(world.repository, "broken"), "");
      const failed = JSON.parse((await world.wt(["create", "a", "--json"])).stdout);
      expect(failed.error.message).toContain("could not be made in the main worktree");
      expect(failed.error.details).toMatchObject({ step: "resource:db", kept: true, log: expect.stringContaining("the migration breaks") });
      expect([await stateOf(world, "a"), await stateOf(world, "main")]).toEqual([undefined, "Absent"]);
      await world.git(["clean", "-q", "-f", "broken"]);
      await world.ok(["create", "a", "--resume"]);
      expect(await bodies(await urlOf(world, "a"))).toEqual(["made by main"]);
    },
    minutes,
  );
});

test(
  "another kind of database under the same name is refused, and made once the old one was given up",
  async () => {
    await using world = await hermeticWorld({ files: { ...files, "wt.yaml": yaml("") } });
    await world.ok(["create", "a"]);
    const path = `${world.repository}.worktrees/a`;
    const url = await urlOf(world, "a");
    writeFileSync(
      join(path, "wt.yaml"),
      "project: shop\nresources: { db: { type: sqlite, path: data/app.db } }\nservices: { web: { run: exec node server.mjs, route: / } }\n",
    );
    await world.ok(["trust", "a", "--yes"]);
    const refused = await world.wt(["up", "-e", "a"]);
    expect(refused.code).toBe(5);
    expect(refused.stderr).toContain("db of a was made as postgres, and wt.yaml says sqlite now.");
    expect(await bodies(url)).toEqual(["made by a"]);
    expect(await world.ok(["doctor"]).catch(String)).toContain("wt db remove db -e a");
    expect((await world.wt(["db", "remove", "db", "-e", "a"])).code).toBe(2);
    await world.ok(["db", "remove", "db", "-e", "a", "--yes"]);
    await world.ok(["up", "-e", "a"]);
    expect(await urlOf(world, "a")).toContain("data/app.db");
    expect(await (await world.fetch("a.localhost")).text()).toContain("data/app.db");
  },
  minutes,
);

const redisProgram = Bun.which("redis-server");
(redisProgram ? test : test.skip)(
  `a Redis that is there: a prefix for each environment${redisProgram ? "" : " (no redis-server here)"}`,
  async () => {
    const port = await freePort();
    const redis = Bun.spawn([redisProgram ?? "", "--port", String(port), "--bind", "127.0.0.1", "--save", ""], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    const client = new Bun.RedisClient(`redis://127.0.0.1:${port}`);
    try {
      await eventually(
        () => client.ping().then(String, () => null),
        (answer) => answer === "PONG",
      );
      const wtYaml = `project: shop\nresources:\n  cache: { type: redis, server: "redis://127.0.0.1:${port}" }\n`;
      await using world = await hermeticWorld({ files: { "wt.yaml": wtYaml } });
      await Promise.all([world.ok(["create", "a"]), world.ok(["create", "b"])]);
      const variable = async (name: string, key: string) => (await world.ok(["run", "-e", name, "--", "printenv", key])).trim();
      for (const name of ["a", "b"]) {
        const app = new Bun.RedisClient(await variable(name, "REDIS_URL"));
        expect(await variable(name, "REDIS_PREFIX")).toBe(`wt_shop_${name}_cache:`);
        await app.set(`${await variable(name, "REDIS_PREFIX")}greeting`, `of ${name}`);
        expect(await app.set("wt_shop_other:greeting", "x").catch((error: Error) => error.message)).toContain("NOPERM");
        app.close();
      }
      expect(await client.get("wt_shop_b_cache:greeting")).toBe("of b");
      await world.ok(["db", "reset", "cache", "-e", "a", "--yes"]);
      await world.ok(["delete", "a"]);
      expect([await client.get("wt_shop_a_cache:greeting"), await client.get("wt_shop_b_cache:greeting")]).toEqual([null, "of b"]);
      expect(await client.send("ACL", ["USERS"])).toEqual(["default", "wt_shop_b_cache"]);
      await world.ok(["delete", "b"]);
      expect(await client.send("DBSIZE", [])).toBe(0);
    } finally {
      client.close();
      redis.kill("SIGKILL");
      await redis.exited;
    }
  },
  minutes,
);
