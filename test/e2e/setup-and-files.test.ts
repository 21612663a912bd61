import { expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { hermeticWorld } from "../support/hermetic-world.ts";

const minute = 60_000;

test(
  "steps in a list inside of the list run at once, and what follows waits for all of them",
  async () => {
    // Each of the two waits for the other: one after the other they would never end.
    const meet = (mine: string, other: string) => `"touch ${mine}.met; until test -e ${other}.met; do sleep 0.02; done; echo met ${other}"`;
    const yaml = `setup:\n  - [${meet("a", "b")}, ${meet("b", "a")}]\n  - "test -e a.met && test -e b.met && echo after"\n`;
    await using world = await hermeticWorld({ files: { "wt.yaml": yaml, ".gitignore": "*.met\n" } });
    const ran = await world.wt(["create", "a"]);
    expect(ran).toMatchObject({ code: 0 });
    for (const line of ["met a", "met b", "after"]) expect(ran.stderr).toContain(`  | ${line}\n`);
    const logs = await world.ok(["logs", "--setup", "-e", "a"]);
    for (const line of ["met a", "met b", "after"]) expect(logs).toContain(line);
    expect(await world.ok(["logs", "setup", "-e", "a", "--json"])).toContain('"service":"setup:2"');
    await world.ok(["delete", "a"]);
  },
  minute,
);

test(
  "of steps that run at once one fails: the others are ended, the environment is kept, a resume does what is not done",
  async () => {
    const yaml = `setup:\n  - ["echo once >> counted.log", "sleep 7541", "until test -s counted.log; do sleep 0.02; done; sleep 0.3; test -e mended.flag"]\n`;
    await using world = await hermeticWorld({ files: { "wt.yaml": yaml, ".gitignore": "*.log\n*.flag\n" } });
    const ran = await world.wt(["create", "a"]);
    expect(ran.code).toBe(7);
    expect(ran.stderr).toContain("setup[0][2] `until test");
    const worktree = `${world.repository}.worktrees/a`;
    expect(Bun.spawnSync(["pgrep", "-fx", "sleep 7541"]).stdout.toString()).toBe("");
    await world.write({ "mended.flag": "", "wt.yaml": yaml.replace(' "sleep 7541",', "") }, worktree);
    await world.ok(["trust", "a", "--yes"]);
    await world.ok(["create", "a", "--resume"]);
    expect(readFileSync(join(worktree, "counted.log"), "utf8")).toBe("once\n");
    await world.ok(["delete", "a", "--force"]);
  },
  minute,
);

test(
  "--no-setup leaves the setup commands to the next `wt up`",
  async () => {
    const yaml = "setup: [touch prepared.flag]\nservices: { web: sleep 1000 }\n";
    await using world = await hermeticWorld({ files: { "wt.yaml": yaml, ".gitignore": "*.flag\n" } });
    const prepared = `${world.repository}.worktrees/a/prepared.flag`;
    await world.ok(["create", "a", "--no-setup"]);
    expect((await world.status("a")).status).toBe("Healthy");
    await world.ok(["restart", "a", "--no-setup"]);
    expect(existsSync(prepared)).toBe(false);
    await world.ok(["up", "a"]);
    expect(existsSync(prepared)).toBe(true);
    await world.ok(["delete", "a"]);
  },
  minute,
);

test(
  "claude-code#27744: copy, .worktreeinclude and clone bring what git does not, with modes, once",
  async () => {
    const files = {
      "wt.yaml": "copy: [.env]\nclone: [node_modules, .venv]\nservices: { web: sleep 1000 }\n",
      ".worktreeinclude": "*.key\n!public.key\n",
      ".gitignore": ".env\n*.key\nnode_modules\n.venv\nsecret/\n",
      "apps/index.js": "",
    };
    await using world = await hermeticWorld({ files });
    await world.write({ ".env": "A=1\n", "apps/a.key": "k\n", "public.key": "", "node_modules/x/index.js": "1\n", ".venv/pyvenv.cfg": "" });
    chmodSync(join(world.repository, "apps/a.key"), 0o600);
    symlinkSync("/etc/hosts", join(world.repository, "hosts.key"));
    const ran = await world.wt(["create", "a"]);
    expect(ran.code).toBe(0);
    const worktree = `${world.repository}.worktrees/a`;
    expect(readdirSync(worktree).sort()).toEqual([".env", ".git", ".gitignore", ".worktreeinclude", "apps", "node_modules", "wt.yaml"]);
    expect(statSync(join(worktree, "apps/a.key")).mode & 0o777).toBe(0o600);
    expect(ran.stderr).toContain("hosts.key was left out");
    expect(ran.stderr).toMatch(/node_modules: (cloned|copied)/);
    expect(ran.stderr).toContain("clone: .venv was left out: it is a Python environment");
    await world.write({ ".env": "A=2\n" });
    await world.ok(["up", "a"]);
    expect(readFileSync(join(worktree, ".env"), "utf8")).toBe("A=1\n");
    await world.ok(["delete", "a"]);
  },
  minute,
);

test(
  "claude-code#69874: what a step makes is taken from an environment that made it from the same inputs, and made anew where they differ",
  async () => {
    const install = "mkdir node_modules && cp deps.lock node_modules/installed && echo installed";
    const yaml = `setup: [{ run: ${JSON.stringify(install)}, inputs: [deps.lock], makes: node_modules }]\n`;
    await using world = await hermeticWorld({ files: { "wt.yaml": yaml, ".gitignore": "node_modules\n", "deps.lock": "1\n" } });
    const installed = (name: string) => readFileSync(`${world.repository}.worktrees/${name}/node_modules/installed`, "utf8");
    expect((await world.wt(["create", "a"])).stderr).toContain("  | installed\n");
    const second = await world.wt(["create", "b"]);
    expect(second.stderr).toContain("setup[0] has the same inputs as in a, so node_modules is taken from there.");
    expect(second.stderr).not.toContain("  | installed\n");
    expect(installed("b")).toBe("1\n");
    // An environment whose lock file was changed since is no source, and one with other inputs takes nothing.
    for (const name of ["a", "b"]) await world.write({ "deps.lock": "2\n" }, `${world.repository}.worktrees/${name}`);
    expect((await world.wt(["create", "c"])).stderr).toContain("  | installed\n");
    await world.commit("2", `${world.repository}.worktrees/a`);
    expect((await world.wt(["create", "d", "--from", "a"])).stderr).toContain("  | installed\n");
    expect(installed("d")).toBe("2\n");
    await world.ok(["delete", "a", "b", "c", "d", "--force"]);
  },
  minute,
);

test(
  "a create that is called within another environment hands nothing of it on",
  async () => {
    const yaml =
      "env: { OWN: 'of-${{ env.slug }}' }\nsetup: ['echo \"port=${PORT-none} own=$OWN env=$WT_ENVIRONMENT\"']\nservices: { web: { run: sleep 1000, port: none } }\n";
    await using world = await hermeticWorld({ files: { "wt.yaml": yaml } });
    await world.ok(["create", "a"]);
    const worktree = `${world.repository}.worktrees/a`;
    const ran = await world.wt(["create", "b"], {
      cwd: worktree,
      env: { PORT: "20001", WT_ENVIRONMENT: "a", OWN: "of-a", WT_VARIABLES: "OWN,PORT" },
    });
    expect(ran.stderr).toContain("  | port=none own=of-b env=b\n");
    await world.ok(["delete", "a", "b"]);
  },
  minute,
);
