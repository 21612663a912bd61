// Which agent is to run where and on what, read from the options, the user's settings, files and standard input.
import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { AgentLaunchRequest } from "../../api/agents.ts";
import { WtError } from "../../errors/wt-error.ts";
import { worldPaths } from "../../os/paths.ts";
import type { Context, OptionValues } from "../command.ts";
import type { agentOptions } from "./agent-options.ts";

export interface AgentChoice {
  /** Null: that of wt.yaml, else Claude Code. */
  agent: string | null;
  prompt: string | null;
  place: AgentLaunchRequest["place"];
  /** Then the agent in this terminal has to read from the terminal itself. */
  stdinRead: boolean;
}

/** Throws `WtError` (`usage`) for options that do not go together, and what `readPrompt` throws. */
export async function readAgentChoice(context: Context, options: OptionValues<typeof agentOptions>): Promise<AgentChoice> {
  const places = (["tmux", "zellij"] as const).filter((place) => options[place]).map((place): AgentChoice["place"] => place);
  if (options.detach) places.push("detached");
  if (places.length > 1) {
    throw new WtError({
      kind: "usage",
      code: "options_conflict",
      message: "An agent runs in one place: choose one of --tmux, --zellij and --detach.",
      hints: ["See: wt go --help"],
    });
  }
  const prompt = options.prompt === undefined ? null : await readPrompt(context, options.prompt);
  const agent = options.agent ?? (await readUserAgent(context));
  return { agent, prompt, place: places[0] ?? "terminal", stdinRead: options.prompt === "-" };
}

/** Throws `WtError` (`usage`) for an empty prompt and a file that cannot be read. */
async function readPrompt(context: Context, written: string): Promise<string> {
  const path = resolve(context.cwd, written);
  const isFile = written !== "-" && !written.includes("\n") && isRegularFile(path);
  let text: string;
  try {
    text = written === "-" ? await Bun.stdin.text() : isFile ? await Bun.file(path).text() : written;
  } catch (cause) {
    throw new WtError({
      kind: "usage",
      code: "prompt_unreadable",
      message: `The prompt cannot be read from ${written}: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hints: ['Give it as a text: --prompt "fix the failing test"'],
      cause,
    });
  }
  const prompt = text.trim();
  if (prompt !== "") return prompt;
  throw new WtError({
    kind: "usage",
    code: "prompt_empty",
    message:
      written === "-" ? "The prompt on standard input is empty." : isFile ? `The prompt in ${written} is empty.` : "The prompt is empty.",
    hints: ['Say what the agent is to do: --prompt "fix the failing test"'],
  });
}

function isRegularFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** `agent:` of the user's own `config.yaml`, which goes before the repository's: it is the user who talks to the agent. */
async function readUserAgent(context: Context): Promise<string | null> {
  const path = `${worldPaths(context.env).config}/config.yaml`;
  const file = Bun.file(path);
  if (!(await file.exists())) return null;
  const { parse } = await import("yaml");
  let settings: unknown;
  try {
    settings = parse(await file.text());
  } catch (cause) {
    throw new WtError({
      kind: "config",
      code: "user_config_invalid",
      message: `${path} is not valid YAML.`,
      hints: ["Mend it, or remove it."],
      cause,
    });
  }
  const agent = typeof settings === "object" && settings !== null ? (settings as { agent?: unknown }).agent : undefined;
  if (agent === undefined || agent === null) return null;
  if (typeof agent === "string" && agent.trim() !== "") return agent;
  throw new WtError({
    kind: "config",
    code: "user_config_invalid",
    message: `agent in ${path} must be a command.`,
    hints: ["Write it as a text: agent: claude"],
    details: { path },
  });
}
