import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, type HermeticWorld, hermeticWorld, leftovers } from "../support/hermetic-world.ts";

const minute = 60_000;

/** Each hook adds a line to a file beside the repository: its event, where it ran, and what it was given. */
const note = (event: string) => `jq -c '[.event, .operation, .environment.slug, .services]' >> "$HOME/hooks.log"; echo "${event} in $PWD"`;
const events = ["before_create", "after_create", "before_up", "after_up", "before_down", "after_down", "before_delete", "after_delete"];
const sleeper = "services:\n  web: sleep 1000\n";
const everyHook = `${sleeper}hooks:\n${events.map((event) => `  ${event}: ${JSON.stringify(note(event))}\n`).join("")}`;

function noted(world: HermeticWorld): unknown[] {
  const path = join(world.directory, "home/hooks.log");
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe.skipIf(!Bun.which("jq"))("hooks", () => {
  test(
    "superset#1178: each event runs its hook once, in its place, with the context on its input",
    async () => {
      await using world = await hermeticWorld({ files: { "wt.yaml": everyHook } });
      const worktree = `${world.repository}.worktrees/a`;
      const created = await world.wt(["create", "a"]);
      expect(created).toMatchObject({ code: 0 });
      expect(noted(world)).toEqual([
        ["before_create", "create", "a", []],
        ["before_up", "create", "a", ["web"]],
        ["after_up", "create", "a", ["web"]],
        ["after_create", "create", "a", ["web"]],
      ]);
      expect(created.stderr).toContain(`before_create in ${world.repository}\n`);
      for (const event of ["before_up", "after_up", "after_create"]) expect(created.stderr).toContain(`${event} in ${worktree}\n`);
      await world.ok(["down", "a"]);
      await world.ok(["up", "a"]);
      await world.ok(["restart", "a"]);
      const deleted = await world.wt(["delete", "a"]);
      expect(deleted).toMatchObject({ code: 0 });
      expect(noted(world).slice(4)).toEqual([
        ["before_down", "down", "a", ["web"]],
        ["after_down", "down", "a", ["web"]],
        ["before_up", "up", "a", ["web"]],
        ["after_up", "up", "a", ["web"]],
        ["before_up", "restart", "a", ["web"]],
        ["after_up", "restart", "a", ["web"]],
        ["before_delete", "delete", "a", []],
        ["after_delete", "delete", "a", []],
      ]);
      expect(deleted.stderr).toContain(`before_delete in ${worktree}\n`);
      expect(deleted.stderr).toContain(`after_delete in ${world.repository}\n`);
      expect(leftovers(world, "a")).toEqual([]);
    },
    minute,
  );

  test(
    "--no-hooks leaves all of them out",
    async () => {
      await using world = await hermeticWorld({ files: { "wt.yaml": everyHook } });
      await world.ok(["create", "a", "--no-hooks"]);
      await world.ok(["down", "a", "--no-hooks"]);
      await world.ok(["up", "a", "--no-hooks"]);
      await world.ok(["restart", "a", "--no-hooks"]);
      await world.ok(["delete", "a", "--no-hooks"]);
      expect(noted(world)).toEqual([]);
    },
    minute,
  );

  test(
    "after_create waits until a create that failed is complete, and then runs once",
    async () => {
      const yaml = `setup: [test -e mended.flag]\n${everyHook}`;
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml, ".gitignore": "mended.flag\n" } });
      expect((await world.wt(["create", "a"])).code).toBe(7);
      expect(noted(world)).toEqual([["before_create", "create", "a", []]]);
      await world.write({ "mended.flag": "" }, `${world.repository}.worktrees/a`);
      await world.ok(["create", "a", "--resume"]);
      await world.ok(["up", "a"]);
      expect(noted(world).filter((line) => (line as string[])[0] === "after_create")).toHaveLength(1);
      await world.ok(["delete", "a", "--no-hooks"]);
    },
    minute,
  );
});

describe("a hook that fails", () => {
  test(
    "before_create: nothing is made",
    async () => {
      await using world = await hermeticWorld({ files: { "wt.yaml": "hooks: { before_create: 'echo no VPN >&2; exit 3' }\n" } });
      const ran = await world.wt(["create", "a"]);
      expect(ran.code).toBe(7);
      expect(ran.stderr).toContain("hooks.before_create `echo no VPN >&2; exit 3` failed with code 3.");
      expect(ran.stderr).toContain("no VPN");
      expect(leftovers(world, "a")).toEqual([]);
      expect(await world.git(["branch", "--list", "a"])).toBe("");
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
    },
    minute,
  );

  test(
    "before_up: the environment is kept, nothing starts, and a resume runs it again",
    async () => {
      const yaml = `${sleeper}hooks: { before_up: test -e ready.flag }\n`;
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml, ".gitignore": "ready.flag\n" } });
      const ran = await world.wt(["create", "a"]);
      expect(ran.code).toBe(7);
      expect(ran.stderr).toContain("wt create a --resume");
      const kept = await world.status("a");
      expect(kept).toMatchObject({ status: "Incomplete", services: [{ state: "Stopped" }] });
      await world.write({ "ready.flag": "" }, kept.path);
      await world.ok(["create", "a", "--resume"]);
      expect((await world.status("a")).status).toBe("Healthy");
      await world.ok(["delete", "a"]);
    },
    minute,
  );

  test(
    "before_down and before_delete: everything runs on, also after the daemon was killed; --no-hooks gets past them",
    async () => {
      const yaml = `${sleeper}hooks: { before_down: exit 4, before_delete: exit 5 }\n`;
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml } });
      await world.ok(["create", "a"]);
      const { services } = await world.status("a");
      expect((await world.wt(["down", "a"])).code).toBe(7);
      expect((await world.wt(["delete", "a", "--force"])).code).toBe(7);
      process.kill(await world.daemonPid(), "SIGKILL");
      expect(await world.status("a")).toMatchObject({ services: [{ pid: services[0]?.pid }] });
      await world.ok(["delete", "a", "--no-hooks"]);
      expect(leftovers(world, "a")).toEqual([]);
    },
    minute,
  );

  test(
    "after_…: it is said, what happened stays",
    async () => {
      const yaml = `${sleeper}hooks: { after_up: exit 4, after_create: exit 5, after_down: exit 6, after_delete: exit 7 }\n`;
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml } });
      const created = await world.wt(["create", "a"]);
      expect(created.code).toBe(0);
      expect(created.stderr).toContain("hooks.after_up `exit 4` failed with code 4.");
      expect(created.stderr).toContain("hooks.after_create `exit 5` failed with code 5.");
      expect((await world.status("a")).status).toBe("Healthy");
      const down = await world.wt(["down", "a"]);
      expect(down.code).toBe(0);
      expect(down.stderr).toContain("hooks.after_down `exit 6` failed with code 6.");
      const deleted = await world.wt(["delete", "a"]);
      expect(deleted.code).toBe(0);
      expect(deleted.stderr).toContain("hooks.after_delete `exit 7` failed with code 7.");
      expect(leftovers(world, "a")).toEqual([]);
    },
    minute,
  );

  test(
    "one that takes too long is ended with everything it started",
    async () => {
      const yaml = "hooks: { before_up: { run: sleep 7531 & sleep 7532, timeout: 300ms } }\n";
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml } });
      const ran = await world.wt(["create", "a"]);
      expect(ran.code).toBe(7);
      expect(ran.stderr).toContain("took longer than 300 ms and was ended");
      expect(running(/sleep 753[12]/)).toEqual([]);
      await world.ok(["delete", "a"]);
    },
    minute,
  );
});

function running(command: RegExp): string[] {
  const { stdout } = Bun.spawnSync(["ps", "-axww", "-o", "command="]);
  return stdout
    .toString()
    .split("\n")
    .filter((line) => command.test(line));
}

describe("a hook that calls wt", () => {
  test(
    "within what holds its environment it is refused, not left to wait for itself",
    async () => {
      await using world = await hermeticWorld({ files: { "wt.yaml": `${sleeper}hooks: { before_up: $WT up }\n` } });
      const ran = await world.wt(["create", "a"], { env: { WT: program } });
      // Variables of wt's own are not passed on, others are.
      expect(ran.code).toBe(7);
      expect(ran.stderr).toContain("This runs within hooks.before_up of a, which holds a until it has ended");
      await world.ok(["delete", "a"]);
    },
    minute,
  );

  test(
    "after_up and after_create may do anything with it, without calling themselves",
    async () => {
      const yaml = `${sleeper}hooks: { after_up: $TOOL up, after_create: $TOOL create $WT_BRANCH }\n`;
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml } });
      const ran = await world.wt(["create", "a"], { env: { TOOL: program } });
      expect(ran.code).toBe(0);
      expect(ran.stderr).toContain("hooks.after_up does not run within hooks.after_up.");
      expect(ran.stderr).not.toContain("failed with code");
      await world.ok(["delete", "a"]);
    },
    minute,
  );

  test(
    "many that each create another environment do not wait for each other's setup",
    async () => {
      const yaml = `setup: [sleep 0.2]\nhooks: { before_up: 'case $WT_ENVIRONMENT in *-of-*) ;; *) $TOOL create second-of-$WT_ENVIRONMENT;; esac' }\n`;
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml } });
      const names = ["a", "b", "c", "d"];
      const all = await Promise.all(names.map((name) => world.wt(["create", name], { env: { TOOL: program } })));
      expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
      const slugs = (await world.list()).environments.map(({ slug }) => slug);
      expect(slugs.sort()).toEqual(["main", ...names, ...names.map((name) => `second-of-${name}`)].sort());
      await world.ok(["delete", ...names, ...names.map((name) => `second-of-${name}`)]);
    },
    minute,
  );

  test(
    "what a hook leaves running on purpose stays, is no longer taken for the hook, and goes with the environment",
    async () => {
      const yaml = `hooks: { after_create: 'nohup sleep 7533 >/dev/null 2>&1 &' }\n`;
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml } });
      await world.ok(["create", "a"]);
      expect(running(/sleep 7533/)).toHaveLength(1);
      process.kill(await world.daemonPid(), "SIGKILL");
      await world.ok(["up", "a"]);
      expect(running(/sleep 7533/)).toHaveLength(1);
      await world.ok(["delete", "a"]);
      await eventually(
        () => running(/sleep 7533/),
        (left) => left.length === 0,
      );
    },
    minute,
  );
});

describe("the daemon is killed", () => {
  test(
    "while before_delete runs: the hook ends, nothing was deleted, and the deletion is not carried on",
    async () => {
      const yaml = `${sleeper}hooks: { before_delete: 'touch begun.flag; exec sleep 7534' }\n`;
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml, ".gitignore": "*.flag\n" } });
      await world.ok(["create", "a"]);
      const begun = `${world.repository}.worktrees/a/begun.flag`;
      const deleting = world.wt(["delete", "a"]);
      await eventually(() => existsSync(begun), Boolean);
      process.kill(await world.daemonPid(), "SIGKILL");
      expect((await deleting).code).not.toBe(0);
      await eventually(
        async () => (await world.status("a")).status,
        (status) => status === "Healthy",
      );
      expect(running(/sleep 7534/)).toEqual([]);
      expect(existsSync(begun)).toBe(true);
      await world.ok(["delete", "a", "--no-hooks"]);
      expect(leftovers(world, "a")).toEqual([]);
    },
    minute,
  );

  test(
    "after before_delete: the next one deletes, and after_delete runs",
    async () => {
      const yaml = `${sleeper}hooks: { before_delete: 'echo before >> $HOME/hooks.log', after_delete: 'echo after $WT_ENVIRONMENT >> $HOME/hooks.log' }\n`;
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml } });
      await world.ok(["create", "a"]);
      await world.ok(["daemon", "stop"]);
      expect((await world.wt(["delete", "a"], { env: { WT_TEST_FAULT: "kill@before:remove_worktree" } })).code).not.toBe(0);
      const log = join(world.directory, "home/hooks.log");
      const slugs = async () => (await world.list()).environments.map(({ slug }) => slug);
      await eventually(slugs, (found) => found.join() === "main");
      await eventually(
        () => readFileSync(log, "utf8"),
        (text) => text === "before\nafter a\n",
      );
      expect(leftovers(world, "a")).toEqual([]);
    },
    minute,
  );

  test(
    "while before_create runs: nothing is left of the create",
    async () => {
      const yaml = "hooks: { before_create: 'touch begun.flag; exec sleep 7535' }\n";
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml, ".gitignore": "*.flag\n" } });
      const creating = world.wt(["create", "a"]);
      await eventually(() => existsSync(join(world.repository, "begun.flag")), Boolean);
      process.kill(await world.daemonPid(), "SIGKILL");
      expect((await creating).code).not.toBe(0);
      const slugs = async () => (await world.list()).environments.map(({ slug }) => slug);
      await eventually(slugs, (found) => found.join() === "main");
      await eventually(
        () => running(/sleep 7535/),
        (left) => left.length === 0,
      );
      expect(leftovers(world, "a")).toEqual([]);
    },
    minute,
  );
});

test(
  "hooks need trust; a change asks again; what was not approved holds up a delete but can be left out",
  async () => {
    await using world = await hermeticWorld({
      files: { "wt.yaml": "hooks: { before_delete: ./check.sh }\n", "check.sh": "#!/bin/sh\n" },
      trust: false,
    });
    expect((await world.wt(["create", "a"])).code).toBe(6);
    await world.ok(["trust", "--yes"]);
    await world.ok(["create", "a"]);
    const worktree = `${world.repository}.worktrees/a`;
    await world.write({ "check.sh": "#!/bin/sh\ntouch $HOME/owned\n" }, worktree);
    await world.commit("another script", worktree);
    const refused = await world.wt(["delete", "a", "--force"]);
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain("--no-hooks");
    await world.ok(["delete", "a", "--force", "--no-hooks"]);
    expect(existsSync(join(world.directory, "home/owned"))).toBe(false);
  },
  minute,
);

test(
  "before_create runs what the main worktree has, approved there, not what its script has become since",
  async () => {
    const files = { "wt.yaml": "hooks: { before_create: sh check.sh }\n", "check.sh": "echo fine\n" };
    await using world = await hermeticWorld({ files });
    await world.write({ "check.sh": "touch $HOME/owned\n" });
    const ran = await world.wt(["create", "a"]);
    expect(ran.code).toBe(6);
    expect(existsSync(join(world.directory, "home/owned"))).toBe(false);
    expect(leftovers(world, "a")).toEqual([]);
  },
  minute,
);

test(
  "an inherited GIT_DIR does not reach a hook (once it rewrote core.worktree of the main repository)",
  async () => {
    const yaml = 'hooks: { after_create: "git rev-parse --show-toplevel; env | grep ^GIT_DIR || echo none" }\n';
    await using world = await hermeticWorld({ files: { "wt.yaml": yaml } });
    const ran = await world.wt(["create", "a"], { env: { GIT_DIR: join(world.repository, ".git"), GIT_WORK_TREE: world.repository } });
    expect(ran.stderr).toContain(`  | ${world.repository}.worktrees/a\n`);
    expect(ran.stderr).toContain("  | none\n");
    await world.ok(["delete", "a"]);
  },
  minute,
);

test(
  "a wt.yaml with mistakes does not keep an environment from being stopped and deleted; that its hooks are left out is said",
  async () => {
    await using world = await hermeticWorld({ files: { "wt.yaml": `${sleeper}hooks: { before_delete: exit 1 }\n` } });
    await world.ok(["create", "a"]);
    await world.write({ "wt.yaml": "hooks: [\n" }, `${world.repository}.worktrees/a`);
    for (const args of [
      ["down", "a"],
      ["delete", "a", "--force"],
    ]) {
      const ran = await world.wt(args);
      expect(ran.code).toBe(0);
      expect(ran.stderr).toContain("did not run");
    }
  },
  minute,
);

const program = process.env.WT_TEST_BINARY ?? join(import.meta.dir, "../../bin/wt");
