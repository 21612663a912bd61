import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { claudeHooks } from "../../src/config/agent-hook-settings.ts";
import { agentWorld, alive } from "../support/agent-world.ts";
import { leftovers, testedProgram } from "../support/hermetic-world.ts";

const minute = 60_000;

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

      // It has its prompt already, and waits for nobody.
      await agent.hook("SessionStart", { source: "startup" });
      await here.until((one) => one?.state === "working");
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
      const run = await agent.spawn([testedProgram(), "run", "--"]);
      const refused = JSON.parse((await world.wt(["delete", "spike", "--json"])).stdout);
      expect(refused.error).toMatchObject({ kind: "refused", code: "agent_live" });
      expect([pid, child, run].map(alive)).toEqual([true, true, true]);
      await world.ok(["delete", "spike", "--end-agents"]);
      expect([pid, child, run].map(alive)).toEqual([false, false, false]);
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
    "a daemon that an agent's own command started belongs to nobody: it and its servers live on when the agent's environment goes",
    async () => {
      await using here = await agentWorld();
      const { world, agent, env } = here;
      await world.ok(["create", "spike", "--no-up"]);
      await world.ok(["go", "spike", "--detach", "--prompt", "x"], { env });
      await agent.started();
      await world.ok(["daemon", "stop"]);
      await agent.run([testedProgram(), "list"]);
      const daemon = await world.daemonPid();
      expect(readFileSync(`/proc/${daemon}/environ`, "utf8")).not.toMatch(/WT_INSTANCE|WT_AGENT/);
      await world.ok(["delete", "spike", "--end-agents"]);
      expect(await world.daemonPid()).toBe(daemon);
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
      writeFileSync(settings, JSON.stringify({ hooks: claudeHooks(testedProgram()) }));
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
});
