// Containers write into the worktree as root, which its user may neither move nor remove.
import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";
import { composeWorld, projectName } from "../support/compose-app.ts";
import { dockerReason } from "../support/docker.ts";
import { eventually } from "../support/hermetic-world.ts";

const reason = dockerReason() ?? (process.getuid?.() === 0 ? "root may remove everything" : null);

const writing = (image: string) => ({
  "wt.yaml": `project: ${projectName}\nruntime: compose\n`,
  ".gitignore": "cache\nnode_modules\n",
  "compose.yaml": `services:
  web:
    image: ${image}
    init: true
    volumes: [".:/app"]
    command: [sh, /app/write.sh]
    healthcheck: { test: [CMD, test, -e, /tmp/ready], interval: 1s, retries: 60 }
`,
  "write.sh": `mkdir -p -m 700 /app/cache
mkdir -p /app/cache/deep /app/node_modules/big
test -e /app/cache/deep/file || echo "of a container" > /app/cache/deep/file
dd if=/dev/zero of=/app/node_modules/big/file bs=1048576 count=40 2> /dev/null
echo note > /app/note.txt
touch /tmp/ready
exec sleep 100000
`,
});

describe.skipIf(reason !== null)(`files of root${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test("are kept with the environment, come back with it, and go with it", async () => {
    await using compose = await composeWorld(writing);
    const { world } = compose;
    world.env.WT_UNDELETE_DAYS = "7";
    await world.wt(["daemon", "stop"]);
    await world.ok(["create", "a"]);
    const { path } = await world.status("a");
    const owner = (name: string) => lstatSync(join(path, name)).uid;
    expect([owner("cache"), owner("node_modules"), owner("note.txt")]).toEqual([0, 0, 0]);

    await world.ok(["delete", "a", "--force"]);
    expect(existsSync(path)).toBe(false);
    const kept = join(world.repository, ".git/wt/deleted");
    const heavy = () => [...new Glob("*/*/node_modules").scanSync({ cwd: kept, onlyFiles: false })];
    // It is made again, so it need not be kept.
    expect(await eventually(heavy, (found) => found.length === 0)).toEqual([]);
    await world.ok(["undelete", "a"]);
    expect([owner("cache"), owner("note.txt")]).toEqual([0, 0]);
    const read = await world.ok(["run", "-e", "a", "--", "cat", "/app/cache/deep/file"]);
    expect(read).toContain("of a container");

    await world.ok(["delete", "a", "--force", "--purge"]);
    const trash = () => existsSync(join(world.repository, ".git/wt/trash"));
    expect(await eventually(trash, (there) => !there)).toBe(false);
  }, 180_000);
});
