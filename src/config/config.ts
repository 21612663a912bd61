// What code works with after `wt.yaml` (or detection) was read, checked and normalised. `WrittenConfig` in schema.ts is what people write.
import type { JsonValue, WtError } from "../errors/wt-error.ts";

export interface Config {
  /** `[a-z0-9-]`, at most 40 characters. */
  project: string;
  runtime: "process" | "compose" | "kubernetes";
  /** null unless the runtime is compose. */
  compose: ComposeConfig | null;
  /** Globs of ignored files taken from the main worktree. */
  copy: string[];
  /** Text of `.worktreeinclude`; absent where there is none. Not part of wt.yaml. */
  include?: string;
  /** Directories cloned from the main worktree. */
  clone: string[];
  setup: SetupStep[];
  resources: Record<string, ResourceConfig>;
  /** In the order written. */
  services: ServiceConfig[];
  hooks: Hooks;
  /** For every command of the environment. Values may hold references. */
  env: Record<string, string>;
  agent: string | null;
  /** Directory new worktrees are made in, relative to the main worktree; null: `../<directory name of the main worktree>.worktrees`. */
  worktrees: string | null;
  /** For how many days a deleted environment can come back; null: nobody has said. */
  undeleteDays: number | null;
  origin: ConfigOrigin;
}

/** Names are those of the compose file. */
export interface ComposeConfig {
  /** Compose files in the order they are merged, relative to the worktree. Empty only until the worktree was looked at: what Compose itself finds. */
  files: string[];
  /** Active profiles. */
  profiles: string[];
  /** Services that run once per project. */
  shared: string[];
  /** Named volumes that all environments use together. */
  sharedVolumes: string[];
  /** Unsafe things that are accepted, each as its refusal names it: `web.volumes:/var/run/docker.sock`. */
  allow: string[];
  /** Dockerfiles whose text a person could approve, relative to the worktree. */
  dockerfiles: string[];
}

/** `file`: the worktree's own wt.yaml. `detected`: there is none, and this is what the repository looks like. */
export type ConfigOrigin = { kind: "file"; path: string } | { kind: "detected"; because: string[] };

export interface SetupStep {
  run: string;
  /** Paths or globs; the step is skipped while their contents are what they were when it last succeeded in this worktree. Empty: it runs once per worktree. */
  inputs: string[];
  /** Relative to the worktree. */
  directory: string;
  /** Directories that depend on the inputs alone; absent: none are known. */
  makes?: string[];
  /** Name of a container service: it runs in a one-off container of that one. Absent: on the host. */
  service?: string;
  /** Where it stands: `setup[0]`, `setup[1][0]`. */
  place: string;
  /** Steps of the same number run at once. */
  group: number;
}

export const hookEvents = [
  "before_create",
  "after_create",
  "before_up",
  "after_up",
  "before_down",
  "after_down",
  "before_delete",
  "after_delete",
] as const;
export type HookEvent = (typeof hookEvents)[number];
export type Hooks = Partial<Record<HookEvent, HookCommand[]>>;

export interface HookCommand {
  run: string;
  /** Relative to the directory it runs in, the worktree or the main one. */
  directory: string;
  timeoutMs: number;
  /** Where it stands: `hooks.before_up[0]`. */
  place: string;
  /** Of the user's own config.yaml: approved by nobody, without references. */
  own?: true;
}

export interface ServiceConfig {
  name: string;
  /** Empty for a container, whose compose file says what it runs. */
  run: string;
  /** Present: it is a container of the compose file. Absent: a process on the host. */
  container?: ContainerConfig;
  /** Relative to the worktree. */
  directory: string;
  env: Record<string, string>;
  /** Path prefixes on the environment's URL, each starts with `/`; longest match wins. Empty: reachable only on its own host name. */
  routes: string[];
  port: PortPolicy;
  ready: ReadyProbe;
  /** How long it may take until ready. */
  readyTimeoutMs: number;
  /** Names of services and resources. */
  needs: string[];
  restart: "always" | "on-failure" | "never";
  /** Exit codes that count as success besides 0. */
  successCodes: number[];
  stop: { signal: "SIGTERM" | "SIGINT" | "SIGQUIT" | "SIGHUP" | "SIGKILL"; graceMs: number };
}

/** What the compose file says of a service. */
export interface ContainerConfig {
  /** Its name in the compose file; the service's own is that made fit for a host name. */
  service: string;
  /** Container port that requests and probes go to; null: none is known. */
  target: number | null;
  /** It has one that is not switched off. */
  healthcheck: boolean;
}

export type PortPolicy =
  /** Any free port of 20000–29999. */
  | { kind: "leased" }
  /** base + slot. */
  | { kind: "slot"; base: number }
  /** A worker: listens on nothing. */
  | { kind: "none" };

export type ReadyProbe =
  /** A status below 500 counts, or exactly `status` when given. */
  | { kind: "http"; path: string; status: number | null }
  | { kind: "tcp" }
  /** A line of the log of this generation matches the regular expression. */
  | { kind: "log"; pattern: string }
  /** Exit code 0, in the worktree with the service's variables. */
  | { kind: "command"; run: string }
  /** The container's own health check says healthy. */
  | { kind: "healthcheck" }
  /** A job: ready when it has ended with success, and not before. */
  | { kind: "completed" }
  /** Ready as soon as it runs (and still runs one second later). */
  | { kind: "none" };

export interface ResourceConfig {
  type: string;
  /** `from: { environment: … }`: it begins as a fork of that environment's resource of the same name. Its slug, or `main` for the main worktree. */
  fork?: string;
  /** `service: db`: it lives in that shared service of the compose file, which takes the place of `server`. */
  service?: string;
  options: { [key: string]: JsonValue };
}

/** `line` and `column` count from 1 and are null when the place is not in a file. */
export interface ConfigProblem {
  /** Where it is written, when that is not the file that was asked about. */
  file?: string;
  /** `services.backend.run`. */
  key: string;
  line: number | null;
  column: number | null;
  /** One sentence. */
  message: string;
  hint: string | null;
}

/** All problems at once. `config` is null when there are errors. */
export interface ParsedConfig {
  config: Config | null;
  errors: ConfigProblem[];
  warnings: ConfigProblem[];
}

/**
 * Reads a repository's files without saying where they are: a worktree on disk or a commit. Paths are relative, `/`-separated.
 * `read` gives null for what is absent or not a regular file; it never follows a link out of the repository.
 */
export interface RepositoryFiles {
  read(path: string): Promise<string | null>;
  /** Names in a directory, directories with a trailing `/`; empty for what is absent. */
  list(path: string): Promise<string[]>;
}

/** Files, and which of them are the repository's own. */
export interface TrackedFiles extends RepositoryFiles {
  /** Whether git keeps what lies at that path, so that a branch can change it. Of a commit, everything. */
  tracked(path: string): Promise<boolean>;
}

/** All problems as one `WtError` (`config`), or null when there are none. */
export type ProblemsToError = (file: string, problems: ConfigProblem[]) => WtError | null;
