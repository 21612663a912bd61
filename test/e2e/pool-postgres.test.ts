// Prepared worktrees with a PostgreSQL server each: a claim brings the database with it.
import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { hermeticWorld } from "../support/hermetic-world.ts";

const files = {
  "wt.yaml": `project: shop
resources:
  db: { type: postgres, migrate: "${process.execPath} migrate.mjs", inputs: [migrations] }
services:
  web: { run: exec node server.mjs, route: /, needs: [db] }
`,
  "migrate.mjs": `import { readdirSync, readFileSync } from "node:fs";
import { SQL } from "bun";
const sql = new SQL(process.env.DATABASE_URL, { max: 1 });
await sql\`create table if not exists done (name text primary key)\`;
for (const name of readdirSync("migrations").sort()) {
  if ((await sql\`select 1 from done where name = \${name}\`).length > 0) continue;
  await sql.unsafe(readFileSync("migrations/" + name, "utf8"));
  await sql\`insert into done values (\${name})\`;
}
await sql.close();
`,
  "migrations/1.sql": "create table notes (body text); insert into notes values ('seeded')",
  "server.mjs": `import http from "node:http";
http.createServer((_, response) => response.end(process.env.DATABASE_URL)).listen(Number(process.env.PORT), process.env.HOST);
`,
};

async function query(url: string, text: string): Promise<unknown[]> {
  const sql = new SQL(url, { max: 1, connectionTimeout: 20 });
  try {
    return [...((await sql.unsafe(text)) as unknown[])];
  } finally {
    await sql.close({ timeout: 0 });
  }
}

test("a claim brings its database with it, each its own; what migrations changed meanwhile is done before the services start", async () => {
  await using world = await hermeticWorld({ files });
  await world.ok(["pool", "set", "2"]);
  await world.ok(["pool", "refill"]);
  const urlOf = async (name: string) => {
    await world.ok(["create", name]);
    const url = (await world.ok(["db", "url", "-e", name])).trim();
    // What the app was given is what the user is told.
    expect(await (await world.fetch(`${name}.localhost`)).text()).toBe(url);
    return url;
  };
  const [one, two] = [await urlOf("one"), await urlOf("two")];
  expect(new Set([one, two].map((url) => new URL(url).port)).size).toBe(2);
  expect(new Set([one, two].map((url) => new URL(url).password)).size).toBe(2);
  await query(one, "insert into notes values ('of one')");
  expect(await query(two, "select body from notes")).toEqual([{ body: "seeded" }]);

  await world.ok(["pool", "refill"]);
  await world.write({ "migrations/2.sql": "alter table notes add column colour text" });
  await world.git(["add", "-A"]);
  await world.git(["commit", "--quiet", "-m", "a column"]);
  await world.ok(["trust", "--yes"]);
  const three = await urlOf("three");
  expect(await query(three, "select body, colour from notes")).toEqual([{ body: "seeded", colour: null }]);

  await world.ok(["pool", "set", "0"]);
  for (const name of ["one", "two", "three"]) await world.ok(["delete", name, "--force", "--branch"]);
  const parent = `${world.repository}.worktrees`;
  expect(existsSync(parent) ? readdirSync(parent) : []).toEqual([]);
  expect(readdirSync(join(world.directory, "state/worldtree/environments"))).toEqual([]);
}, 180_000);
