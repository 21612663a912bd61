import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Context } from "../command.ts";
import { createPaint } from "../paint.ts";
import { readAgentChoice } from "./agent-choice.ts";
import { withTerminalOf } from "./become-agent.ts";

async function inHome(work: (context: Context, home: string) => Promise<void>): Promise<void> {
  const home = mkdtempSync("/tmp/wt-choice-");
  const paint = createPaint(false);
  const context = { cwd: home, env: { HOME: home, XDG_CONFIG_HOME: `${home}/config` }, terminal: { paint } } as unknown as Context;
  try {
    mkdirSync(`${home}/config/worldtree`, { recursive: true });
    await work(context, home);
  } finally {
    rmSync(home, { recursive: true });
  }
}

const none = { agent: undefined, prompt: undefined, tmux: false, zellij: false, detach: false };

test("a prompt is a text, or the content of a file of that name", () =>
  inHome(async (context, home) => {
    writeFileSync(`${home}/task.md`, "do it\n\n");
    writeFileSync(`${home}/empty.md`, "\n");
    expect(await readAgentChoice(context, { ...none, prompt: "task.md" })).toEqual({
      agent: null,
      prompt: "do it",
      place: "terminal",
      stdinRead: false,
    });
    expect((await readAgentChoice(context, { ...none, prompt: "see task.md", detach: true })).prompt).toBe("see task.md");
    await expect(readAgentChoice(context, { ...none, prompt: "empty.md" })).rejects.toThrow("The prompt in empty.md is empty.");
    await expect(readAgentChoice(context, { ...none, prompt: " " })).rejects.toMatchObject({ kind: "usage", code: "prompt_empty" });
    await expect(readAgentChoice(context, { ...none, tmux: true, detach: true })).rejects.toThrow("choose one of");
  }));

test("the user's own agent, which an option goes before; a file that cannot be read as one is named", () =>
  inHome(async (context, home) => {
    const settings = `${home}/config/worldtree/config.yaml`;
    writeFileSync(settings, "agent: codex --model o3\n");
    expect((await readAgentChoice(context, none)).agent).toBe("codex --model o3");
    expect((await readAgentChoice(context, { ...none, agent: "claude" })).agent).toBe("claude");
    writeFileSync(settings, "agent: [1]\n");
    await expect(readAgentChoice(context, none)).rejects.toThrow(`agent in ${settings} must be a command`);
    writeFileSync(settings, "a: [\n");
    await expect(readAgentChoice(context, none)).rejects.toThrow("is not valid YAML");
  }));

test("what describes the terminal is that of the window, never that of the shell that asked for it", () => {
  const asked = { TERM: "xterm", TMUX: "old", TMUX_PANE: "%1", PATH: "/bin", TOKEN: "x" };
  expect(withTerminalOf(asked, { TERM: "tmux-256color", TMUX: "new", PATH: "/other" })).toEqual({
    TERM: "tmux-256color",
    TMUX: "new",
    PATH: "/bin",
    TOKEN: "x",
  });
});
