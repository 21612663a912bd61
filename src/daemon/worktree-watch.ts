// Sees worktrees come and go while the daemon runs: made, removed, moved, on another branch, by whomever. The kernel tells; a slow look makes up for
// what it does not tell.
import { type FSWatcher, readdirSync, watch } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { ProjectRecord } from "../environment/ledger.ts";
import { createGit } from "../git/git.ts";
import { initializing, readRegistrations } from "../git/worktree-registration.ts";
import { entryAt } from "../os/files.ts";
import { syncWorktrees } from "./projects.ts";
import { followMoved, isBusy, noteRegistrations, quietRemoved, releaseRemoved } from "./removed-worktrees.ts";
import { worktreeExists } from "./worktree-exists.ts";
import { observePresence } from "./worktree-presence.ts";
import type { World } from "./world.ts";

export interface WorktreeWatchOptions {
  /** From an event to the look: git writes several files. */
  settleMs?: number;
  /** A worktree must have been gone for so long before its programs end: who moves it by hand repairs it at once. */
  quietMs?: number;
  /** And for so long before what it had is given back, where git still lists it. */
  graceMs?: number;
  lookEveryMs?: number;
  /** Until the next look where wt itself is at work. */
  busyMs?: number;
}

export interface WorktreeWatch {
  /** Looks at everything now; resolves when what it found is settled. */
  look(): Promise<void>;
  close(): void;
}

const defaults = { settleMs: 100, quietMs: 1_000, graceMs: 60_000, lookEveryMs: 2_000, busyMs: 500 };

export function watchWorktrees(world: World, given: WorktreeWatchOptions = {}): WorktreeWatch {
  const watching: Watching = {
    world,
    options: { ...defaults, ...given },
    closing: new AbortController(),
    watched: new Map(),
    due: new Set(),
    looking: null,
    seen: new Map(),
    postponed: new Set(),
    missingSinceMs: new Map(),
  };
  const stopListening = world.changes.listen((environmentId) => rewatch(watching, environmentId));
  poll(watching).catch((error) => {
    if (!watching.closing.signal.aborted) world.report(error);
  });
  return {
    look: () => {
      for (const { id } of world.ledger.projects()) watching.due.add(id);
      return lookAtDue(watching);
    },
    close() {
      stopListening();
      watching.closing.abort(new Error("the watch is closed"));
      for (const watchers of watching.watched.values()) for (const one of watchers.values()) one.close();
    },
  };
}

interface Watching {
  world: World;
  options: Required<WorktreeWatchOptions>;
  closing: AbortController;
  /** Project → directory → watcher. */
  watched: Map<string, Map<string, FSWatcher>>;
  /** Projects to look at. */
  due: Set<string>;
  looking: Promise<void> | null;
  /** Project → what its worktrees looked like. */
  seen: Map<string, string>;
  /** Projects that were looked at while wt itself worked on one of their environments. */
  postponed: Set<string>;
  /** Environment → since when its worktree is gone. */
  missingSinceMs: Map<string, number>;
}

async function poll(watching: Watching): Promise<void> {
  const { world, options, closing } = watching;
  for (let looks = 0; !closing.signal.aborted; looks++) {
    for (const project of world.ledger.projects()) {
      const waiting = world.ledger.environments({ projectId: project.id }).some(({ id }) => watching.missingSinceMs.has(id));
      // One that waits for a person, or for an agent to end, is seldom worth a git.
      if ((waiting && looks % 15 === 0) || watching.seen.get(project.id) !== signatureOf(world, project)) watching.due.add(project.id);
    }
    await lookAtDue(watching);
    await world.clock.sleep(options.lookEveryMs, closing.signal);
  }
}

/** Names, existence and HEADs, no more: what a kernel that tells nothing, or not in time, would hide. No program is started for it. */
function signatureOf(world: World, project: ProjectRecord): string {
  const there = world.ledger.environments({ projectId: project.id }).map((one) => `${one.path} ${worktreeExists(one)}`);
  const registrations = join(project.gitCommonDir, "worktrees");
  const heads = namesIn(registrations).map((name) => `${name} ${entryAt(join(registrations, name, "HEAD"))?.mtimeMs}`);
  return [...heads, ...there].join("\n");
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** A new environment, of a new project too, is watched from its first moment. */
function rewatch(watching: Watching, environmentId: string): void {
  const environment = watching.world.ledger.environment(environmentId);
  const directories = environment && watching.watched.get(environment.projectId);
  if (!environment) return;
  // Its row has ended by then; its lock is still held.
  const waited = watching.postponed.has(environment.projectId) && watching.world.ledger.operations({ environmentId }).length === 0;
  if (waited) watching.postponed.delete(environment.projectId);
  if (!waited && directories && (environment.main || directories.has(dirname(environment.path)))) return;
  notice(watching, environment.projectId, watching.options.settleMs);
}

function notice(watching: Watching, projectId: string, afterMs: number): void {
  const { world, closing } = watching;
  if (closing.signal.aborted || (watching.due.has(projectId) && afterMs <= watching.options.settleMs)) return;
  if (afterMs <= watching.options.settleMs) watching.due.add(projectId);
  world.clock
    .sleep(afterMs, closing.signal)
    .then(() => {
      watching.due.add(projectId);
      return lookAtDue(watching);
    })
    .catch((error) => {
      if (!closing.signal.aborted) world.report(error);
    });
}

/** One look at a time; what becomes due meanwhile is looked at by the same one. */
function lookAtDue(watching: Watching): Promise<void> {
  // Only after the assignment may it be over: with nothing due it would be before.
  watching.looking ??= lookAtAll(watching).finally(() => {
    watching.looking = null;
  });
  return watching.looking;
}

async function lookAtAll(watching: Watching): Promise<void> {
  for (let [id] = watching.due; id !== undefined && !watching.closing.signal.aborted; [id] = watching.due) {
    watching.due.delete(id);
    const project = watching.world.ledger.project(id);
    if (project) await lookAt(watching, project).catch(watching.world.report);
    else unwatch(watching, id);
  }
}

async function lookAt(watching: Watching, project: ProjectRecord): Promise<void> {
  const { world, options } = watching;
  if (entryAt(project.gitCommonDir) === null) return unwatch(watching, project.id);
  // Watched first: what changes during the look is seen.
  arm(watching, project);
  const missing = world.ledger.environments({ projectId: project.id }).filter((one) => !worktreeExists(one));
  // wt itself removes or moves one: its new place must not be taken for a new worktree.
  if (missing.some(({ id }) => isBusy(world, id))) notice(watching, project.id, options.busyMs);
  // Before the sync, for the same reason.
  for (const environment of missing) await followMoved(world, project, environment);
  if (!missing.some(({ id }) => isBusy(world, id))) await syncWorktrees(world, createGit(world.env), project);
  if (await isBeingMade(project)) notice(watching, project.id, options.busyMs);
  await noteRegistrations(world, project);
  const environments = world.ledger.environments({ projectId: project.id });
  for (const environment of environments) await settle(watching, project, environment.id);
  // What wt itself works on was left alone; its end is a change.
  if (environments.some(({ id }) => isBusy(world, id))) watching.postponed.add(project.id);
  // What changed in a directory before it was watched is seen by another look.
  if (arm(watching, project)) watching.due.add(project.id);
  watching.seen.set(project.id, signatureOf(world, project));
}

/** `git worktree add` still works on one; one that was killed stays like that for ever. */
const makingMs = 60_000;

async function isBeingMade(project: ProjectRecord): Promise<boolean> {
  const registrations = await readRegistrations(project.gitCommonDir);
  return registrations.some(({ directory, lockReason }) => {
    const stat = lockReason === initializing ? entryAt(directory) : null;
    return stat !== null && Date.now() - stat.mtimeMs < makingMs;
  });
}

/** The longer it is gone, the more of it goes. */
async function settle(watching: Watching, project: ProjectRecord, id: string): Promise<void> {
  const { world, options, missingSinceMs } = watching;
  const environment = world.ledger.environment(id);
  if (!environment || environment.main || worktreeExists(environment)) return void missingSinceMs.delete(id);
  const sinceMs = missingSinceMs.get(id) ?? world.clock.now();
  if (!missingSinceMs.has(id)) {
    missingSinceMs.set(id, sinceMs);
    world.changes.emit(id);
  }
  const goneMs = world.clock.now() - sinceMs;
  if (goneMs < options.quietMs) return notice(watching, project.id, options.quietMs - goneMs + 1);
  await quietRemoved(world, project, environment);
  // What git was told to remove is meant; `rm -rf` may be the first half of a move.
  const presence = await observePresence(world, project, environment);
  const meant = presence.state === "removed" && presence.how === "unregistered";
  if (!meant && goneMs < options.graceMs) return notice(watching, project.id, options.graceMs - goneMs + 1);
  if (await releaseRemoved(world, project, environment)) missingSinceMs.delete(id);
}

/** The registrations and their HEADs, and the directories that worktrees lie in. Idempotent. Says whether there are new ones among them. */
function arm(watching: Watching, project: ProjectRecord): boolean {
  const { world } = watching;
  const registrations = join(project.gitCommonDir, "worktrees");
  const parents = world.ledger.environments({ projectId: project.id }).filter(({ main }) => !main);
  const names = new Set(parents.map(({ path }) => basename(path)));
  const wanted = new Map<string, (name: string) => boolean>([
    ...parents.map(({ path }) => [dirname(path), (name: string) => names.has(name)] as const),
    [project.gitCommonDir, (name) => name === "HEAD" || name === "worktrees"],
    [registrations, () => true],
    ...namesIn(registrations).map(
      (name) => [join(registrations, name), (file: string) => ["HEAD", "gitdir", "locked"].includes(file)] as const,
    ),
  ]);
  const armed = watching.watched.get(project.id) ?? new Map<string, FSWatcher>();
  watching.watched.set(project.id, armed);
  for (const [directory, watcher] of armed) {
    if (wanted.has(directory) && entryAt(directory) !== null) continue;
    watcher.close();
    armed.delete(directory);
  }
  let more = false;
  for (const [directory, matters] of wanted) {
    if (armed.has(directory)) continue;
    const watcher = watchDirectory(directory, (name) => {
      if (name === null || matters(name)) notice(watching, project.id, watching.options.settleMs);
    });
    if (!watcher) continue;
    armed.set(directory, watcher);
    more = true;
  }
  return more;
}

/** null where it cannot be watched: not there, or too many are. The slow look stays. */
function watchDirectory(directory: string, changed: (name: string | null) => void): FSWatcher | null {
  try {
    const watcher = watch(directory, { persistent: false }, (_event, name) => changed(name));
    watcher.on("error", () => changed(null));
    return watcher;
  } catch {
    return null;
  }
}

function unwatch(watching: Watching, projectId: string): void {
  for (const watcher of watching.watched.get(projectId)?.values() ?? []) watcher.close();
  watching.watched.delete(projectId);
  watching.seen.delete(projectId);
}
