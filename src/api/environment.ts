// What goes over the wire and out of `--json` about environments. Published as JSON Schemas in docs/schemas/ (schema version 1).
import type { WireError } from "../errors/wt-error.ts";
import type { AgentView } from "./agents.ts";
import type { ResourceView } from "./resources.ts";

/**
 * - `Healthy`: every wanted service is ready (or there is none to run and the environment is up).
 * - `Starting`: at least one service is on its way and none has failed.
 * - `Degraded`: a service crashed, is not ready any more or waits to be restarted.
 * - `Stopped`: nothing runs, on purpose.
 * - `Creating`, `Deleting`: an operation is in flight.
 * - `Incomplete`: `wt create` failed at something that can be mended; `wt create <branch> --resume` carries on.
 * - `Missing`: the worktree's directory is gone.
 * - `Unknown`: the engine of its containers does not answer, so that nobody can tell whether they run.
 */
export type EnvironmentStatus =
  | "Healthy"
  | "Starting"
  | "Degraded"
  | "Stopped"
  | "Creating"
  | "Deleting"
  | "Incomplete"
  | "Missing"
  | "Unknown";

/**
 * - `Waiting`: a service in its `needs` is not ready yet.
 * - `Starting`: the process runs, the readiness probe has not passed.
 * - `Running`: ready.
 * - `Restarting`: it ended and will be started again after a pause.
 * - `CrashLoopBackOff`: it ended too often; still retried, with long pauses.
 * - `Failed`: it ended or never became ready, and is not retried.
 * - `Completed`: it ended with a success code and is not meant to be restarted.
 * - `Stopping`, `Stopped`: on purpose.
 */
export type ServiceState =
  | "Waiting"
  | "Starting"
  | "Running"
  | "Restarting"
  | "CrashLoopBackOff"
  | "Failed"
  | "Completed"
  | "Stopping"
  | "Stopped"
  | "Unknown";

export interface GitView {
  /** Full commit id; null in a repository without commits. */
  head: string | null;
  /** Tracked files that differ from HEAD (staged or not). */
  dirty: number;
  untracked: number;
  /** Commits not on the upstream, or (without upstream) not on the base branch. */
  ahead: number;
  behind: number;
}

export interface ServiceView {
  name: string;
  state: ServiceState;
  /** null for a service that listens on nothing. */
  port: number | null;
  /** The URL a person opens, through the gateway; null without a port. */
  url: string | null;
  /** Leader of the service's process group while it runs. */
  pid: number | null;
  restarts: number;
  /** Present only in `status` and `create`: why it is in this state, in a sentence. */
  reason?: string;
  /** Present only in `status` and `create`: path prefixes on the environment's URL. */
  routes?: string[];
  /** Present only in `status` and `create`: what server-to-server calls use, `http://127.0.0.1:<port>`. */
  directUrl?: string | null;
  /** Present only in `status` and `create`: absolute path. */
  logPath?: string;
  /** Present only in `status` and `create`: resident bytes of the whole process group; null when unknown. */
  memoryBytes?: number | null;
  /** Present only in `status` and `create`. */
  startedAt?: string | null;
}

/** Where a create stopped. */
export interface IncompleteView {
  /** Of the plan: `setup:0`, `resource:db`, `start`. */
  step: string;
  /** Key in wt.yaml: `setup[0]`, `resources.db`; null where none is to blame. */
  place: string | null;
  /** One sentence. */
  reason: string;
  /** Absolute, of the failed command's output; null where there was no command. */
  logPath: string | null;
}

export interface EnvironmentView {
  project: string;
  slug: string;
  /** null on a detached HEAD. */
  branch: string | null;
  /** Absolute path of the worktree. */
  path: string;
  main: boolean;
  status: EnvironmentStatus;
  /** The environment's own URL through the gateway; null when no service has a route. */
  url: string | null;
  slot: number;
  /** ISO 8601, UTC. */
  createdAt: string;
  /** null while git has not answered (only in streams) or cannot. */
  git: GitView | null;
  services: ServiceView[];
  resources: ResourceView[];
  /** Coding agents, also those that have ended since; absent where there are none. */
  agents?: AgentView[];
  /** Only while `wt create` did not come to its end because a step failed. */
  incomplete?: IncompleteView;
  /** Only while directories are being cloned into it; `since` is ISO 8601, UTC. */
  copying?: { directory: string; since: string }[];
  /** Of the main environment: the services that run once for the project; absent where there are none. */
  shared?: { name: string; state: string }[];
}

/** `wt list --json`. */
export interface EnvironmentList {
  schema: 1;
  environments: EnvironmentView[];
}

/** `wt status --json`, `wt here --json`, the result of `wt create --json`. */
export interface EnvironmentDocument {
  schema: 1;
  environment: EnvironmentView;
}

/** `wt here --json`: all that a program which finds itself in a worktree wants to know, without a second question. */
export interface HereDocument extends EnvironmentDocument {
  health: {
    /** Everything the environment has works. */
    ok: boolean;
    /** What does not, each with the command that says more or mends it. */
    problems: { problem: string; next: string }[];
  };
  /** What can be done here. */
  commands: { run: string; does: string }[];
}

/** Says which environment a request is about: `name` (slug or branch) if given, else the worktree that `cwd` is in. */
export interface Target {
  cwd: string;
  name?: string;
}

export interface ListRequest {
  cwd: string;
  /** Every project, not only the one `cwd` is in. */
  all: boolean;
  /** `skip`: `git` stays null. `wait`: the answer has it. In a stream: first without, then `git` events. */
  git: "skip" | "wait";
}

/** Lines of `POST /v1/environments/watch` (newline-delimited JSON). */
export type ListEvent =
  | { type: "list"; environments: EnvironmentView[] }
  | { type: "git"; project: string; slug: string; git: GitView | null }
  /** The first `list` and all its `git` are out; without `follow` the stream ends here. */
  | { type: "settled" };

export interface CreateRequest {
  cwd: string;
  branch: string;
  /** Start point of a new branch; default: the default branch. Refused when the branch exists already. */
  from?: string;
  /** Start the services. */
  up: boolean;
  /** The caller's shell environment; hooks, setup and services run with it. */
  env: Record<string, string>;
  /** Carry on with an environment whose create failed, by what its worktree says now. */
  resume?: boolean;
  /** False leaves the hooks out this time. */
  hooks?: boolean;
  /** False leaves the setup commands to the next `wt up`. */
  setup?: boolean;
  /** False makes the worktree from the beginning, also where the pool has one. */
  pool?: boolean;
  /** `skip` leaves `git` of the result null and saves the time that git takes to look at every file (default `wait`). */
  git?: "wait" | "skip";
}

export interface UpRequest {
  target: Target;
  /** Empty: all. */
  services: string[];
  env: Record<string, string>;
  /** False leaves the hooks out this time. */
  hooks?: boolean;
  /** False leaves the setup commands to the next one. */
  setup?: boolean;
}

export interface DownRequest {
  target: Target;
  services: string[];
  /** The caller's shell environment, for hooks. */
  env?: Record<string, string>;
  /** False leaves the hooks out this time. */
  hooks?: boolean;
}

export interface DeleteRequest {
  target: Target;
  /** Consent to lose uncommitted and untracked files from view (a rescue ref keeps them). */
  force: boolean;
  /** Consent to delete a branch whose commits are not merged or pushed (they are kept). */
  branch: boolean;
  /** Consent to end the agents that live there, with everything they started. */
  agents?: boolean;
  /** The process that asks: an agent that asks for itself is not in its own way, and is not ended. */
  callerPid?: number;
  /** Keep nothing that `wt undelete` could bring back, and no rescue ref. */
  purge?: boolean;
  /** Consent to leave what cannot be removed where it is, such as a database whose server is gone. */
  abandon?: boolean;
  /** The caller's shell environment, for hooks. */
  env?: Record<string, string>;
  /** False leaves the hooks out this time. */
  hooks?: boolean;
}

export interface DeleteResult {
  slug: string;
  branch: string | null;
  branchOutcome: "deleted" | "kept_unmerged" | "kept_checked_out" | "kept_not_ours" | "none";
  /** Refs that keep what `--force` or `--branch` gave up, such as `refs/wt/rescue/<slug>/<time>`. */
  rescueRefs: string[];
  /** ISO 8601, UTC: until then `wt undelete` brings it back; null: it does not. */
  undeleteUntil: string | null;
  /** What `--abandon` left where it is, and why it could not be removed. */
  abandoned: { what: string; reason: string }[];
}

/**
 * Lines of a long operation's response (newline-delimited JSON). Exactly one `result` or `error` ends it.
 * Closing the connection cancels the operation; the daemon then rolls back what was half made.
 */
export type OperationEvent<Result> =
  /** A step began. `step` is stable (`worktree`, `copy`, `setup:0`, `service:backend`), `label` is for people. */
  | { type: "step"; step: string; label: string }
  | { type: "step_done"; step: string; ms: number; skipped?: boolean }
  /** One line of a setup step's output. */
  | { type: "output"; step: string; stream: "stdout" | "stderr"; line: string }
  | { type: "service"; service: ServiceView }
  | { type: "note"; message: string }
  | { type: "result"; result: Result }
  | { type: "error"; error: WireError };

export interface CreateResult extends EnvironmentDocument {
  /** False when the environment existed and was only brought up. */
  created: boolean;
}
