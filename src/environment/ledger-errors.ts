// The ledger's refusals, worded once for every implementation of `Ledger`.
import { WtError } from "../errors/wt-error.ts";
import type { EnvironmentRecord, Lease, ProjectRecord } from "./ledger.ts";

type Table = "project" | "environment" | "lease" | "operation";

export type EnvironmentKey = "path" | "slug" | "hostLabel" | "slot";

/** Which unique value of `environment` one of `others` already has; null when there is none. `others` may hold the record itself. */
export function takenEnvironmentKey(environment: EnvironmentRecord, others: readonly EnvironmentRecord[]): EnvironmentKey | null {
  const rest = others.filter((other) => other.id !== environment.id);
  const siblings = rest.filter((other) => other.projectId === environment.projectId);
  if (rest.some((other) => other.path === environment.path)) return "path";
  if (siblings.some((other) => other.slug === environment.slug)) return "slug";
  if (rest.some((other) => other.hostLabel === environment.hostLabel)) return "hostLabel";
  return siblings.some((other) => other.slot === environment.slot) ? "slot" : null;
}

export function takenProjectKey(project: ProjectRecord, others: readonly ProjectRecord[]): "name" | "gitCommonDir" | null {
  const rest = others.filter((other) => other.id !== project.id);
  if (rest.some((other) => other.gitCommonDir === project.gitCommonDir)) return "gitCommonDir";
  return rest.some((other) => other.name === project.name) ? "name" : null;
}

const environmentKeyNames: Record<EnvironmentKey, string> = {
  path: "worktree path",
  slug: "name",
  hostLabel: "host label",
  slot: "slot",
};

export function environmentTaken(environment: EnvironmentRecord, key: EnvironmentKey): WtError {
  return new WtError({
    kind: "refused",
    code: "environment_exists",
    message: `The ${environmentKeyNames[key]} ${environment[key]} belongs to another environment.`,
    hints: ["wt list --all"],
    details: { key, value: environment[key] },
  });
}

export function projectTaken(project: ProjectRecord, key: "name" | "gitCommonDir"): WtError {
  return new WtError({
    kind: "refused",
    code: "project_exists",
    message: `The ${key === "name" ? "project name" : "repository"} ${project[key]} is registered already.`,
    hints: ["wt list --all"],
    details: { key, value: project[key] },
  });
}

export function rowMissing(table: Table, id: string | number): WtError {
  return new WtError({ kind: "internal", code: "ledger_row_missing", message: `The ledger has no ${table} ${id}.` });
}

export function rowExists(table: Table, id: string | number): WtError {
  return new WtError({ kind: "internal", code: "ledger_row_exists", message: `The ledger already has the ${table} ${id}.` });
}

export function leasesRemain(environmentId: string, leases: readonly Lease[]): WtError {
  return new WtError({
    kind: "internal",
    code: "leases_remain",
    message: `The environment ${environmentId} still holds ${leases.map((lease) => `${lease.kind} ${lease.key}`).join(", ")}.`,
    details: { leases: leases.map((lease) => lease.id) },
  });
}

export function environmentsRemain(projectId: string, environments: readonly EnvironmentRecord[]): WtError {
  return new WtError({
    kind: "internal",
    code: "environments_remain",
    message: `The project ${projectId} still has the environments ${environments.map((environment) => environment.slug).join(", ")}.`,
  });
}

/** A transaction that awaits would commit before its work is done. */
export function refusePromise(result: unknown): void {
  if (typeof result !== "object" || result === null || !("then" in result)) return;
  throw new WtError({
    kind: "internal",
    code: "ledger_transaction_async",
    message: "The work of a ledger transaction must be synchronous, but it returned a promise.",
  });
}

export function ledgerClosed(): WtError {
  return new WtError({ kind: "internal", code: "ledger_closed", message: "The ledger was closed." });
}
