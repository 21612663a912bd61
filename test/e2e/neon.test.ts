// An environment whose database is a branch at Neon, through the real `wt`: against a local FAKE of Neon's API, never against the service.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type FakeNeon, projectId, startFakeNeon } from "../../src/resource/postgres/neon/fake-neon.conformance.ts";
import { startTestServer, type TestServer } from "../../src/resource/postgres/test-server.conformance.ts";
import { hermeticWorld } from "../support/hermetic-world.ts";

const minute = 60_000;
const files = {
  "wt.yaml": `project: shop
resources:
  db: { type: postgres, remote: neon, project: ${projectId}, migrate: "${process.execPath} migrate.mjs" }
services:
  web: { run: exec node server.mjs, route: /, needs: [db] }
`,
  "migrate.mjs": `import { SQL } from "bun";
const sql = new SQL(process.env.DATABASE_URL);
await sql.unsafe("create table if not exists notes (text text)");
await sql.unsafe("insert into notes select 'first' where not exists (select 1 from notes)");
await sql.close();
`,
  "server.mjs": `import http from "node:http";
http.createServer((_, response) => response.end(process.env.DATABASE_URL)).listen(Number(process.env.PORT), process.env.HOST);
`,
};

let server: TestServer;
let neon: FakeNeon;
beforeAll(async () => {
  server = await startTestServer({ major: 18 });
  neon = await startFakeNeon(server);
}, minute);
afterAll(async () => {
  await neon.dispose();
  await server.dispose();
});

test(
  "with a fake of Neon: create, list, reset, checkpoint, stop, delete; the key is written nowhere",
  async () => {
    await using world = await hermeticWorld();
    Object.assign(world.env, { WT_TEST_NEON_API: neon.apiUrl, NEON_API_KEY: neon.key });
    await world.write(files);
    await world.commit("first");
    await world.ok(["trust", "--yes"]);
    const branches = () =>
      neon.project
        .all()
        .map(({ name }) => name)
        .sort();

    const created = await world.wt(["create", "spike"]);
    expect(created.stderr).toContain("Neon: making a branch of main");
    await world.ok(["create", "other"]);
    expect(branches()).toEqual(["main", "wt_shop_other_db", "wt_shop_spike_db"]);
    const url = (await world.ok(["db", "url", "-e", "spike"])).trim();
    expect(await (await world.fetch("spike.localhost")).text()).toBe(url);
    // What a shell says about another database changes nothing.
    Object.assign(world.env, { PGDATABASE: "elsewhere", PGUSER: "nobody" });
    const rows = async () => {
      const printed = await world.ok(["db", "psql", "--builtin", "-e", "spike", "--json", "-c", "select text from notes order by 1"]);
      return (JSON.parse(printed) as { rows: string[][] }).rows.map(([text]) => text);
    };
    const write = (text: string) => world.ok(["db", "psql", "--builtin", "-e", "spike", "-c", `insert into notes values ('${text}')`]);
    await write("second");
    await world.ok(["db", "checkpoint", "kept", "-e", "spike"]);
    await world.ok(["db", "reset", "-e", "spike", "--yes"]);
    expect(await rows()).toEqual(["first"]);
    await world.ok(["db", "restore", "kept", "-e", "spike", "--yes"]);
    expect(await rows()).toEqual(["first", "second"]);
    expect((await world.ok(["db", "url", "-e", "spike"])).trim()).toBe(url);

    await world.ok(["db", "stop", "-e", "spike"]);
    expect(await world.ok(["db", "list"])).toMatch(/spike\s+db\s+postgres\s+Asleep\s+postgres:\/\/neondb_owner@127\.0\.0\.1/);
    expect(await world.ok(["list"])).toContain("Asleep");

    await world.ok(["delete", "spike", "--force"]);
    await world.ok(["delete", "other", "--force"]);
    expect(branches()).toEqual(["main"]);
    const kept = readdirSync(join(world.directory, "state"), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.filter(({ parentPath, name }) => readFileSync(join(parentPath, name)).includes(neon.key)).map(({ name }) => name)).toEqual(
      [],
    );
  },
  2 * minute,
);

test(
  "with a fake of Neon: without the key a create says what to do, and is carried on with it; an environment without a database is deleted without it",
  async () => {
    await using world = await hermeticWorld();
    Object.assign(world.env, { WT_TEST_NEON_API: neon.apiUrl });
    await world.write(files);
    await world.commit("first");
    await world.ok(["trust", "--yes"]);
    const refused = await world.wt(["create", "spike"]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("resources.db: the API key of Neon is not known: NEON_API_KEY is not set.");
    await world.ok(["delete", "spike", "--force"]);
    expect((await world.wt(["create", "spike"])).code).not.toBe(0);
    // What was made is kept; with the key it is carried on.
    await world.ok(["create", "spike", "--resume"], { env: { NEON_API_KEY: neon.key } });
    await world.ok(["delete", "spike", "--force"]);
  },
  2 * minute,
);
