// Containers: what is rewritten of a compose file, Compose by hand, and the services that run once per project.
import type { Target } from "./environment.ts";

export interface StackRequest {
  target: Target;
  /** The caller's variables, for what the compose file refers to. */
  env: Record<string, string>;
}

/** `wt explain`. */
export interface ExplainDocument {
  schema: 1;
  environment: string;
  /** Compose project of the environment. */
  project: string;
  /** Of the environment's own containers. */
  own: StackExplanation;
  /** Of the services that run once per project, as this worktree's files describe them. */
  shared: StackExplanation;
}

export interface StackExplanation {
  services: string[];
  /** All of it, for people. */
  lines: string[];
  rewrites: RewriteView[];
  /** What keeps it from being brought up. */
  refusals: RefusalView[];
  warnings: { service: string | null; key: string; message: string }[];
}

export interface RewriteView {
  service: string | null;
  key: string;
  /** null: was not there. */
  from: string | null;
  /** null: is gone. */
  to: string | null;
  why: string;
}

export interface RefusalView {
  service: string | null;
  key: string;
  message: string;
  /** What `compose.allow` must hold; null: it cannot be accepted. */
  allow: string | null;
}

/** What Compose needs to be called by hand for an environment. `model` may hold secrets. */
export interface ComposeCall {
  /** The words that Compose is called by here. */
  command: string[];
  project: string;
  directory: string;
  model: string;
  /** The engine, and what secrets and configs of the model take from variables. */
  env: Record<string, string>;
}

export interface SharedRequest extends StackRequest {
  /** `up`: what the main worktree's files say now. `absent`: containers, images and what volumes hold go too. */
  wanted: "up" | "down" | "absent";
}

/** `wt shared`. */
export interface SharedDocument {
  schema: 1;
  project: string;
  /** Compose project; null while there is none. */
  composeProject: string | null;
  services: SharedServiceView[];
}

export interface SharedServiceView {
  name: string;
  state: string;
  /** Why it is in this state. */
  reason: string | null;
  /** Ports of the container and where the host reaches them. */
  ports: { target: number; port: number }[];
  restarts: number;
  logPath: string | null;
}
