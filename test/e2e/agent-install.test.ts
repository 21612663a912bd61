import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { agentWorld } from "../support/agent-world.ts";
import { hermeticWorld, leftovers, testedProgram } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

const minute = 60_000;

describe("what agents are told", () => {
  test(
    "wt.yaml names the agent: a known name runs as it is, a command only when a person approved it; the user's own choice goes first",
    async () => {
      await using here = await agentWorld({ ...smallApp, "wt.yaml": "agent: codex\n" }, ["claude", "codex", "own"]);
      const { world, agent, env } = here;
      await world.ok(["create", "a", "--no-up"]);
      const go = (...args: string[]) => world.wt(["go", "a", "-d", "-p", "x", ...args], { env });
      expect((await go()).code).toBe(0);
      expect((await agent.started()).argv.slice(-2)).toEqual(["exec", "x"]);
      expect((await agent.started()).argv.slice(0, 2)).toEqual(["-c", expect.stringContaining("notify=[")]);
      await agent.exit(0);

      await world.write({ "wt.yaml": "agent: own --hard\n" }, `${world.repository}.worktrees/a`);
      const refused = await go("--json");
      expect([refused.code, JSON.parse(refused.stdout).error.code]).toEqual([6, "trust_missing"]);
      expect((await go("--agent", "claude")).code).toBe(0);
      await agent.started(2);
      await agent.exit(0);
      await world.write({ "worldtree/config.yaml": "agent: own --mine\n" }, `${world.directory}/config`);
      expect((await go()).code).toBe(0);
      expect((await agent.started(3)).argv).toEqual(["--mine", "x"]);
      await agent.exit(0);
      expect((await go("--agent", "nowhere")).stderr).toContain("nowhere was not found");
      // The prompt took standard input, and without a session there is no other terminal: nothing is left that would be in the way.
      const piped = Bun.spawn([testedProgram(), "go", "a", "-p", "-"], {
        cwd: world.repository,
        env: { ...world.env, ...env },
        stdin: new Blob(["x"]),
        stdout: "ignore",
        stderr: "pipe",
        detached: true,
      });
      expect(await new Response(piped.stderr).text()).toContain("no terminal for the agent");
      expect(await piped.exited).toBe(2);
      await world.ok(["delete", "a", "--force"]);
    },
    minute,
  );

  test(
    "install shows what it writes and writes it only with consent; uninstall takes exactly that out again",
    async () => {
      await using world = await hermeticWorld({ files: { ...smallApp, "AGENTS.md": "# Ours\n", "CLAUDE.md": "x" } });
      const status = () => world.git(["status", "--porcelain", "--untracked-files=all"]);
      const refused = await world.wt(["agent", "install"]);
      expect([refused.code, await status()]).toEqual([5, ""]);
      expect(refused.stderr).toContain("+ Each git worktree of this repository");
      await world.ok(["agent", "install", "--hooks", "--yes"]);
      const written = await status();
      for (const path of [" M AGENTS.md", "?? .claude/settings.json", "?? .claude/skills/worktree-environments/SKILL.md"])
        expect(written).toContain(path);
      expect(await world.ok(["agent", "install", "--hooks", "--yes"])).toBe("Nothing to change.\n");
      await world.ok(["agent", "uninstall", "--yes"]);
      expect(await status()).toBe("");
      expect(existsSync(`${world.repository}/.claude`)).toBe(false);
      symlinkSync("/etc/hostname", `${world.repository}/GEMINI.md`);
      rmSync(`${world.repository}/AGENTS.md`);
      symlinkSync(`${world.directory}/home/outside.md`, `${world.repository}/AGENTS.md`);
      writeFileSync(`${world.directory}/home/outside.md`, "mine\n");
      expect((await world.wt(["agent", "install", "--yes"])).stderr).toContain("leads out of the repository");
      expect(readFileSync(`${world.directory}/home/outside.md`, "utf8")).toBe("mine\n");
    },
    minute,
  );

  test(
    "claude --worktree through the installed hooks: an environment is made, kept while it has work, and deleted",
    async () => {
      await using world = await hermeticWorld({ files: smallApp });
      await world.ok(["agent", "install", "--hooks", "--yes"]);
      const { hooks } = JSON.parse(readFileSync(`${world.repository}/.claude/settings.json`, "utf8"));
      const bin = `${world.directory}/bin`;
      mkdirSync(bin);
      symlinkSync(testedProgram(), `${bin}/wt`);
      const call = async (event: string, input: object, cwd = world.repository) => {
        const child = Bun.spawn(["/bin/sh", "-c", hooks[event][0].hooks[0].command], {
          cwd,
          env: { ...world.env, PATH: `${bin}:${world.env.PATH}` },
          stdin: new Blob([JSON.stringify({ hook_event_name: event, cwd, ...input })]),
          stdout: "pipe",
          stderr: "pipe",
        });
        const [out, err, code] = [await new Response(child.stdout).text(), await new Response(child.stderr).text(), await child.exited];
        return { code, out, err };
      };
      const made = await call("WorktreeCreate", { name: "feature-auth" });
      const path = `${world.repository}.worktrees/feature-auth`;
      expect([made.code, made.out.trimEnd().split("\n").at(-1)]).toEqual([0, path]);
      expect((await world.status("feature-auth")).status).toBe("Healthy");
      writeFileSync(`${path}/work.txt`, "not committed");
      const kept = await call("WorktreeRemove", { worktree_path: path });
      expect([kept.code, kept.out]).toEqual([5, ""]);
      expect(readFileSync(`${path}/work.txt`, "utf8")).toBe("not committed");
      rmSync(`${path}/work.txt`);
      expect((await call("WorktreeRemove", { worktree_path: path })).code).toBe(0);
      expect(leftovers(world, "feature-auth")).toEqual([]);
      expect((await call("WorktreeRemove", { worktree_path: path })).code).toBe(0);
      expect((await call("WorktreeRemove", { worktree_path: world.directory })).code).toBe(4);
      expect(existsSync(world.directory)).toBe(true);
      expect((await call("WorktreeCreate", {})).code).toBe(2);
    },
    minute,
  );
});
