// The contract of an environment's slice of something shared: a database on a server, a key prefix, a directory.
// Drivers stay naive: they act once and tell the truth. Ordering, leases, retry and deadlines belong to the callers.
import type { JsonValue } from "../errors/wt-error.ts";

export type ResourceOptions = { [key: string]: JsonValue };

/** A resource as a driver must provide it: everything is resolved, nothing is left to look up. Survives JSON; the ledger keeps it. */
export interface ResourceSpec {
  environmentId: string;
  /** Random per environment; marks what we made. */
  nonce: string;
  /** The key under `resources:`. */
  name: string;
  /** Stable, unique over all environments of this world, `[a-z0-9_]`, at most 60 characters: for names on servers, such as `wt_shop_feat_x_db`. */
  label: string;
  /** The driver's own options as `parseOptions` gave them. */
  options: ResourceOptions;
  /** Absolute; the driver's private place for this resource, mode 0700, on the state file system. Made by the driver, removed by `remove`. */
  directory: string;
  /** Absolute path of the environment's worktree. */
  worktree: string;
  /** Absolute path of the project's main worktree (or bare directory). */
  mainWorktree: string;
  /** The main worktree's own environment: the one `branch: shared` and `from:` a database of the main one mean. */
  main: boolean;
  /** Leased port on loopback where `features.port` is true, else null. */
  port: number | null;
}

export type ResourceObservation =
  | { state: "absent" }
  | { state: "ready"; detail: string | null }
  /** It costs no process now and wakes by itself when it is used. */
  | { state: "asleep"; detail: string | null }
  /** Everybody uses the same one; said loudly in lists. */
  | { state: "shared"; detail: string | null }
  /** It exists but does not carry our mark: it is reported and never touched. */
  | { state: "foreign"; reason: string }
  | { state: "broken"; reason: string };

export interface ResourceConnection {
  /** Variables the environment gets, such as `DATABASE_URL`. */
  variables: Record<string, string>;
  /** What `${{ resources.<name>.<key> }}` can refer to: always `url` where there is one. */
  values: Record<string, string>;
}

/** What the caller lends a driver for a long operation. */
export interface ResourceCall {
  abort: AbortSignal;
  /** A line for people: what is being done now, or a line of a command's output. */
  report: (line: string) => void;
  /**
   * Runs a command of the repository (a migration, a seed) in the worktree with these variables over the environment's own.
   * Rejects with `WtError` (`machine`, `command_failed`, with the last lines) when it fails, or with the abort's reason.
   */
  run: (command: string, variables: Record<string, string>) => Promise<void>;
}

export interface ResourceFeatures {
  /** `checkpoint` and `restore` work. Default false. */
  checkpoints: boolean;
  /** It can sleep without losing its connection values; `sleep` and `wake` work. Default false. */
  sleep: boolean;
  /** It needs a leased port. Default false. */
  port: boolean;
}

/** Disk taken by one resource, in bytes; null where the machine does not tell. */
export interface ResourceUsage {
  exclusiveBytes: number | null;
  /** Shared with a template or another environment. */
  sharedBytes: number | null;
  /** How it was measured or why it could not be. */
  how: string;
}

export interface ResourceDriver {
  /** `type:` in wt.yaml. */
  readonly type: string;
  readonly features: ResourceFeatures;
  /** Names of the variables a connection of the resource `name` gives, such as `DATABASE_URL`; the guard watches them. Pure. */
  readonly variableNames: (options: ResourceOptions, name: string) => string[];
  /**
   * Checks what is written beside `type` in wt.yaml. Gives the options to keep, or sentences about what is wrong, each with the key.
   * Pure: no I/O.
   */
  parseOptions(
    written: ResourceOptions,
  ): { options: ResourceOptions } | { problems: { key: string; message: string; hint: string | null }[] };
  /** What is there, told apart by our mark. Never throws for a thing that is absent. */
  observe(spec: ResourceSpec): Promise<ResourceObservation>;
  /**
   * Makes it exist and ready (awake). Idempotent, and repairs what a crash in the middle left. Throws `WtError`; then nothing half-made
   * is left. Never called twice at once for one spec; calls for different specs may run at once.
   */
  ensure(spec: ResourceSpec, call: ResourceCall): Promise<ResourceConnection>;
  /** Back to how `ensure` first made it. Connection values stay the same. */
  reset(spec: ResourceSpec, call: ResourceCall): Promise<ResourceConnection>;
  /** Verified removal. Removing the absent succeeds; the foreign is refused with `WtError` (`refused`). Clients are disconnected. */
  remove(spec: ResourceSpec): Promise<void>;
  /** Values of an existing resource (asleep or not); null when it is absent. Cheap: files only. */
  connection(spec: ResourceSpec): Promise<ResourceConnection | null>;
  /** Keeps the present content under `id`. Throws `WtError` (`refused`) without the feature and for an id that is taken. */
  checkpoint(spec: ResourceSpec, id: string): Promise<void>;
  /** Brings that content back. Throws `WtError` (`not_found`) for an unknown id. */
  restore(spec: ResourceSpec, id: string): Promise<void>;
  removeCheckpoint(spec: ResourceSpec, id: string): Promise<void>;
  /** Puts it to sleep unless it is in use (then it answers false and changes nothing). Without the feature: false. */
  sleep(spec: ResourceSpec): Promise<boolean>;
  /** Without the feature, or awake already: nothing happens. */
  wake(spec: ResourceSpec): Promise<void>;
  usage(spec: ResourceSpec): Promise<ResourceUsage>;
  /** At daemon start, for every resource in the ledger: takes up its stable port, adopts what runs. Must be fast. */
  adopt(spec: ResourceSpec): Promise<void>;
  /** Stops the driver's own background work and listeners; servers run on. */
  close(): Promise<void>;
}
