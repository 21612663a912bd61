import type { Environment } from "./terminal.ts";

/** Variables by which coding agents are known to mark the commands they run. A trailing `_` stands for every name that begins so. */
const marks: readonly { variable: string; agent: string }[] = [
  { variable: "CLAUDECODE", agent: "Claude Code" },
  { variable: "CLAUDE_CODE_ENTRYPOINT", agent: "Claude Code" },
  { variable: "CODEX_", agent: "Codex" },
  { variable: "GEMINI_CLI", agent: "Gemini CLI" },
  { variable: "CURSOR_AGENT", agent: "Cursor" },
  { variable: "CURSOR_TRACE_ID", agent: "Cursor" },
  { variable: "AIDER_", agent: "Aider" },
  { variable: "OPENCODE", agent: "opencode" },
  { variable: "GOOSE_TERMINAL", agent: "goose" },
  { variable: "COPILOT_AGENT_", agent: "GitHub Copilot" },
  { variable: "AMP_THREAD_ID", agent: "Amp" },
  { variable: "CLINE_", agent: "Cline" },
  { variable: "REPLIT_AGENT", agent: "Replit" },
  { variable: "AI_AGENT", agent: "a coding agent" },
];

/** The agent this command runs under, or null. */
export function codingAgent(env: Environment): string | null {
  const names = Object.keys(env).filter((name) => env[name]);
  for (const { variable, agent } of marks) {
    const found = variable.endsWith("_") ? names.some((name) => name.startsWith(variable)) : names.includes(variable);
    if (found) return agent;
  }
  return null;
}
