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
  /** The caller's own variables, for the name of a key that the options give. What is read from them is never written down or told. */
  env?: Readonly<Record<string, string>>;
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

/** One thing of a database's schema, written so that equal things are equal text, whatever order they were made in. */
export interface SchemaObject {
  /** `table`, `index`, `view`, `function`, …: the word people know it by. */
  kind: string;
  /** With its schema where there are schemas; of functions with the argument types. Unique per kind. */
  name: string;
  /** Lines of text. Owners, grants and comments are left out. */
  definition: string;
}

export interface TableRows {
  table: string;
  /** null: too many to count in the time given, and nobody has an estimate. */
  rows: number | null;
  /** False: an estimate. */
  exact: boolean;
}

/** What a database holds, as far as two of them can be compared. */
export interface ResourceContent {
  /** `PostgreSQL 18.4`. */
  version: string;
  /** Sorted by kind and name. What extensions brought along is left out; the extensions themselves are of kind `extension`. */
  objects: SchemaObject[];
  /** Sorted by table. Empty unless it was asked for. */
  rows: TableRows[];
}

export interface Inspection {
  abort: AbortSignal;
  /** Count rows too: exactly where that takes a moment, else an estimate. */
  rows: boolean;
  /** Wake one that sleeps, and put it back to sleep. Without it: null for one that sleeps. */
  wake: boolean;
}

export interface DumpWish {
  /** Absolute and absent, on the file system of its later place. The driver makes a file (or directory) there and syncs it; the caller renames it. */
  path: string;
  /** null: what the type writes by itself. */
  format: DumpFormat | null;
  schema: boolean;
  data: boolean;
}

/** `plain` is SQL; `file` is a database file; `rdb` is Redis'. */
export const dumpFormats = ["plain", "custom", "directory", "tar", "file", "rdb"] as const;
export type DumpFormat = (typeof dumpFormats)[number];

/** Sealed content that new resources of a driver are copied from, built once for all environments that want the same. */
export interface SealedTemplate {
  key: string;
  /** The resource it was built for first, and its project's main worktree. */
  resource: string;
  mainWorktree: string;
  /** `empty`, `migrated` …, in the driver's words. */
  stage: string;
  /** What it holds, for people, in the order in which it got there. */
  madeFrom: string[];
  version: string;
  /** The template it was copied from and went on from. */
  parent: string | null;
  /** Of all migrations in it, how many were in `parent` already; null where there are none. */
  migrations: { before: number; all: number } | null;
  bytes: number;
  createdAtMs: number;
  buildMs: number;
  /** null: never. */
  usedAtMs: number | null;
  /** Why nobody is to copy it any more, a sentence; null: it can be copied. */
  problem: string | null;
}

export interface TemplateReference {
  /** Of the template. */
  key: string;
  environmentId: string;
  /** The resource's. */
  directory: string;
  /** It reads the template as long as it lives; else it has a copy of its own. */
  lasting: boolean;
}

export interface TemplateLeftover {
  path: string;
  /** Removed by somebody who did not come to the end, or half built by a builder that died. */
  kind: "trash" | "building";
}

export interface ResourceTemplates {
  /** All of this world, the newest first. */
  list(): Promise<SealedTemplate[]>;
  /**
   * What the resource would be copied from by what wt.yaml and the worktree say now: `key` null when that is not built, `keys` all that it or a
   * build of it would use. null: it is not made from templates. Builds nothing. Throws `WtError` where that cannot be told.
   */
  need(spec: ResourceSpec): Promise<{ key: string | null; keys: string[] } | null>;
  /** Builds it unless it is there; with `anew` from the beginning in any case. Throws `WtError` (`refused`) for what has no templates. */
  build(spec: ResourceSpec, call: ResourceCall, how: { anew: boolean }): Promise<{ template: SealedTemplate; built: boolean }>;
  usage(key: string): Promise<ResourceUsage>;
  /** Reads all of it: the first file that is not what was sealed; null: all are. */
  damage(key: string): Promise<string | null>;
  /** Removes it. Whether something lies upon it is the caller's to know. Throws `WtError` (`refused`) while it is being copied. */
  remove(key: string): Promise<void>;
  /** What the resources on this disk came from. Throws when they cannot all be listed: then nothing is known. */
  references(): Promise<TemplateReference[]>;
  leftovers(): Promise<TemplateLeftover[]>;
  removeLeftover(path: string): Promise<void>;
  /** At daemon start: what dead builders left goes, their servers included. */
  prepare(): Promise<void>;
  onSealed(listener: () => void): void;
}

/** Something on a server that carries our mark and belongs to no environment of this machine. */
export interface Stray {
  /** Such as a database's name. */
  name: string;
  /** The server. */
  where: string;
  bytes: number | null;
  /** Who is connected. */
  sessions: number;
  /** The orphaned directory that proves that this machine made it; null: another one may have. */
  proof: string | null;
  remove(): Promise<void>;
}

export interface StraySearch {
  /** Every resource of this type in the ledger: they name the servers. */
  specs: readonly ResourceSpec[];
  /** Nonces of all environments in the ledger. */
  living: ReadonlySet<string>;
  /** Directories of resources whose environment is not in the ledger. */
  orphans: readonly string[];
}

/** How a driver copies content on this machine, found out by trying. */
export interface StorageDescription {
  method: string;
  /** What was seen that proves it. */
  proof: string;
  /** What is used for content of at least `fromBytes` where `method` is a full copy. */
  large: { method: string; fromBytes: number; proof: string } | null;
  /** Better ones that were tried, and why they were not taken. */
  rejected: { method: string; reason: string }[];
  fileSystem: string;
}

export interface ResourceDriver {
  /** `type:` in wt.yaml. */
  readonly type: string;
  readonly features: ResourceFeatures;
  /** A driver without it makes each resource from the beginning. */
  readonly templates?: ResourceTemplates;
  /**
   * What it is, in words that end a sentence: `a database on localhost:5432`. Options that give other words mean another thing, and what is there
   * is not brought along. Pure; never a secret. Without it only another `type` is another thing.
   */
  readonly identity?: (options: ResourceOptions) => string;
  /** Names of the variables a connection of the resource `name` gives, such as `DATABASE_URL`; the guard watches them. Pure. */
  readonly variableNames: (options: ResourceOptions, name: string) => string[];
  /** Names of the caller's variables that hold keys for the driver alone (see `ResourceCall.env`); services and commands do not get them. Pure. */
  readonly keyNames?: (options: ResourceOptions) => string[];
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
  /**
   * Makes `spec` with the present content of `source`, a resource of the same type that is made and may be in use or asleep, then runs the pending
   * `migrate` of `spec`. Where `spec` exists its content is replaced and its connection values stay. The source keeps its content and its clients.
   * The content is that of one instant. Throws `WtError`; then nothing is left of a new `spec`, and an existing one is as it was.
   */
  fork?(spec: ResourceSpec, source: ResourceSpec, call: ResourceCall): Promise<ResourceConnection>;
  /** Back to how `ensure` first made it. Connection values stay the same. */
  reset(spec: ResourceSpec, call: ResourceCall): Promise<ResourceConnection>;
  /** Verified removal. Removing the absent succeeds; the foreign is refused with `WtError` (`refused`). Clients are disconnected. */
  remove(spec: ResourceSpec): Promise<void>;
  /**
   * Stops it and keeps its content: no process, no listener, nobody holds its port; on a server that others use too, nobody gets in as its user, and
   * it keeps its name. `ensure` brings it back with that content and without running
   * commands, with another port too; the worktree then lies where it lay, having been moved away meanwhile with all its files. Idempotent.
   * False: it cannot be kept, and nothing has changed. A driver without it keeps nothing.
   */
  retire?(spec: ResourceSpec): Promise<boolean>;
  /** The worktree, with all that is in it, was moved from `from` to where `spec` says now. Idempotent. A driver without it keeps nothing there. */
  moved?(spec: ResourceSpec, from: string): Promise<void>;
  /** Values of an existing resource (asleep or not); null when it is absent. Cheap: files only. */
  connection(spec: ResourceSpec): Promise<ResourceConnection | null>;
  /**
   * Keeps the present content under `id`, without disconnecting clients where that is possible. They may be held still meanwhile: for a lock that one
   * of them holds it does not wait long, but throws `WtError` (`database_locked`), and the caller tries again. Throws `WtError` (`refused`) without
   * the feature and for an id that is taken. `report` takes sentences about what a restore will not bring back.
   */
  checkpoint(spec: ResourceSpec, id: string, report?: (line: string) => void): Promise<void>;
  /** Brings that content back. Throws `WtError` (`not_found`) for an unknown id. */
  restore(spec: ResourceSpec, id: string): Promise<void>;
  removeCheckpoint(spec: ResourceSpec, id: string): Promise<void>;
  /** Puts it to sleep unless it is in use (then it answers false and changes nothing). Without the feature: false. */
  sleep(spec: ResourceSpec): Promise<boolean>;
  /** Without the feature, or awake already: nothing happens. */
  wake(spec: ResourceSpec): Promise<void>;
  usage(spec: ResourceSpec): Promise<ResourceUsage>;
  /**
   * Only of drivers that copy files; where they lie belongs to the caller (`spec.directory` may be on a file system made for them). With a spec: null
   * when that one's content is not copied on this machine.
   */
  describeStorage?(spec?: ResourceSpec): Promise<StorageDescription | null>;
  /** Only of databases. Reads, never writes. null: it sleeps and may not be woken. Throws `WtError`. */
  inspect?(spec: ResourceSpec, how: Inspection): Promise<ResourceContent | null>;
  /** Changes whenever the content may have; equal marks: nothing changed. Cheap, wakes nobody; null where it cannot be told. */
  contentMark?(spec: ResourceSpec): Promise<string | null>;
  /** True: files that its content was made from have changed since. null: nobody can tell. */
  inputsChanged?(spec: ResourceSpec): Promise<boolean | null>;
  /** Writes the whole content to `wish.path`; gives the format. Throws `WtError`, and then nothing is left there. */
  dump?(spec: ResourceSpec, wish: DumpWish, call: ResourceCall): Promise<DumpFormat>;
  /** Replaces the content with that of a dump at the absolute path. Throws `WtError`, and then the old content is back. */
  load?(spec: ResourceSpec, path: string, call: ResourceCall): Promise<void>;
  /** Looks for what was left on servers; `problems` are sentences about those that could not be looked at. Changes nothing. */
  findStrays?(search: StraySearch): Promise<{ strays: Stray[]; problems: string[] }>;
  /** At daemon start, for every resource in the ledger: takes up its stable port, adopts what runs. Must be fast. */
  adopt(spec: ResourceSpec): Promise<void>;
  /** Stops the driver's own background work and listeners; servers run on. */
  close(): Promise<void>;
}
