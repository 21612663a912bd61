// The options by which `wt go` and `wt create --go` say which agent runs where and on what.
import type { OptionTable } from "../command.ts";

export const agentOptions = {
  agent: { type: "string", placeholder: "command", summary: "claude, codex, gemini, cursor, aider, opencode or any command" },
  prompt: { type: "string", short: "p", placeholder: "text", summary: "What it is to do: a text, a file that exists, or - for stdin" },
  tmux: { type: "boolean", summary: "In a window of tmux: a session for the project, a window for the environment" },
  zellij: { type: "boolean", summary: "In a tab of zellij, likewise" },
  detach: { type: "boolean", short: "d", summary: "Without a terminal, its output in a log (wt logs agent)" },
} as const satisfies OptionTable;
