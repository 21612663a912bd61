// The ledger as the heart sees it: who owns what, and which operations are in flight. `state/` keeps it in SQLite; the daemon is its only writer.
import type { JsonValue } from "../errors/wt-error.ts";

export interface ProjectRecord {
  id: string;
  /** Chosen once; unique over all projects (a number is added on collision). */
  name: string;
  /** Absolute path of the main worktree (for a bare repository: the bare directory). */
  root: string;
  /** Absolute, resolved; unique. */
  gitCommonDir: string;
  createdAtMs: number;
}

export interface EnvironmentRecord {
  id: string;
  projectId: string;
  /** Unique in the project. Chosen once. */
  slug: string;
  /** First DNS label; unique over all projects. Chosen once. */
  hostLabel: string;
  branch: string | null;
  /** Absolute path of the worktree; unique. */
  path: string;
  main: boolean;
  /** The worktree (directory and registration) was made by us. */
  ownsWorktree: boolean;
  /** The branch was made by us: the ref to delete with it is the record's `branch`. */
  ownsBranch: boolean;
  /** Unique in the project; main is 0; the lowest free number otherwise. */
  slot: number;
  /** Random; marks processes and everything else made for this environment. */
  nonce: string;
  /** What the user wants: services up or down. Survives daemon and machine restarts. */
  wanted: "up" | "down";
  createdAtMs: number;
}

/** The last five are of containers: a compose project (with its containers), and what is made beside them, by their names. A `subnet`'s key is `10.192.0.0/26`. */
export const leaseKinds = [
  "port",
  "worktree",
  "branch",
  "directory",
  "process",
  "resource",
  "agent",
  "compose_project",
  "network",
  "volume",
  "image",
  "subnet",
] as const;
export type LeaseKind = (typeof leaseKinds)[number];

/** A prepared worktree of the pool. It has rows like any environment's, and becomes one when it is claimed. */
export interface MemberRecord {
  environment: EnvironmentRecord;
  data: { [key: string]: JsonValue };
}

/**
 * `intended`: written, the thing may or may not exist. `present`: it was seen to exist.
 * `removing`: its removal has begun and must be carried on.
 */
export type LeaseState = "intended" | "present" | "removing";

export interface Lease {
  id: number;
  environmentId: string;
  kind: LeaseKind;
  /** Unique per kind on this machine: `20017`, an absolute path, `<environment id>/<service>/<generation>`. */
  key: string;
  state: LeaseState;
  data: { [key: string]: JsonValue };
  createdAtMs: number;
}

/** The last seven are of resources and kept environments. */
export const operationKinds = [
  "create",
  "up",
  "down",
  "restart",
  "delete",
  "reset",
  "branch",
  "wake",
  "sleep",
  "checkpoint",
  "restore",
  "remove",
  "undelete",
] as const;
export type OperationKind = (typeof operationKinds)[number];

/** An operation in flight. Its row is there from before the first effect until after the last. */
export interface OperationRecord {
  id: string;
  environmentId: string;
  kind: OperationKind;
  /** Last step that was *begun* (journalled before its effect); null before the first. */
  step: string | null;
  data: { [key: string]: JsonValue };
  startedAtMs: number;
}

/** A service's memory across daemons. */
export interface ServiceRecord {
  environmentId: string;
  service: string;
  /** Started generations so far. */
  generation: number;
  wanted: "up" | "down";
  restarts: number;
  /** The current generation ended with success and is not to be started again by itself. */
  completed: boolean;
  /** The resolved `ServiceSpec` plus readiness and restart policy of the current generation, as the supervisor needs them to carry on. */
  plan: { [key: string]: JsonValue } | null;
  /** The `ServiceInstance` of the current generation; null while none was recorded. */
  instance: { [key: string]: JsonValue } | null;
}

/** What is kept of a deleted environment, so that it can come back: files, refs and resources that no other row speaks of. */
export interface DeletedRecord {
  /** The environment's. */
  id: string;
  projectId: string;
  deletedAtMs: number;
  /** From then on it may be thrown away. */
  expiresAtMs: number;
  data: { [key: string]: JsonValue };
}

export interface TrustRecord {
  projectId: string;
  hash: string;
  commands: { source: string; text: string }[];
  grantedAtMs: number;
}

/** What is chosen when a member becomes an environment. */
export type MemberClaim = Pick<EnvironmentRecord, "slug" | "hostLabel" | "slot" | "branch" | "path" | "ownsBranch" | "createdAtMs">;

/**
 * Synchronous and durable: when a method returns, its effect survives SIGKILL and power loss.
 * All methods throw `WtError` (`machine`, code `ledger_full` or `ledger_unwritable`) when the disk refuses; then nothing has changed.
 * What gives things back (`release`, `endOperation`, the deletes, `advanceOperation`, `updateLease`, `updateEnvironment`, and a `beginOperation` of
 * kind `delete` or `down`, `putDeleted`, `dropDeleted`) still succeeds on a full disk, alone or together in one transaction.
 * Updating, or making a child of, a row that is not there throws `internal` (`ledger_row_missing`): a journal that writes nothing would lie.
 * Lists are in the order of insertion; records are copies.
 */
export interface Ledger {
  /** Runs synchronous `work` in one transaction; a throw rolls back and is passed on. May be nested: an inner failure undoes the inner work alone. */
  transaction<T>(work: () => T): T;

  projects(): ProjectRecord[];
  project(id: string): ProjectRecord | null;
  /** Throws `refused` (`project_exists`) when name or git directory is taken. */
  insertProject(project: ProjectRecord): void;
  updateProject(id: string, change: Partial<Pick<ProjectRecord, "root" | "name">>): void;
  /** Throws `internal` (`environments_remain`) while environments remain. Deletes its trust. Idempotent. */
  deleteProject(id: string): void;

  /** Without the members of the pool, unless they are asked for. */
  environments(filter?: { projectId?: string; members?: "with" }): EnvironmentRecord[];
  /** A member of the pool too. */
  environment(id: string): EnvironmentRecord | null;
  /** Throws `refused` (`environment_exists`) when slug, slot, host label or path is taken. */
  insertEnvironment(environment: EnvironmentRecord): void;
  updateEnvironment(
    id: string,
    change: Partial<Pick<EnvironmentRecord, "branch" | "path" | "wanted" | "ownsBranch" | "ownsWorktree">>,
  ): void;
  members(filter?: { projectId?: string }): MemberRecord[];
  /** Throws as `insertEnvironment` does. */
  insertMember(member: MemberRecord): void;
  /** Throws `internal` (`ledger_row_missing`) for what is no member (any more). */
  updateMember(id: string, data: { [key: string]: JsonValue }): void;
  /** It becomes an environment, the last of all in lists. Throws as `insertEnvironment` and `updateMember` do. */
  claimMember(id: string, named: MemberClaim): void;
  /** Last of all: throws `internal` (`leases_remain`) while a lease of it remains. Deletes its services and setup stamps. Idempotent. */
  deleteEnvironment(id: string): void;

  leases(filter?: { environmentId?: string; kind?: LeaseKind }): Lease[];
  /**
   * Takes (kind, key) for an environment, state `intended`. Claiming again by the same environment returns the lease as it is.
   * null when another environment holds it.
   */
  claim(lease: { environmentId: string; kind: LeaseKind; key: string; data?: { [key: string]: JsonValue } }): Lease | null;
  updateLease(id: number, change: Partial<Pick<Lease, "state" | "data">>): void;
  /** After the thing is verified gone. Idempotent. */
  release(id: number): void;

  operations(filter?: { environmentId?: string }): OperationRecord[];
  /** The environment need not exist: `create` begins before its row, `delete` ends after it. */
  beginOperation(operation: OperationRecord): void;
  /** Journals that `step` is about to begin; `data` replaces the operation's data when given. */
  advanceOperation(id: string, step: string, data?: { [key: string]: JsonValue }): void;
  endOperation(id: string): void;

  services(filter?: { environmentId?: string }): ServiceRecord[];
  putService(service: ServiceRecord): void;
  deleteService(environmentId: string, service: string): void;

  /** Hash of the inputs with which a setup step last succeeded; null when it never did. `step` is the command text. */
  setupStamp(environmentId: string, step: string): string | null;
  putSetupStamp(stamp: { environmentId: string; step: string; hash: string }): void;
  /** All of an environment, sorted by step. */
  setupStamps(environmentId: string): { step: string; hash: string }[];

  /** The latest deletion last. */
  deleted(filter?: { projectId?: string }): DeletedRecord[];
  deletedRecord(id: string): DeletedRecord | null;
  /** Replaces what is there under its id. It may be there beside the environment's own row while that is on its way back. */
  putDeleted(record: DeletedRecord): void;
  /** Idempotent. */
  dropDeleted(id: string): void;

  /** One record per content; the newest grant is last. */
  trusted(projectId: string): TrustRecord[];
  grantTrust(record: TrustRecord): void;

  setting(key: string): string | null;
  putSetting(key: string, value: string): void;

  close(): void;
}
