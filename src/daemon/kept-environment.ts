// What is kept of a deleted environment, as its row in the ledger says it; for how long, and where.
import { join } from "node:path";
import type { DeletedRecord, EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import type { JsonValue } from "../errors/wt-error.ts";
import type { BranchSettings } from "../git/kept-branch.ts";
import { repositoryFiles } from "../os/repository-files.ts";
import type { ResourceSpec } from "../resource/resource-driver.ts";
import { readConfig } from "./config-reader.ts";
import type { World } from "./world.ts";

export interface KeptEnvironment {
  environment: EnvironmentRecord;
  /** Data of the leases of resources whose content is kept. */
  resources: { [key: string]: JsonValue }[];
  /** Names of those that could not be kept. */
  removedResources: string[];
  ports: { service: string; port: number }[];
  /** What its containers left: absent where there were none, or nothing stayed. Some stay themselves, for what they hold in volumes without a name. */
  stack?: { project: string; volumes: { name: string; key: string }[] };
  stamps: { step: string; hash: string }[];
  branch: { name: string; commit: string; settings: BranchSettings; deleted: boolean } | null;
  /** What git saw in it: files that no commit has. */
  unsavedFiles: number;
  /** Ignored directories that were thrown away, for they are made again; null: nobody has looked yet. */
  dropped: string[] | null;
  bytes: number | null;
  /** `purging`: it is being thrown away, and does not come back. */
  state: "kept" | "purging";
}

export const dayMs = 24 * 3600_000;
export const defaultKeepDays = 7;

/** For how many days a deleted environment is kept; 0: not at all. A wt.yaml that cannot be read says nothing. */
export async function keepDays(world: World, project: ProjectRecord, environment: EnvironmentRecord): Promise<number> {
  const own = world.env.WT_UNDELETE_DAYS ?? "";
  const days = Number(own);
  if (own !== "" && Number.isFinite(days) && days >= 0) return days;
  const config = await readConfig(project, repositoryFiles(environment.path)).catch(() => null);
  return config?.undeleteDays ?? defaultKeepDays;
}

export function keepPlace(project: ProjectRecord, environmentId: string): string {
  return join(project.gitCommonDir, "wt/deleted", environmentId);
}

export function keptOf(record: DeletedRecord): KeptEnvironment {
  // Written by `putKept` below; the ledger keeps JSON as it was given.
  return record.data as unknown as KeptEnvironment;
}

/** Of its resources; of one type where one is named. */
export function keptSpecs({ resources }: KeptEnvironment, type?: string): ResourceSpec[] {
  // They were written as `ResourceSpec` when they were leased.
  return resources.filter((one) => type === undefined || one.type === type).map(({ spec }) => spec as unknown as ResourceSpec);
}

export function putKept(world: World, record: Omit<DeletedRecord, "data">, kept: KeptEnvironment): void {
  world.ledger.putDeleted({ ...record, data: kept as unknown as { [key: string]: JsonValue } });
}
