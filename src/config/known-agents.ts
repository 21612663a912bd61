// The coding agents that wt knows by name: how each takes a prompt, and what it tells about itself. Everything else is a command like any other.
import { WtError } from "../errors/wt-error.ts";
import { simpleCommands } from "./shell-words.ts";

export interface AgentKind {
  name: string;
  title: string;
  /** What its program is called; the first one is started. */
  programs: readonly string[];
  /** Arguments that begin a conversation in a terminal with this prompt. */
  prompted(prompt: string): string[];
  /** Arguments that do this one thing without a terminal and end. */
  headless(prompt: string): string[];
  /**
   * `states`: its hooks say when it works and when it waits. `turns`: it says when it has finished a turn.
   * `nothing`: only whether it runs can be seen.
   */
  tells: "states" | "turns" | "nothing";
}

export const knownAgents: readonly AgentKind[] = [
  {
    name: "claude",
    title: "Claude Code",
    programs: ["claude"],
    prompted: (prompt) => [prompt],
    headless: (prompt) => ["--print", prompt],
    tells: "states",
  },
  {
    name: "codex",
    title: "Codex",
    programs: ["codex"],
    prompted: (prompt) => [prompt],
    headless: (prompt) => ["exec", prompt],
    tells: "turns",
  },
  {
    name: "gemini",
    title: "Gemini CLI",
    programs: ["gemini"],
    prompted: (prompt) => ["--prompt-interactive", prompt],
    headless: (prompt) => ["--prompt", prompt],
    tells: "nothing",
  },
  {
    name: "cursor",
    title: "Cursor",
    programs: ["cursor-agent"],
    prompted: (prompt) => [prompt],
    headless: (prompt) => ["--print", prompt],
    tells: "nothing",
  },
  {
    name: "aider",
    title: "Aider",
    programs: ["aider"],
    // It has no way to go on talking after a prompt from the command line.
    prompted: (prompt) => ["--message", prompt],
    headless: (prompt) => ["--message", prompt],
    tells: "nothing",
  },
  {
    name: "opencode",
    title: "opencode",
    programs: ["opencode"],
    prompted: (prompt) => ["--prompt", prompt],
    headless: (prompt) => ["run", prompt],
    tells: "nothing",
  },
];

/** Variables by which an agent tells the commands it runs that they run under it: another agent that found them would think it is a part of the first. */
export const agentSessionVariables: readonly string[] = [
  "CLAUDECODE",
  "CLAUDE_CODE_ENTRYPOINT",
  "CLAUDE_CODE_SSE_PORT",
  "CODEX_SANDBOX",
  "CODEX_SANDBOX_NETWORK_DISABLED",
  "GEMINI_CLI",
  "CURSOR_AGENT",
  "OPENCODE",
  "AI_AGENT",
];

export const defaultAgent = "claude";

/** A program of this name, or path to one. */
export function agentKindOf(program: string): AgentKind | null {
  const name = program.slice(program.lastIndexOf("/") + 1);
  return knownAgents.find((kind) => kind.programs.includes(name)) ?? null;
}

/** Whether `command` is nothing but the name of a known agent: the one case in which a repository's word runs nothing of its own. */
export function isKnownAgent(command: string): boolean {
  return knownAgents.some((kind) => kind.name === command || kind.programs.includes(command));
}

export interface AgentCommand {
  /** A known agent's name, else the name of the program. */
  kind: string;
  known: AgentKind | null;
  argv: string[];
}

/** What a longer argument would be refused with by the system (`MAX_ARG_STRLEN`), with room to spare. */
const longestPromptBytes = 120_000;

/**
 * The command line of an agent with its prompt. `extra` goes between the agent's own words and the prompt, for known agents only.
 * Throws `WtError` (`usage`) for an empty command, a prompt that is too long, and a known agent without terminal and prompt.
 */
export function agentCommand(
  command: string,
  {
    prompt,
    terminal,
    extra = () => [],
  }: { prompt: string | null; terminal: boolean; extra?: (kind: AgentKind, words: string[]) => string[] },
): AgentCommand {
  if (command.trim() === "") throw usage("agent_empty", "The command of the agent is empty.", "Name one: --agent claude");
  if (prompt !== null && Buffer.byteLength(prompt) > longestPromptBytes) {
    throw usage(
      "prompt_too_long",
      `The prompt has more than ${longestPromptBytes} bytes, which is more than a program takes as an argument.`,
      "Put it into a file of the worktree, and let the prompt name the file.",
    );
  }
  const words = plainWords(knownAgents.find((kind) => kind.name === command.trim())?.programs[0] ?? command);
  const known = words ? agentKindOf(words[0] ?? "") : null;
  const kind = known?.name ?? programName(command);
  if (known === null || words === null) {
    const rest = prompt === null ? [] : [prompt];
    return { kind, known, argv: words ? [...words, ...rest] : ["/bin/sh", "-c", `${command} "$@"`, kind, ...rest] };
  }
  // A dash would make it an option.
  const text = prompt?.startsWith("-") ? ` ${prompt}` : prompt;
  if (!terminal && text === null) {
    throw usage(
      "agent_prompt_missing",
      `${known.title} without a terminal needs a prompt.`,
      'Say what it is to do: --prompt "fix the failing test"',
      "Or give it a window: --tmux",
    );
  }
  const own = text === null ? [] : terminal ? known.prompted(text) : known.headless(text);
  return { kind, known, argv: [...words, ...extra(known, words), ...own] };
}

/** The words of a command that needs no shell; null for everything else. */
function plainWords(command: string): string[] | null {
  if (/[$`*?[\]~<>|&;(){}!\n#]/.test(command)) return null;
  const [only, another] = simpleCommands(command);
  return only && !another && only.assignments.length === 0 ? only.words : null;
}

function programName(command: string): string {
  const program = simpleCommands(command)[0]?.words[0] ?? "agent";
  return program.slice(program.lastIndexOf("/") + 1) || "agent";
}

function usage(code: string, message: string, ...hints: string[]): WtError {
  return new WtError({ kind: "usage", code, message, hints });
}
