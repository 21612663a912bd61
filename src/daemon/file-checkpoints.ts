// The part of an environment's checkpoints that is about its worktree, as the ledger knows it: written before the refs, taken away after them.
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { createGit } from "../git/git.ts";
import { dropCheckpointRefs } from "../git/worktree-checkpoint.ts";
import type { World } from "./world.ts";

/** Kept among the setup stamps, which go with the environment's row, and come back with it. */
const checkpointsStamp = "worldtree:checkpoints";

export interface FileEntry {
  id: string;
  createdAtMs: number;
  state: "intended" | "present" | "removing";
  /** The commit it was on. */
  head: string | null;
  branch: string | null;
  /** Ignored files are in it. */
  ignored: boolean;
  /** Made before a restore. */
  automatic: boolean;
}

export function fileEntries(world: World, environmentId: string): FileEntry[] {
  const stamp = world.ledger.setupStamp(environmentId, checkpointsStamp);
  // Written by `writeEntries` below.
  return stamp === null ? [] : (JSON.parse(stamp) as FileEntry[]);
}

export function putFileEntry(world: World, environmentId: string, entry: FileEntry): void {
  writeEntries(world, environmentId, [...fileEntries(world, environmentId).filter(({ id }) => id !== entry.id), entry]);
}

/** Idempotent. */
export async function dropFileCheckpoint(
  world: World,
  dropped: { project: ProjectRecord; environment: EnvironmentRecord; id: string },
): Promise<void> {
  const { project, environment, id } = dropped;
  const entry = fileEntries(world, environment.id).find((one) => one.id === id);
  if (!entry) return;
  putFileEntry(world, environment.id, { ...entry, state: "removing" });
  await dropCheckpointRefs(createGit(world.env), { root: project.gitCommonDir, environmentId: environment.id, id });
  writeEntries(
    world,
    environment.id,
    fileEntries(world, environment.id).filter((one) => one.id !== id),
  );
}

/** At daemon start: what a crash left half made or half removed goes. */
export async function settleFileCheckpoints(world: World, environment: EnvironmentRecord): Promise<void> {
  const project = world.ledger.project(environment.projectId);
  if (!project) return;
  for (const { id, state } of fileEntries(world, environment.id)) {
    if (state !== "present") await dropFileCheckpoint(world, { project, environment, id });
  }
}

function writeEntries(world: World, environmentId: string, entries: FileEntry[]): void {
  world.ledger.putSetupStamp({ environmentId, step: checkpointsStamp, hash: JSON.stringify(entries) });
}
