// `hooks:` of a person's own config.yaml: for every project, approved by nobody, around those of the project.
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type HermeticWorld, hermeticWorld, leftovers } from "../support/hermetic-world.ts";

const minute = 60_000;
const events = ["before_create", "after_create", "before_up", "after_up", "before_down", "after_down", "before_delete", "after_delete"];
const hooks = (command: (event: string) => string) =>
  `hooks:\n${events.map((event) => `  ${event}: ${JSON.stringify(command(event))}\n`).join("")}`;
const noting = (who: string) => hooks((event) => `echo "${who} ${event} in $PWD" >> "$HOME/hooks.log"`);
const sleeper = "services:\n  web: { run: sleep 1000, port: none }\n";

async function worldWith(settings: string, files: Record<string, string>, trust = true): Promise<HermeticWorld> {
  const world = await hermeticWorld({ files, trust });
  await configure(world, settings);
  return world;
}

const configure = (world: HermeticWorld, settings: string) =>
  world.write({ "worldtree/config.yaml": settings }, join(world.directory, "config"));

function noted(world: HermeticWorld): string[] {
  const path = join(world.directory, "home/hooks.log");
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
}

describe("a person's own hooks", () => {
  test(
    "worktrunk#4020: run before the project's before something happens and after them after it, never at once",
    async () => {
      await using world = await worldWith(noting("mine"), { "wt.yaml": sleeper + noting("theirs") });
      const worktree = `${world.repository}.worktrees/a`;
      await world.ok(["create", "a"]);
      await world.ok(["down", "a"]);
      await world.ok(["delete", "a"]);
      const expected = [
        ["before_create", world.repository],
        ["before_up", worktree],
        ["after_up", worktree],
        ["after_create", worktree],
        ["before_down", worktree],
        ["after_down", worktree],
        ["before_delete", worktree],
        ["after_delete", world.repository],
      ].flatMap(([event = "", place]) => {
        const lines = [`mine ${event} in ${place}`, `theirs ${event} in ${place}`];
        return event.startsWith("before_") ? lines : lines.reverse();
      });
      expect(noted(world)).toEqual(expected);
      expect(leftovers(world, "a")).toEqual([]);
    },
    minute,
  );

  test(
    "need no approval, in no project, and are given what happens on their input",
    async () => {
      const settings =
        'hooks:\n  after_create: { run: \'cat > "$HOME/context.json"; echo "$WT_ENVIRONMENT" > "$HOME/slug"\', timeout: 20s }\n';
      await using world = await worldWith(settings, { "readme.txt": "no wt.yaml\n" }, false);
      await world.ok(["create", "a", "--no-up"]);
      const context = JSON.parse(readFileSync(join(world.directory, "home/context.json"), "utf8"));
      expect(context).toMatchObject({ schema: 1, event: "after_create", operation: "create", environment: { slug: "a", main: false } });
      expect(readFileSync(join(world.directory, "home/slug"), "utf8")).toBe("a\n");
      await world.ok(["delete", "a"]);
    },
    minute,
  );

  test(
    "that fail before something happens stop it and name the file; --no-hooks gets past them",
    async () => {
      await using world = await worldWith("hooks: { before_create: 'echo VPN is down; exit 3' }\n", { "wt.yaml": sleeper });
      const refused = await world.wt(["create", "a"]);
      expect(refused.code).toBe(7);
      expect(refused.stderr).toContain("wt: your hooks.before_create `echo VPN is down; exit 3` failed with code 3.\n");
      expect(refused.stderr).toContain(`Mend the command in ${join(world.directory, "config/worldtree/config.yaml")}`);
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
      expect(leftovers(world, "a")).toEqual([]);
      await world.ok(["create", "a", "--no-hooks"]);
      await configure(world, "hooks: { before_delete: 'exit 3', after_down: 'exit 3' }\n");
      expect((await world.wt(["delete", "a"])).code).toBe(7);
      const down = await world.wt(["down", "a"]);
      expect(down.code).toBe(0);
      expect(down.stderr).toContain("your hooks.after_down `exit 3` failed with code 3.");
      await world.ok(["delete", "a", "--no-hooks"]);
    },
    minute,
  );

  test(
    "with a mistake: nothing is made as if they were not there, and nothing is kept from ending",
    async () => {
      await using world = await worldWith("", { "wt.yaml": sleeper });
      await world.ok(["create", "a"]);
      await configure(world, "hooks: { on_create: notify }\n");
      const refused = await world.wt(["create", "b", "--json"]);
      expect(refused.code).toBe(3);
      expect(JSON.parse(refused.stdout || refused.stderr).error).toMatchObject({ code: "user_config_invalid" });
      expect((await world.wt(["up", "a"])).code).toBe(3);
      expect((await world.wt(["doctor"])).stdout).toContain("config.yaml: hooks has no key on_create;");
      const deleted = await world.wt(["delete", "a"]);
      expect(deleted.code).toBe(0);
      expect(deleted.stderr).toContain("The hooks before_delete did not run:");
    },
    minute,
  );

  test(
    "of a bare repository have no main worktree to run in, and that is said",
    async () => {
      await using world = await worldWith("hooks: { before_create: 'exit 3' }\n", { "readme.txt": "" });
      const bare = join(world.directory, "bare.git");
      await world.git(["clone", "--quiet", "--bare", world.repository, bare]);
      const created = await world.wt(["create", "a", "--no-up"], { cwd: bare });
      expect(created.code).toBe(0);
      expect(created.stderr).toMatch(/Your hooks.before_create did not run: bare\S* has no main worktree to run it in\./);
      await world.ok(["delete", "a"], { cwd: bare });
    },
    minute,
  );
});
