import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { AgentView } from "../../src/api/agents.ts";
import { claudeHooks } from "../../src/config/agent-hook-settings.ts";
import { type FakeAgent, fakeAgent } from "../support/fake-agent.ts";
import { eventually, type HermeticWorld, hermeticWorld, leftovers } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

const minute = 60_000;

interface AgentWorld extends AsyncDisposable {
  world: HermeticWorld;
  agent: FakeAgent;
  /** With the fake agent on the PATH. */
  env: Record<string, string>;
  agents(): Promise<AgentView[]>;
  until(right: (agent: AgentView | undefined) => boolean): Promise<AgentView>;
}

async function agentWorld(files: Record<string, string> = smallApp, names?: string[]): Promise<AgentWorld> {
  const world = await hermeticWorld({ files });
  const agent = fakeAgent(world.directory, names);
  const env = { PATH: `${agent.bin}:${world.env.PATH}` };
  const agents = async (): Promise<AgentView[]> => JSON.parse(await world.ok(["agents", "--json"])).agents;
  return {
    world,
    agent,
    env,
    agents,
    async until(right) {
      const found = (await eventually(agents, ([first]) => right(first)))[0];
      if (!found || !right(found)) throw new Error(`the agent is ${JSON.stringify(found)}`);
      return found;
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
    },
  };
}

const program = () => process.env.WT_TEST_BINARY ?? resolve(import.meta.dir, "../../bin/wt");

const alive = (pid: number) => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));

describe("an agent in an environment", () => {
  test(
    "detached: gets the variables and the prompt, tells its states by its hooks, and its output is in the log",
    async () => {
      await using here = await agentWorld();
      const { world, agent, env } = here;
      await world.ok(["create", "spike"]);
      const answer = JSON.parse(await world.ok(["go", "spike", "--detach", "--prompt", "make it work", "--json"], { env }));
      expect(answer.agent).toMatchObject({ environment: "spike", kind: "claude", state: "working", live: true, place: "detached" });
      const start = await agent.started();
      expect(start.argv.slice(-2)).toEqual(["--print", "make it work"]);
      expect(start.cwd).toBe(`${world.repository}.worktrees/spike`);
      expect(start.env).toMatchObject({ WT_ENVIRONMENT: "spike", WT_AGENT: answer.agent.id, PWD: start.cwd });
      expect(start.env.API_URL).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);

      await agent.hook("UserPromptSubmit");
      await here.until((one) => one?.state === "working");
      await agent.hook("Notification", { notification_type: "permission_prompt", message: "Claude needs your permission to use Bash" });
      expect(await here.until((one) => one?.state === "waiting")).toMatchObject({ detail: "Claude needs your permission to use Bash" });
      expect(await world.ok(["list"])).toContain("claude waiting");
      const listed = (await world.list()).environments.find(({ slug }) => slug === "spike");
      expect(listed?.agents).toMatchObject([{ kind: "claude", state: "waiting" }]);
      await agent.hook("PostToolUse");
      await here.until((one) => one?.state === "working");
      await agent.hook("Stop");
      await here.until((one) => one?.state === "done" && one.live);
      // A reminder a minute later is nothing new.
      await agent.hook("Notification", { notification_type: "idle_prompt", message: "Claude is waiting for your input" });
      expect(await here.until(() => true)).toMatchObject({ state: "done", live: true });

      expect(await world.ok(["logs", "agent", "-e", "spike"])).toContain("fake agent at work on make it work");
      await agent.exit(3);
      expect(await here.until((one) => one?.live === false)).toMatchObject({ state: "gone", exitCode: 3, detail: "code 3" });
      expect(existsSync(`${world.directory}/agent-control/hook-failed`)).toBe(false);
    },
    minute,
  );

  test(
    "in this terminal: the exit code is its own, and what ended well is done",
    async () => {
      await using here = await agentWorld();
      const { world, agent, env } = here;
      await world.ok(["create", "spike", "--no-up"]);
      const going = world.wt(["go", "spike", "--prompt", "-say it"], { env });
      const start = await agent.started();
      expect(start.argv.at(-1)).toBe(" -say it");
      expect(await here.until((one) => one?.state === "waiting")).toMatchObject({ place: "terminal", live: true });
      await agent.exit(0);
      expect((await going).code).toBe(0);
      expect(await here.until((one) => one?.live === false)).toMatchObject({ state: "done", exitCode: 0 });
    },
    minute,
  );

  test(
    "142 orphan agents (gastown#736): delete refuses while one lives, and ends it with everything it started",
    async () => {
      await using here = await agentWorld();
      const { world, agent, env } = here;
      await world.ok(["create", "spike", "--no-up"]);
      await world.ok(["go", "spike", "--detach", "--prompt", "x"], { env });
      const { pid } = await agent.started();
      const child = await agent.spawn();
      const refused = JSON.parse((await world.wt(["delete", "spike", "--json"])).stdout);
      expect(refused.error).toMatchObject({ kind: "refused", code: "agent_live" });
      expect(alive(pid) && alive(child)).toBe(true);
      await world.ok(["delete", "spike", "--end-agents"]);
      expect([alive(pid), alive(child)]).toEqual([false, false]);
      expect(leftovers(world, "spike")).toEqual([]);
      expect(await here.agents()).toEqual([]);
    },
    minute,
  );

  test(
    "it outlives the daemon, whose death ends nothing, and the next one knows it",
    async () => {
      await using here = await agentWorld();
      const { world, agent, env } = here;
      await world.ok(["create", "spike", "--no-up"]);
      await world.ok(["go", "spike", "--detach", "--prompt", "x"], { env });
      const { pid } = await agent.started();
      process.kill(await world.daemonPid(), "SIGKILL");
      expect(await here.until((one) => one?.live === true)).toMatchObject({ kind: "claude" });
      expect(alive(pid)).toBe(true);
      await agent.hook("Notification", { notification_type: "permission_prompt", message: "May I?" });
      await here.until((one) => one?.state === "waiting");
      process.kill(pid, "SIGKILL");
      expect(await here.until((one) => one?.live === false)).toMatchObject({ state: "gone" });
    },
    minute,
  );

  test(
    "one that was started by hand in the worktree is seen, tells by its hooks, and is in the way of a delete",
    async () => {
      await using here = await agentWorld();
      const { world, agent, env } = here;
      await world.ok(["create", "spike", "--no-up"]);
      const path = `${world.repository}.worktrees/spike`;
      const settings = `${world.directory}/settings.json`;
      writeFileSync(settings, JSON.stringify({ hooks: claudeHooks(program()) }));
      const byHand = Bun.spawn([`${agent.bin}/claude`, "--settings", settings], {
        cwd: path,
        env: { ...world.env, ...env },
        stdin: "ignore",
        stdout: "ignore",
      });
      await using _ended = {
        async [Symbol.asyncDispose]() {
          byHand.kill("SIGKILL");
          await byHand.exited;
        },
      };
      const { pid } = await agent.started();
      expect(await here.until((one) => one?.live === true)).toMatchObject({ environment: "spike", kind: "claude", place: "by_hand", pid });
      await agent.hook("Notification", { notification_type: "permission_prompt", message: "May I?" });
      expect(await here.until((one) => one?.state === "waiting")).toMatchObject({ place: "by_hand", pid, detail: "May I?" });
      expect((await world.wt(["delete", "spike"])).stderr).toContain("at work in spike");
      await world.ok(["delete", "spike", "--end-agents"]);
      await byHand.exited;
      expect(alive(pid)).toBe(false);
    },
    minute,
  );

  test.skipIf(Bun.which("tmux") === null)(
    "in tmux: a session for the project, a window for each environment; killing tmux does not leave agents behind (gastown#888)",
    async () => {
      await using here = await agentWorld();
      const { world, agent } = here;
      const env = { ...here.env, TMUX_TMPDIR: world.directory, SECRET_OF_THE_TEST: "hush", LC_ALL: "C.UTF-8" };
      const tmux = async (...args: string[]) => {
        const child = Bun.spawn(["tmux", ...args], { env: { ...world.env, ...env }, stdout: "pipe", stderr: "pipe" });
        return { code: await child.exited, out: await new Response(child.stdout).text() };
      };
      await using _server = {
        async [Symbol.asyncDispose]() {
          await tmux("kill-server");
        },
      };
      const made = JSON.parse(await world.ok(["create", "a.b", "two", "--no-up", "--go", "--tmux", "-p", "do it", "--json"], { env }));
      expect(made.results).toMatchObject([
        { branch: "a.b", agent: { place: "tmux", window: "small:a-b" }, error: null },
        { branch: "two", agent: { place: "tmux", window: "small:two" }, error: null },
      ]);
      const start = await agent.started(2);
      expect(start).toMatchObject({ tty: true, env: { SECRET_OF_THE_TEST: "hush" } });
      expect(start.env.TMUX).toContain(world.directory);
      expect((await tmux("list-windows", "-t", "=small", "-F", "#W")).out.trim().split("\n").sort()).toEqual(["a-b", "two"]);
      expect((await here.agents()).map(({ state, live }) => [state, live])).toEqual([
        ["waiting", true],
        ["waiting", true],
      ]);
      const commandLines = Bun.spawnSync(["ps", "-eo", "args"]).stdout.toString();
      expect(commandLines).toContain("agent run");
      expect(commandLines).not.toContain("hush");

      const pids = agent.starts().map(({ pid }) => pid);
      const child = await agent.spawn();
      await tmux("kill-server");
      await eventually(
        () => pids.some(alive),
        (some) => !some,
      );
      // What has a session of its own lives on, as everywhere; the environment's end ends it.
      expect(alive(child)).toBe(true);
      await world.ok(["delete", "a.b", "two", "--end-agents"]);
      expect(alive(child)).toBe(false);
      expect([...leftovers(world, "a-b"), ...leftovers(world, "two")]).toEqual([]);
    },
    minute,
  );

  test(
    "in zellij, by its published command line (a recorder stands in its place): a session, then a tab with a layout",
    async () => {
      await using here = await agentWorld();
      const { world, agent, env } = here;
      const record = `${world.directory}/zellij.log`;
      const layout = `${world.directory}/zellij-layout.kdl`;
      const script = `#!/bin/sh\necho "$*" >> ${record}\nfor word; do case "$word" in *.kdl) cp "$word" ${layout};; esac; done\n`;
      writeFileSync(`${agent.bin}/zellij`, script, { mode: 0o755 });
      await world.ok(["create", "spike", "--no-up"]);
      const { agent: started } = JSON.parse(await world.ok(["go", "spike", "--zellij", "--json"], { env }));
      expect(started).toMatchObject({ place: "zellij", window: "small:spike", live: true });
      const [list, attach, tab] = readFileSync(record, "utf8").trim().split("\n");
      expect([list, attach]).toEqual(["list-sessions --short --no-formatting", "attach --create-background small"]);
      expect(tab).toMatch(/^--session small action new-tab --name spike --cwd \S+\.worktrees\/spike --layout \S+\.kdl$/);
      const text = readFileSync(layout, "utf8");
      expect(text).toContain('pane command="/usr/bin/env" close_on_exit=true');
      expect(text).toContain(`"agent" "run" "${started.id}"`);
      // The tab's program, as zellij would run it.
      const words = [...(/args (.*)/.exec(text)?.[1] ?? "").matchAll(/"((?:[^"\\\\]|\\\\.)*)"/g)].map((match) => JSON.parse(match[0]));
      const run = Bun.spawn(["/usr/bin/env", ...words], { env: { PATH: "/usr/bin:/bin" }, stdin: "ignore", stdout: "ignore" });
      expect((await agent.started()).env.WT_AGENT).toBe(started.id);
      await agent.exit(0);
      expect(await run.exited).toBe(0);
      expect(await here.until((one) => one?.live === false)).toMatchObject({ state: "done" });
    },
    minute,
  );

  test(
    "several at once: a name that fails does not stop the others, and the exit code says that one did",
    async () => {
      await using here = await agentWorld();
      const { world, agent, env } = here;
      const ran = await world.wt(["create", "idea", "--variants", "2", "--no-up", "--go", "-d", "-p", "x", "--json"], { env });
      expect(ran.code).toBe(0);
      expect(JSON.parse(ran.stdout).results.map((one: { branch: string }) => one.branch)).toEqual(["idea-1", "idea-2"]);
      await agent.started(2);
      await world.ok(["delete", "idea-1", "idea-2", "--end-agents"]);
      const mixed = await world.wt(["create", "bad..name", "good", "--no-up"]);
      expect(mixed.code).toBe(5);
      expect(mixed.stdout).toMatch(/bad\.\.name +failed/);
      expect(mixed.stdout).toMatch(/good +Stopped/);
      expect((await world.wt(["create", "a", "b", "--go"], { env })).stderr).toContain("do not fit into one terminal");
      expect((await world.wt(["create", "a", "--tmux"], { env })).stderr).toContain("without --go");
    },
    minute,
  );

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
      symlinkSync(program(), `${bin}/wt`);
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
