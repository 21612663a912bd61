import { expect, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hermeticWorld } from "../support/hermetic-world.ts";

const minute = 60_000;

/** The bucket answers as long as there is no file `down` in the home directory. */
const files = {
  "wt.yaml": `project: shop
resources:
  db: { type: sqlite, path: app.db, migrate: "${process.execPath} migrate.mjs" }
  bucket: { type: exec, create: "echo '{}'", destroy: "true", check: "test ! -e $HOME/down || { echo 'the bucket is gone' >&2; exit 3; }" }
`,
  "migrate.mjs": `import { Database } from "bun:sqlite";
new Database(process.env.DB_PATH, { create: true }).run("create table notes (text)");
`,
  ".gitignore": "app.db\n",
};

test(
  "wt up of an environment without services fails while a resource does not work, and makes one anew that is gone",
  async () => {
    await using world = await hermeticWorld({ files });
    await world.ok(["create", "a"]);
    const path = `${world.repository}.worktrees/a`;
    writeFileSync(join(world.directory, "home/down"), "");
    const up = await world.wt(["up", "a"]);
    expect([up.code, up.stderr]).toEqual([8, expect.stringContaining("wt: bucket of a is Broken: ")]);
    expect(up.stderr).toContain("wt db reset bucket -e a");
    expect((await world.status("a")).status).toBe("Degraded");
    expect(await world.ok(["list"])).toMatch(/^a +Degraded +bucket Broken/m);

    rmSync(join(world.directory, "home/down"));
    expect((await world.status("a")).status).toBe("Healthy");
    rmSync(join(path, "app.db"));
    expect((await world.wt(["up", "a"])).stderr).toContain("Prepare db");
    expect(existsSync(join(path, "app.db"))).toBe(true);
    expect(await world.ok(["db", "psql", "-e", "a", "--json", "-c", "select count(*) from notes", "db"])).toContain('[["0"]]');
  },
  minute,
);
