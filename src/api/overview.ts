// What the daemon writes into the state directory whenever something changes, so that completion and the shell's prompt need neither it nor git.
import type { AgentState } from "./agents.ts";
import type { EnvironmentStatus } from "./environment.ts";

/** `overview.json`. Another `schema` than this is as good as none. */
export interface Overview {
  schema: 1;
  projects: ProjectOverview[];
  /** Keys. */
  templates: string[];
}

export interface ProjectOverview {
  name: string;
  environments: EnvironmentOverview[];
  /** Names of those that `wt undelete` can bring back. */
  deleted: string[];
}

export interface EnvironmentOverview {
  slug: string;
  /** null on a detached HEAD. */
  branch: string | null;
  /** Absolute path of the worktree. */
  path: string;
  main: boolean;
  status: EnvironmentStatus;
  url: string | null;
  /** Of the agent that most needs a person; null without one. */
  agent: AgentState | null;
  services: string[];
  resources: string[];
  checkpoints: string[];
}
