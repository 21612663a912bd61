// Looking into databases, dumping and loading them, with the built program: two environments whose migrations differ.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import * as v from "valibot";
import type { DiffDocument } from "../../src/api/content.ts";
import * as schemas from "../../src/api/schemas.ts";
import { eventually, type HermeticWorld, hermeticWorld } from "../support/hermetic-world.ts";

const minutes = 180_000;
const clients = existsSync("/usr/lib/postgresql/15/bin/pg_dump") && existsSync("/usr/lib/postgresql/15/bin/postgres");

const migrate = `import { SQL } from "bun";
import { readdirSync, readFileSync } from "node:fs";
const sql = new SQL(process.env.DATABASE_URL, { max: 1 });
for (const name of readdirSync("migrations").sort()) await sql.unsafe(readFileSync("migrations/" + name, "utf8"));
await sql.close();
`;
const filesFor = (resource: string) => ({
  "wt.yaml": `project: shop\nresources:\n  db: ${resource}\n`,
  "migrate.mjs": migrate,
  "migrations/1.sql":
    "create table if not exists customers (id int primary key, name text not null); insert into customers select 1, 'a' where not exists (select 1 from customers);",
  ".gitignore": "data\n",
});
const two =
  "create table orders (id int primary key, customer int references customers);\ncreate index by_customer on orders (customer);\ninsert into customers values (2, 'b');\n";

/** An environment `feature` whose branch has one migration more. */
async function withFeature(world: HermeticWorld): Promise<string> {
  await world.ok(["up"]);
  await world.ok(["create", "feature"]);
  const path = `${world.repository}.worktrees/feature`;
  await world.write({ "migrations/2.sql": two }, path);
  await world.ok(["db", "psql", "-e", "feature", "-c", two]);
  return path;
}
const diffOf = async (world: HermeticWorld, args: string[]): Promise<DiffDocument> => {
  const document = JSON.parse(await world.ok(["db", "diff", ...args, "--json"]));
  expect(v.safeParse(schemas.diffDocument, document).issues).toBeUndefined();
  return document;
};
const changes = ({ objects }: DiffDocument) => objects.map(({ change, kind, name }) => `${change} ${kind} ${name}`);

describe("sqlite", () => {
  const resource = `{ type: sqlite, path: data/app.db, migrate: "${process.execPath} migrate.mjs" }`;

  test(
    "diff, dump as SQL and as a file, restore of either; a failed restore keeps what is there",
    async () => {
      await using world = await hermeticWorld({ files: filesFor(resource) });
      const path = await withFeature(world);
      const diff = await diffOf(world, ["feature"]);
      expect(changes(diff)).toEqual(["added index by_customer ON orders", "added table orders"]);
      expect(diff.rows).toEqual([{ table: "customers", from: { rows: 1, exact: true }, to: { rows: 2, exact: true } }]);
      expect(changes(await diffOf(world, ["feature", "main"]))).toEqual(["removed index by_customer ON orders", "removed table orders"]);
      expect((await world.wt(["db", "diff", "--exit-code"], { cwd: path })).code).toBe(9);
      const self = await world.wt(["db", "diff"]);
      expect([self.code, self.stderr]).toEqual([2, expect.stringContaining("main would be compared with itself.")]);
      const status = await eventually(
        () => world.ok(["status", "feature"]),
        (printed) => printed.includes("differs"),
      );
      expect(status).toContain("db: schema differs from main: 1 table added (wt db diff)");

      for (const name of ["feature.sql", "feature.db"]) {
        const dumped = JSON.parse(await world.ok(["db", "dump", name, "--json"], { cwd: path }));
        expect(v.safeParse(schemas.dumpResult, dumped).issues).toBeUndefined();
        expect([dumped.path, statSync(join(path, name)).mode & 0o777]).toEqual([join(path, name), 0o600]);
        await world.ok(["db", "reset", "-e", "feature", "--yes"]);
        await world.ok(["db", "psql", "-e", "feature", "-c", "drop table if exists orders"]);
        const restored = JSON.parse(await world.ok(["db", "restore", name, "--yes", "--json"], { cwd: path }));
        expect(v.safeParse(schemas.resourceDocument, restored).issues).toBeUndefined();
        expect(changes(await diffOf(world, ["feature"]))).toEqual(changes(diff));
      }

      writeFileSync(join(path, "bad.sql"), "create table other (x);\nnonsense;\n");
      const failed = await world.wt(["db", "restore", "bad.sql", "--yes"], { cwd: path });
      expect([failed.code, failed.stderr]).toEqual([2, expect.stringContaining('bad.sql line 2: near "nonsense": syntax error.')]);
      expect(changes(await diffOf(world, ["feature"]))).toEqual(changes(diff));
      const refused = await world.wt(["db", "dump", "feature.sql"], { cwd: path });
      expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining("--force")]);
      const asked = await world.wt(["db", "restore", "feature.sql"], { cwd: path });
      expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining("wt db restore feature.sql --yes")]);
      const main = await world.wt(["db", "restore", join(path, "feature.sql"), "-e", "main", "--yes"]);
      expect(main.code).toBe(5);
      expect(readdirSync(path).filter((name) => name.includes("partial"))).toEqual([]);

      const whole = await world.ok(["db", "dump", "-", "-e", "feature"]);
      expect(whole).toBe(readFileSync(join(path, "feature.sql"), "utf8"));
      const code = (await world.wt(["db", "restore", "nowhere"], { cwd: path })).code;
      expect(code).toBe(4);
    },
    minutes,
  );
});

describe.skipIf(!clients)("postgres", () => {
  const resource = `{ type: postgres, version: 15, migrate: "${process.execPath} migrate.mjs", inputs: [migrations/*] }`;

  test(
    "a sleeping one is compared, dumped and stays asleep; status names drift and pending migrations without waking it",
    async () => {
      await using world = await hermeticWorld({ files: filesFor(resource) });
      const path = await withFeature(world);
      const line = "db: schema differs from main: 1 table added";
      // A look that takes longer than a status may is there for the next one.
      const status = await eventually(
        () => world.ok(["status", "feature"]),
        (printed) => printed.includes(line),
      );
      expect(status).toContain(`${line} (wt db diff)`);
      expect(status).toContain("db: files it was made from changed since; migrations may be pending");
      for (const name of ["main", "feature"]) await world.ok(["db", "stop", "-e", name]);
      expect(await world.ok(["status", "feature"])).toMatch(new RegExp(`${line}, as of \\d+s ago`));
      const states = async () => (await world.list()).environments.map(({ resources }) => resources[0]?.state);
      expect(await states()).toEqual(["Asleep", "Asleep"]);
      expect(changes(await diffOf(world, ["feature"]))).toEqual(["added index by_customer ON public.orders", "added table public.orders"]);
      await world.ok(["db", "dump", "feature.dump"], { cwd: path });
      expect(await states()).toEqual(["Asleep", "Asleep"]);
      expect(readFileSync(join(path, "feature.dump"), "latin1").slice(0, 5)).toBe("PGDMP");

      await world.ok(["db", "psql", "-e", "feature", "-c", "drop table orders"]);
      await world.ok(["db", "restore", "feature.dump", "--yes"], { cwd: path });
      expect(changes(await diffOf(world, ["feature"]))).toHaveLength(2);
      const { findings } = JSON.parse(await world.ok(["doctor", "--json"]));
      expect(findings).toContainEqual(expect.objectContaining({ code: "schema_drift", level: "ok", fix: "wt db diff feature" }));
    },
    minutes,
  );

  test(
    "Ctrl-C cancels the statement that runs in the built-in prompt, and nothing else is said",
    async () => {
      await using world = await hermeticWorld({ files: filesFor(resource) });
      await world.ok(["up"]);
      const url = (await world.ok(["db", "url"])).trim();
      const begun = new AbortController();
      const asking = world.wt(["db", "psql", "-c", "select pg_sleep(120)"], { abort: begun.signal });
      await eventually(
        () => sleepers(url),
        (count) => count > 0,
      );
      begun.abort();
      const ended = await asking;
      expect(ended).toEqual({ code: 130, stdout: "", stderr: "error: canceling statement due to user request\n" });
      expect(await sleepers(url)).toBe(0);
    },
    minutes,
  );
});

async function sleepers(url: string): Promise<number> {
  const sql = new SQL(url, { max: 1 });
  try {
    const [row] = await sql.unsafe(
      "select count(*)::int as n from pg_stat_activity where query = 'select pg_sleep(120)' and state = 'active'",
    );
    return row.n;
  } finally {
    await sql.close({ timeout: 0 });
  }
}
