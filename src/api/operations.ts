// The rest of the wire: logs, variables, trust, gateway, doctor, daemon.
import type { JsonValue } from "../errors/wt-error.ts";
import type { Target } from "./environment.ts";

export interface LogsRequest {
  target: Target;
  /** Empty: all services of the environment. */
  services: string[];
  /** Instead of services: the last run of each setup command, each command of a resource and each hook. */
  setup?: boolean;
  follow: boolean;
  /** Last N lines over all chosen services; null: everything kept. */
  tail: number | null;
  /** Only lines at or after this instant (Unix ms); null: no bound. */
  sinceMs: number | null;
}

/** A line of `wt logs --json` and of `POST /v1/logs` (newline-delimited JSON), in order of time. */
export interface LogLine {
  /** ISO 8601, UTC, when the daemon saw the line (to about 50 ms). */
  time: string;
  service: string;
  line: string;
}

export interface VariablesRequest {
  target: Target;
  /** The view of one service (its PORT and `env:`); without it, what `wt run` gets. */
  service?: string;
  /** Names in the caller's environment, so that `unset` can be answered. */
  callerNames?: string[];
  /** The caller's `WT_VARIABLES`, which lists what an outer environment has set. */
  callerMark?: string;
  /** Only to be looked at (`wt env --explain`): also variables that the guard would refuse to run a command with. */
  explain?: boolean;
}

export interface Variable {
  key: string;
  value: string;
  /** Where it came from, for `wt env --explain`: `ledger: port lease of backend`, `wt.yaml:12 services.backend.env.API`. */
  origin: string;
}

export interface VariablesResult {
  slug: string;
  path: string;
  variables: Variable[];
  /** Names in the caller's environment that belong to another environment and must be removed before a command is run. */
  unset: string[];
  /** Where a command of the service runs; absent where that is the host. */
  container?: CommandContainer;
}

export interface CommandContainer {
  service: string;
  /** null: it does not run; `state` says what it does. */
  id: string | null;
  state: string;
  /** Why, in a sentence. */
  reason: string | null;
  /** As Docker is asked: `unix:///var/run/docker.sock`. */
  endpoint: string | null;
  /** Directories of the host that it sees. */
  binds: { source: string; target: string }[];
}

/** Commands of a repository that a person has to approve, with what was known of them before. */
export interface TrustView {
  project: string;
  root: string;
  state: "trusted" | "changed" | "untrusted" | "nothing_to_trust";
  /** Identifies exactly this content; `TrustGrantRequest` must carry it so that what was shown is what is granted. */
  hash: string;
  commands: TrustCommand[];
}

export interface TrustCommand {
  /** `setup[0]`, `services.backend.run`, `script package.json#scripts.dev`, `file scripts/setup.sh`. */
  source: string;
  /** The command, or the path of an in-repo script. */
  text: string;
  /** Since the last grant; null where there was none. */
  change: "same" | "added" | "changed" | null;
}

export interface TrustRequest {
  /** An environment; or a branch, tag or commit that has none. */
  target: Target;
  /** What `wt create <target.name>` would run, where there is no such environment yet. */
  create?: { from?: string };
}

export interface TrustGrantRequest extends TrustRequest {
  hash: string;
}

export interface GatewayView {
  state: "listening" | "port_taken" | "off";
  /** 0 when off. */
  port: number;
  /** `http://<host label>.localhost:7080` without the host label: what every URL ends with. */
  urlSuffix: string;
  /** Who holds the port, when taken. */
  holder: string | null;
  routes: { host: string; prefix: string; project: string; slug: string; service: string; port: number }[];
  requests: number;
}

export interface DoctorFinding {
  /** Stable: `gateway_port_taken`. */
  code: string;
  level: "ok" | "warning" | "error";
  message: string;
  /** The command that mends it, if there is one. */
  fix: string | null;
  /** `wt doctor --fix` mends it. */
  fixable?: true;
  /** What `wt doctor --fix` has done about it, a sentence. */
  fixed?: string;
}

export interface DoctorReport {
  schema: 1;
  findings: DoctorFinding[];
}

export interface DaemonView {
  version: string;
  /** Identifies the program's content; another build than the CLI's is replaced, services kept. */
  build: string;
  pid: number;
  startedAt: string;
  memoryBytes: number;
  socket: string;
  stateDir: string;
  projects: number;
  environments: number;
  services: number;
  operationsInFlight: number;
}

export interface StopDaemonRequest {
  /** Stop all services first; default false: they run on and the next daemon adopts them. */
  services: boolean;
}

/** Answers every request that failed before a stream began; HTTP status 400–599. */
export interface ErrorBody {
  error: import("../errors/wt-error.ts").WireError;
}

export type Json = JsonValue;
