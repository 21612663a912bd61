import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { agentWorld, alive } from "../support/agent-world.ts";
import { atTerminal } from "../support/at-terminal.ts";
import { eventually, leftovers } from "../support/hermetic-world.ts";

const minute = 60_000;

describe("where an agent runs", () => {
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
      const listed = await eventually(
        here.agents,
        (all) => all.length === 2 && all.every(({ state, live }) => live && state === "waiting"),
      );
      expect(listed.map(({ state, live }) => [state, live])).toEqual([
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
    "on a terminal: it has the terminal, Ctrl-C is its own, and a person is asked before it ends with its environment",
    async () => {
      await using here = await agentWorld();
      const { world, agent, env } = here;
      await world.ok(["create", "spike", "--no-up"]);
      using going = atTerminal(world, ["go", "spike"], { env });
      expect(await agent.started()).toMatchObject({ tty: true, argv: ["--settings", expect.any(String)] });
      using deleting = atTerminal(world, ["delete", "spike"], { env });
      await deleting.until(/End all of it and delete\?/);
      deleting.type("n\n");
      expect(await deleting.child.exited).toBe(5);
      expect(await here.until((one) => one?.live === true)).toMatchObject({ place: "terminal" });
      going.type("\u0003");
      expect(await going.child.exited).toBe(130);
      expect(await here.until((one) => one?.live === false)).toMatchObject({ state: "gone", exitCode: 130 });

      using again = atTerminal(world, ["go", "spike"], { env });
      await agent.started(2);
      using second = atTerminal(world, ["delete", "spike"], { env });
      await second.until(/End all of it and delete\?/);
      second.type("y\n");
      expect(await second.child.exited).toBe(0);
      expect(await again.child.exited).toBe(143);
      expect(leftovers(world, "spike")).toEqual([]);
    },
    minute,
  );
});
