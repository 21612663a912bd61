// The contract of everything that can run services: processes, containers, pods.
// Drivers stay naive: they act once and tell the truth. Restarting, back-off, ordering, retry and deadlines belong to the callers.
import type { JsonValue } from "../errors/wt-error.ts";

/** A service as a driver must run it: everything is resolved, nothing is left to look up. */
export interface ServiceSpec {
  environmentId: string;
  /** Random per environment; marks what we made. */
  nonce: string;
  service: string;
  /** Counts starts of this service, from 1; part of the mark. */
  generation: number;
  /** Shell command line. */
  command: string;
  /** Absolute. */
  directory: string;
  /** The complete environment of the process; nothing is inherited from the daemon. */
  env: Record<string, string>;
  /** Leased port the service must listen on (on loopback); null when it listens on nothing. */
  port: number | null;
  /** Absolute path of the log file; appended to, never truncated by `start`. */
  logPath: string;
  stop: StopPolicy;
  /** A container that is there already (see `ComposeStack.create`); its command, directory and variables were settled then, and those here are passed over. */
  container?: ContainerRef | null;
}

/** A container by what Compose calls it. */
export interface ContainerRef {
  /** Compose project. */
  project: string;
  /** Service of the compose model. */
  service: string;
}

export interface StopPolicy {
  signal: "SIGTERM" | "SIGINT" | "SIGQUIT" | "SIGHUP" | "SIGKILL";
  /** Time from the signal to SIGKILL. */
  graceMs: number;
}

/** One started generation of a service. `identity` is the driver's own proof of ownership, JSON so that it survives the daemon. */
export interface ServiceInstance {
  driver: string;
  environmentId: string;
  service: string;
  generation: number;
  /** For people; null where there is none (containers). */
  pid: number | null;
  startedAtMs: number;
  identity: JsonValue;
}

export type InstanceObservation =
  /**
   * Provably ours and alive. `detached`: the first process has ended and left others of ours behind (a command that daemonised itself).
   * `health`: what its own health check says; absent where it has none.
   */
  | { state: "alive"; pid: number | null; memoryBytes: number | null; detached: boolean; health?: ContainerHealth }
  /** Provably ended (no process of it is left). `code`/`signal` are null when nobody could see them (an adopted process). */
  | ({ state: "ended" } & InstanceEnd)
  /** Something is there that may or may not be ours; it is reported and never signalled. */
  | { state: "unknown"; reason: string };

/** What the container's own health check says; absent where there is none. */
export type ContainerHealth = "starting" | "healthy" | "unhealthy";

export interface InstanceEnd {
  code: number | null;
  signal: string | null;
  /** The kernel ended it because it had more memory than it may; absent where nobody can tell. */
  outOfMemory?: true;
}

/** Who listens on a port, for the check that the leased port is served by us. */
export type ListenerObservation =
  /** `loopbackOnly`: something listens inside a container, but only on the container's own loopback, where nobody reaches it. */
  | { owner: "nobody"; loopbackOnly?: true }
  | { owner: "ours"; pid: number | null }
  /** `pid` and `command` as far as they can be read. */
  | { owner: "foreign"; pid: number | null; command: string | null }
  /** The machine does not tell (no permission, no tool). */
  | { owner: "unknown" };

export interface StopResult {
  /** SIGKILL was needed. */
  killed: boolean;
  /** What of ours could not be ended, in sentences; empty means verified: no process of it is left and the port is free of us. */
  leftovers: string[];
}

export interface LogQuery {
  logPath: string;
  /** Last N lines; null: all kept. */
  tail: number | null;
  sinceMs: number | null;
  follow: boolean;
}

export interface LogEntry {
  timeMs: number;
  line: string;
}

export interface RuntimeFeatures {
  /** Instances outlive the daemon and can be recognised by the next one. */
  adoption: boolean;
  /** Exit codes are known for instances this daemon started. */
  exitCodes: boolean;
  /** Exit codes are known for adopted instances too. */
  adoptedExitCodes: boolean;
  /** What a first process leaves behind lives on, and `observe` calls it `detached`. In a container everything ends with the first process. */
  detaches: boolean;
  /** `listener` can tell ours from foreign. */
  listeners: boolean;
  /** `pause` and `resume` work; without it they do nothing. */
  pause: boolean;
}

export interface RuntimeDriver {
  readonly name: string;
  readonly features: RuntimeFeatures;

  /**
   * Starts the service and returns as soon as its identity is known (before it is ready).
   * Not idempotent: the caller has recorded the intent and observed that nothing of this generation exists (see `find`).
   * Throws `WtError` (`machine`) when it cannot be started: missing directory, no permission, disk full. After a throw nothing is left.
   */
  start(spec: ServiceSpec): Promise<ServiceInstance>;

  /** What became of an instance. Never throws for an instance that is gone. Cheap enough for once a second. */
  observe(instance: ServiceInstance): Promise<InstanceObservation>;

  /**
   * Resolves when the instance has ended (all of it: a command that daemonises itself is still running), also for an adopted one.
   * Rejects only with the signal's reason when `abort` fires.
   * `sight` hears why nobody can tell any more what became of it (once, however long that lasts), and null when it was seen alive again.
   */
  waitForEnd(instance: ServiceInstance, abort: AbortSignal, sight?: (unseen: string | null) => void): Promise<InstanceEnd>;

  /**
   * Resolves when the command itself has ended, whatever it left running behind it (`observe` then says `detached`).
   * For setup commands; an adopted instance's code is null. Rejects only with the signal's reason when `abort` fires.
   */
  waitForCommand(instance: ServiceInstance, abort: AbortSignal): Promise<InstanceEnd>;

  /**
   * Ends the instance and everything it started; resolves when that is verified or cannot be achieved (`leftovers`).
   * Idempotent; an instance that is gone succeeds. Signals nothing whose identity is not proven at that moment.
   */
  stop(instance: ServiceInstance, policy: StopPolicy): Promise<StopResult>;

  /**
   * Holds everything of the instance still; resolves when nothing of it moves. It stays so until `resume`, also when the daemon dies, and `observe`
   * goes on saying `alive`. Idempotent; an instance that is gone succeeds. Throws `WtError` (`machine`) when it cannot; then it goes on.
   */
  pause(instance: ServiceInstance): Promise<void>;

  /** Lets everything of the instance go on, whoever held it. Idempotent; an instance that is gone succeeds. `stop` needs no `resume` before. */
  resume(instance: ServiceInstance): Promise<void>;

  /**
   * Looks for instances that carry the mark of this environment, without records: finds what a crash between start and record left.
   * Includes every service and generation of the environment that is alive.
   */
  find(mark: { environmentId: string; nonce: string }): Promise<ServiceInstance[]>;

  /**
   * Variables that make a process which somebody else starts (in a terminal, say) an instance of the environment: `find` sees it and what it starts,
   * and `stop` ends it. A driver without it runs nothing outside of itself.
   */
  marks?(spec: Pick<ServiceSpec, "environmentId" | "nonce" | "service" | "generation">): Record<string, string>;

  /** Who listens on `port` on loopback, seen from this instance. */
  listener(instance: ServiceInstance, port: number): Promise<ListenerObservation>;

  /** Lines of a service's log in order, over all generations. With `follow` it ends only when `abort` fires. A missing log is empty. */
  logs(query: LogQuery, abort: AbortSignal): AsyncIterable<LogEntry>;

  /** Deletes the log and everything kept beside it. Idempotent. */
  removeLogs(logPath: string): Promise<void>;

  /** Stops the driver's own background work (tailing, polling); services run on. */
  close(): Promise<void>;
}
