// Rows of the database to records of the ledger and back. A row that does not make a record is damage.
import {
  type DeletedRecord,
  type EnvironmentRecord,
  type Lease,
  leaseKinds,
  type MemberRecord,
  type OperationRecord,
  operationKinds,
  type ProjectRecord,
  type ServiceRecord,
  type TrustRecord,
} from "../environment/ledger.ts";
import { type JsonValue, WtError } from "../errors/wt-error.ts";

export type Cell = string | number | null;
export type Row = Record<string, Cell>;

export function toProject(row: Row): ProjectRecord {
  return {
    id: text(row, "id"),
    name: text(row, "name"),
    root: text(row, "root"),
    gitCommonDir: text(row, "git_common_dir"),
    createdAtMs: integer(row, "created_at_ms"),
  };
}

export function fromProject(project: ProjectRecord): Row {
  return {
    id: project.id,
    name: project.name,
    root: project.root,
    git_common_dir: project.gitCommonDir,
    created_at_ms: project.createdAtMs,
  };
}

export function toEnvironment(row: Row): EnvironmentRecord {
  return {
    id: text(row, "id"),
    projectId: text(row, "project_id"),
    slug: text(row, "slug"),
    hostLabel: text(row, "host_label"),
    branch: textOrNull(row, "branch"),
    path: text(row, "path"),
    main: row.main === 1,
    ownsWorktree: row.owns_worktree === 1,
    ownsBranch: row.owns_branch === 1,
    slot: integer(row, "slot"),
    nonce: text(row, "nonce"),
    wanted: oneOf(row, "wanted", ["up", "down"]),
    createdAtMs: integer(row, "created_at_ms"),
  };
}

export function toMember(row: Row): MemberRecord {
  return { environment: toEnvironment(row), data: json(row, "member") };
}

export function fromEnvironment(environment: EnvironmentRecord): Row {
  return {
    id: environment.id,
    project_id: environment.projectId,
    slug: environment.slug,
    host_label: environment.hostLabel,
    branch: environment.branch,
    path: environment.path,
    main: Number(environment.main),
    owns_worktree: Number(environment.ownsWorktree),
    owns_branch: Number(environment.ownsBranch),
    slot: environment.slot,
    nonce: environment.nonce,
    wanted: environment.wanted,
    created_at_ms: environment.createdAtMs,
  };
}

export function toLease(row: Row): Lease {
  return {
    id: integer(row, "id"),
    environmentId: text(row, "environment_id"),
    kind: oneOf(row, "kind", leaseKinds),
    key: text(row, "key"),
    state: oneOf(row, "state", ["intended", "present", "removing"]),
    data: json(row, "data"),
    createdAtMs: integer(row, "created_at_ms"),
  };
}

export function toOperation(row: Row): OperationRecord {
  return {
    id: text(row, "id"),
    environmentId: text(row, "environment_id"),
    kind: oneOf(row, "kind", operationKinds),
    step: textOrNull(row, "step"),
    data: json(row, "data"),
    startedAtMs: integer(row, "started_at_ms"),
  };
}

export function fromOperation(operation: OperationRecord): Row {
  return {
    id: operation.id,
    environment_id: operation.environmentId,
    kind: operation.kind,
    step: operation.step,
    data: JSON.stringify(operation.data),
    started_at_ms: operation.startedAtMs,
  };
}

export function toService(row: Row): ServiceRecord {
  return {
    environmentId: text(row, "environment_id"),
    service: text(row, "service"),
    generation: integer(row, "generation"),
    wanted: oneOf(row, "wanted", ["up", "down"]),
    restarts: integer(row, "restarts"),
    completed: row.completed === 1,
    plan: row.plan === null ? null : json(row, "plan"),
    instance: row.instance === null ? null : json(row, "instance"),
  };
}

export function fromService(service: ServiceRecord): Row {
  return {
    environment_id: service.environmentId,
    service: service.service,
    generation: service.generation,
    wanted: service.wanted,
    restarts: service.restarts,
    completed: Number(service.completed),
    plan: service.plan === null ? null : JSON.stringify(service.plan),
    instance: service.instance === null ? null : JSON.stringify(service.instance),
  };
}

export function toTrust(row: Row): TrustRecord {
  return {
    projectId: text(row, "project_id"),
    hash: text(row, "hash"),
    commands: json(row, "commands"),
    grantedAtMs: integer(row, "granted_at_ms"),
  };
}

export function fromTrust(record: TrustRecord): Row {
  return {
    project_id: record.projectId,
    hash: record.hash,
    commands: JSON.stringify(record.commands),
    granted_at_ms: record.grantedAtMs,
  };
}

export function toDeleted(row: Row): DeletedRecord {
  return {
    id: text(row, "id"),
    projectId: text(row, "project_id"),
    deletedAtMs: integer(row, "deleted_at_ms"),
    expiresAtMs: integer(row, "expires_at_ms"),
    data: json(row, "data"),
  };
}

export function fromDeleted(record: DeletedRecord): Row {
  return {
    id: record.id,
    project_id: record.projectId,
    deleted_at_ms: record.deletedAtMs,
    expires_at_ms: record.expiresAtMs,
    data: JSON.stringify(record.data),
  };
}

function text(row: Row, column: string): string {
  const cell = row[column];
  return typeof cell === "string" ? cell : invalid(column, cell);
}

function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

function integer(row: Row, column: string): number {
  const cell = row[column];
  return Number.isSafeInteger(cell) ? (cell as number) : invalid(column, cell);
}

function oneOf<T extends string>(row: Row, column: string, allowed: readonly T[]): T {
  return allowed.find((value) => value === row[column]) ?? invalid(column, row[column]);
}

/** The shape inside is the writer's promise: only this program writes these columns. */
function json<T extends JsonValue | TrustRecord["commands"]>(row: Row, column: string): T {
  try {
    return JSON.parse(text(row, column)) as T;
  } catch {
    return invalid(column, row[column]);
  }
}

function invalid(column: string, cell: Cell | undefined): never {
  throw new WtError({
    kind: "machine",
    code: "ledger_corrupt",
    message: `The ledger is damaged: the column ${column} holds ${JSON.stringify(cell ?? null)}.`,
    hints: ["Run `wt daemon stop`; the next command starts from the newest good backup."],
  });
}
