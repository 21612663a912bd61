// What goes over the wire and out of `wt agents --json` about coding agents.
import type { Target } from "./environment.ts";

/**
 * - `running`: it lives, and nothing is known about what it does.
 * - `working`: it works on a prompt.
 * - `waiting`: it waits for a person: a question, a permission, a first prompt.
 * - `done`: it has finished its turn, or ended with success.
 * - `gone`: it ended with a failure, or vanished.
 */
export type AgentState = "running" | "working" | "waiting" | "done" | "gone";

/** `by_hand`: nobody started it through wt; it was seen working in the worktree. */
export type AgentPlace = "terminal" | "tmux" | "zellij" | "detached" | "by_hand";

export interface AgentView {
  id: string;
  project: string;
  /** Slug. */
  environment: string;
  /** `claude`, `codex` …; the program's name for one that wt does not know. */
  kind: string;
  state: AgentState;
  /** ISO 8601, UTC: since when it is in this state. */
  since: string;
  /** Whether its process is there. */
  live: boolean;
  pid: number | null;
  place: AgentPlace;
  /** `session:window` of tmux, `session:tab` of zellij. */
  window: string | null;
  /** More about the state, a few words. */
  detail: string | null;
  exitCode: number | null;
  startedAt: string;
  /** Absolute; only of a detached one. */
  logPath: string | null;
}

/** `wt agents --json`. */
export interface AgentList {
  schema: 1;
  agents: AgentView[];
}

export interface AgentLaunchRequest {
  target: Target;
  /** The command the user chose; null: that of wt.yaml, else Claude Code. */
  agent: string | null;
  prompt: string | null;
  place: Exclude<AgentPlace, "by_hand">;
  /** The caller's shell environment; the agent runs with it. */
  env: Record<string, string>;
}

export interface AgentLaunch {
  agent: AgentView;
  /** Of its worktree. */
  path: string;
  /** Others that live in this environment. */
  others: AgentView[];
}

/** What a process needs to become the agent; given once. */
export interface AgentStart {
  argv: string[];
  directory: string;
  /** The complete environment. */
  env: Record<string, string>;
}

export interface AgentEvent {
  /** Id, for one that wt started. */
  agent: string | null;
  cwd: string;
  /** The process that asks, whose ancestor the agent is. */
  pid: number;
  state: "working" | "waiting" | "done";
  detail: string | null;
  /** `beginning`: of a session. `reminder`: nobody has answered yet, which is no news where the turn is over. */
  kind: "news" | "beginning" | "reminder";
}
