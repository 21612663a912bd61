// A worktree that somebody removed with `rm -rf`, also while a program in it goes on writing files.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { eventually, type HermeticWorld, hermeticWorld, leftovers } from "../support/hermetic-world.ts";

const minute = 60_000;

/** As Vite does with its cache: whenever the directory is gone, it is made anew. */
const persistent = `import { mkdirSync, writeFileSync } from "node:fs";
const cache = process.argv[2];
const write = () => {
  mkdirSync(cache, { recursive: true });
  writeFileSync(cache + "/metadata.json", "{}");
};
write();
setInterval(write, 20);
`;

const files = (cache: string) => ({
  "wt.yaml": `services:\n  web: { run: 'exec node writer.mjs "$PWD/${cache}"', port: none }\n`,
  "writer.mjs": persistent,
  ".gitignore": "node_modules\n",
});

const pathOf = (world: HermeticWorld, name: string) => `${world.repository}.worktrees/${name}`;

async function removeUnder(world: HermeticWorld, cache: string): Promise<void> {
  await world.ok(["create", "a"]);
  const written = `${pathOf(world, "a")}/${cache}/metadata.json`;
  await eventually(() => existsSync(written), Boolean);
  rmSync(pathOf(world, "a"), { recursive: true, force: true, maxRetries: 20 });
  expect(await eventually(() => existsSync(written), Boolean)).toBe(true);
  expect(existsSync(`${pathOf(world, "a")}/.git`)).toBe(false);
}

async function isGone(world: HermeticWorld): Promise<void> {
  expect(leftovers(world, "a")).toEqual([]);
  expect(await world.git(["branch", "--list", "a"])).toBe("");
  expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
  // Only the daemon is left.
  expect(
    await eventually(
      () => world.processes().length,
      (count) => count === 1,
    ),
  ).toBe(1);
}

describe("a worktree without its .git", () => {
  test(
    "is missing; with nothing but ignored files it is deleted, its services too",
    async () => {
      await using world = await hermeticWorld({ files: files("node_modules/.vite") });
      await removeUnder(world, "node_modules/.vite");
      expect((await world.status("a")).status).toBe("Missing");
      expect((await world.list()).environments.find(({ slug }) => slug === "a")?.status).toBe("Missing");
      const up = await world.wt(["up", "a"]);
      expect(up.code).toBe(7);
      expect(up.stderr).toContain("is not a worktree any more: its .git is gone.");
      await world.ok(["delete", "a"]);
      await isGone(world);
      expect(existsSync(`${world.repository}.worktrees`)).toBe(false);
      expect(
        await eventually(
          () => existsSync(`${world.repository}/.git/wt`),
          (there) => !there,
        ),
      ).toBe(false);
    },
    minute,
  );

  test(
    "with other files in it is deleted only by force, and they are kept",
    async () => {
      await using world = await hermeticWorld({ files: files(".vite") });
      await removeUnder(world, ".vite");
      mkdirSync(`${pathOf(world, "a")}/notes`);
      writeFileSync(`${pathOf(world, "a")}/notes/idea.txt`, "mine");
      const refused = await world.wt(["delete", "a"]);
      expect(refused.code).toBe(5);
      expect(refused.stderr).toContain("notes/idea.txt");
      expect(refused.stderr).toContain(".vite/metadata.json");
      expect((await world.status("a")).status).toBe("Missing");
      const forced = await world.wt(["delete", "a", "--force"]);
      expect(forced.code).toBe(0);
      const kept = `${world.repository}/.git/wt/kept`;
      expect(forced.stderr).toContain(kept);
      expect(readFileSync(`${kept}/${readdirSync(kept)[0]}/notes/idea.txt`, "utf8")).toBe("mine");
      await isGone(world);
    },
    minute,
  );

  test(
    "does not lose the commits of its branch",
    async () => {
      await using world = await hermeticWorld({ files: files(".vite") });
      await world.ok(["create", "a", "--no-up"]);
      await world.write({ "work.txt": "work\n" }, pathOf(world, "a"));
      await world.commit("work", pathOf(world, "a"));
      rmSync(pathOf(world, "a"), { recursive: true });
      mkdirSync(`${pathOf(world, "a")}/.vite`, { recursive: true });
      await world.ok(["delete", "a"]);
      expect(leftovers(world, "a")).toEqual([]);
      expect(await world.git(["log", "--format=%s", "-1", "a"])).toBe("work\n");
    },
    minute,
  );
});
