// `wt checkpoint`, `wt checkpoints`, `wt checkpoint diff`: files, index and resources of an environment under one name, as of one instant.
import type {
  CheckpointDiff,
  WholeCheckpoint,
  WholeCheckpointList,
  WholeCheckpointRequest,
  WholeCheckpointResult,
} from "../api/checkpoints.ts";
import type { Target } from "../api/environment.ts";
import type { CheckpointResult } from "../api/resources.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { type CheckpointPlace, diffCheckpoint, saveCheckpoint } from "../git/worktree-checkpoint.ts";
import {
  checkpointViews,
  dropCheckpoint,
  freeId,
  holdersOf,
  putEntries,
  reasonAgainst,
  requireId,
  settleCheckpoints,
} from "./checkpoint-operations.ts";
import { dropFileCheckpoint, type FileEntry, fileEntries, putFileEntry } from "./file-checkpoints.ts";
import { type Call, runStep } from "./journaled-run.ts";
import { locateTarget } from "./projects.ts";
import { underLock } from "./resource-operations.ts";
import { leasedResources } from "./resources.ts";
import { takeAtOnce } from "./take-checkpoint.ts";
import { requireWorktree } from "./up-environment.ts";
import type { World } from "./world.ts";

export interface Place {
  project: ProjectRecord;
  environment: EnvironmentRecord;
}

export async function checkpointEnvironment(world: World, request: WholeCheckpointRequest, call: Call): Promise<WholeCheckpointResult> {
  const place = await locateTarget(world, createGit(world.env), request.target);
  const { environment } = place;
  if (request.id !== null) requireId(request.id);
  return underLock(world, { environment, kind: "checkpoint", call }, async (operation) => {
    requireWorktree(environment);
    const wish = { wanted: request.id, ignored: request.ignored, automatic: false, operation };
    const { id, leftOut } = await takeWhole(world, { place, ...wish }, call);
    for (const { resource, reason } of leftOut) call.emit({ type: "note", message: `${resource} is not in the checkpoint: ${reason}` });
    return { schema: 1, environment: environment.slug, checkpoint: requireWhole(world, place, id), leftOut };
  });
}

export interface Wish {
  place: Place;
  /** null: named after the time. */
  wanted: string | null;
  ignored: boolean;
  automatic: boolean;
  operation: string;
}

/** The caller holds the environment's lock. When it throws, nothing of it is left. */
export async function takeWhole(world: World, wish: Wish, call: Call): Promise<{ id: string; leftOut: CheckpointResult["leftOut"] }> {
  const { place, ignored, automatic } = wish;
  const { environment } = place;
  const { held, leftOut } = await holders(world, environment);
  const createdAtMs = world.clock.now();
  const id = freeId(world, environment, { wanted: wish.wanted, createdAtMs });
  const intended: FileEntry = { id, createdAtMs, state: "intended", head: null, branch: environment.branch, ignored, automatic };
  const saved: { head: string | null } = { head: null };
  const files = async () => {
    const about = { slug: environment.slug, branch: environment.branch, nowMs: createdAtMs };
    Object.assign(saved, await saveCheckpoint(createGit(world.env), filePlace(world, place, intended), about));
  };
  const work = async () => {
    world.ledger.transaction(() => {
      putFileEntry(world, environment.id, intended);
      putEntries(world, environment, { entry: { id, createdAtMs, state: "intended" }, names: held });
    });
    const report = (message: string) => call.emit({ type: "note", message });
    const resources = holdersOf(world, environment, held);
    leftOut.push(...(await takeAtOnce(world, environment, { id, resources, abort: call.abort, report, files })));
  };
  try {
    await runStep(world, call, {
      operation: wish.operation,
      step: "checkpoint",
      label: `Keep ${["files", ...held].join(", ")} as ${id}`,
      work,
    });
    call.abort.throwIfAborted();
  } catch (error) {
    await dropWhole(world, place, id).catch(world.report);
    throw error;
  }
  const taken = held.filter((name) => !leftOut.some(({ resource }) => resource === name));
  world.ledger.transaction(() => {
    putFileEntry(world, environment.id, { ...intended, ...saved, state: "present" });
    putEntries(world, environment, { entry: { id, createdAtMs, state: "present" }, names: taken });
  });
  await settleCheckpoints(world, environment);
  return { id, leftOut };
}

/** What resources keep in the worktree is theirs: they have checkpoints of their own. */
export function filePlace(
  world: World,
  { project, environment }: Place,
  { id, ignored }: Pick<FileEntry, "id" | "ignored">,
): CheckpointPlace {
  const owned = leasedResources(world, environment.id).flatMap(({ type, spec }) => {
    const { path } = spec.options;
    if (typeof path !== "string" || (type !== "sqlite" && type !== "directory")) return [];
    return type === "sqlite" ? [path, `${path}-wal`, `${path}-shm`, `${path}-journal`] : [path];
  });
  return { root: project.root, path: environment.path, environmentId: environment.id, id, scope: { ignored, except: owned } };
}

async function holders(world: World, environment: EnvironmentRecord): Promise<{ held: string[]; leftOut: CheckpointResult["leftOut"] }> {
  const held: string[] = [];
  const leftOut: CheckpointResult["leftOut"] = [];
  for (const one of leasedResources(world, environment.id)) {
    const reason = await reasonAgainst(world, one);
    if (reason === null) held.push(one.spec.name);
    else leftOut.push({ resource: one.spec.name, reason });
  }
  return { held, leftOut };
}

/** The resources first: while their entries are there, somebody may still want the files. Idempotent. */
export async function dropWhole(world: World, { project, environment }: Place, id: string): Promise<void> {
  await dropCheckpoint(world, environment, { id });
  await dropFileCheckpoint(world, { project, environment, id });
}

export async function removeWholeCheckpoint(
  world: World,
  request: { target: Target; id: string },
  call: Call,
): Promise<WholeCheckpointList> {
  const place = await locateTarget(world, createGit(world.env), request.target);
  // No journal row: the entry says that it is being removed, and a full disk must not stop what frees space.
  const work = async () => {
    requireWhole(world, place, request.id);
    await dropWhole(world, place, request.id);
  };
  await world.locks.run(`environment:${place.environment.id}`, work, call.abort);
  return wholeList(world, place);
}

export async function listWholeCheckpoints(world: World, request: { target: Target }): Promise<WholeCheckpointList> {
  return wholeList(world, await locateTarget(world, createGit(world.env), request.target));
}

function wholeList(world: World, { environment }: Place): WholeCheckpointList {
  const kept = checkpointViews(world, environment.id);
  const checkpoints = fileEntries(world, environment.id)
    .filter(({ state }) => state === "present")
    .toSorted((a, b) => a.createdAtMs - b.createdAtMs)
    .map(({ id, createdAtMs, head, branch, ignored, automatic }) => {
      const resources = kept.find((one) => one.id === id)?.resources ?? [];
      return { id, createdAt: new Date(createdAtMs).toISOString(), head, branch, ignored, automatic, resources };
    });
  return { schema: 1, environment: environment.slug, checkpoints };
}

export function requireWhole(world: World, place: Place, id: string): WholeCheckpoint {
  const { checkpoints } = wholeList(world, place);
  const found = checkpoints.find((one) => one.id === id);
  if (found) return found;
  const { slug } = place.environment;
  throw new WtError({
    kind: "not_found",
    code: "checkpoint_unknown",
    message: `${slug} has no checkpoint ${id} of its files.`,
    hints: [
      checkpoints.length > 0 ? `It has ${checkpoints.map((one) => one.id).join(", ")}.` : "Make one: wt checkpoint",
      "Those of databases alone: wt db checkpoints",
    ],
  });
}

export async function diffWithCheckpoint(world: World, request: { target: Target; id: string }): Promise<CheckpointDiff> {
  const git = createGit(world.env);
  const place = await locateTarget(world, git, request.target);
  const entry = requireWhole(world, place, request.id);
  requireWorktree(place.environment);
  const difference = await diffCheckpoint(git, filePlace(world, place, entry));
  return { schema: 1, environment: place.environment.slug, id: entry.id, ...difference };
}
