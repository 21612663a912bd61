// What becomes of an environment whose worktree somebody else removed: its programs end, and what it had is given back. Never a database: who removed
// the files said nothing about it.
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { createGit } from "../git/git.ts";
import { assessLoss } from "../git/integration.ts";
import { readRegistrations } from "../git/worktree-registration.ts";
import { liveAgents } from "./agent-presence.ts";
import { heldData } from "./held-data.ts";
import { beginOperation, endOperation, never } from "./journaled-run.ts";
import { releaseEnvironment } from "./release-environment.ts";
import { followWorktree, restResources } from "./resources.ts";
import { putStamp, readStamp } from "./stamps.ts";
import { observePresence } from "./worktree-presence.ts";
import type { World } from "./world.ts";

/** Ends its services and lets its resources rest; names, ports and content stay. Does nothing where the worktree is there, or busy. */
export async function quietRemoved(world: World, project: ProjectRecord, { id }: EnvironmentRecord): Promise<void> {
  await whileRemoved(world, { project, id }, async (environment) => {
    const names = world.supervisor.runners(id).map((runner) => runner.name);
    if (environment.wanted === "down" && !world.supervisor.runners(id).some(({ status }) => status.live)) return;
    const operation = beginOperation(world, { environmentId: id, kind: "down" });
    try {
      world.ledger.updateEnvironment(id, { wanted: "down" });
      await world.supervisor.stop(id, names);
      await restResources(world, id);
    } finally {
      endOperation(world, { id: operation, environmentId: id });
    }
  });
}

/** Gives back everything where nothing could be missed; else it waits for a person. Says whether it is gone. */
export async function releaseRemoved(world: World, project: ProjectRecord, environment: EnvironmentRecord): Promise<boolean> {
  const { id } = environment;
  if (isBusy(world, id)) return false;
  const presence = await observePresence(world, project, environment);
  if (presence.state !== "removed" || presence.how === "repository") return false;
  if ((await holdsRemoved(world, project, environment)) !== null) return false;
  await releaseEnvironment(world, { project, environment, repositoryGone: false }, { emit: () => undefined, abort: never() });
  return true;
}

/** Why a removed worktree's environment is not given back unasked, as a clause; null: nothing could be missed. */
export async function holdsRemoved(world: World, project: ProjectRecord, environment: EnvironmentRecord): Promise<string | null> {
  const held = await heldData(world, environment);
  if (held !== null) return held;
  if ((await liveAgents(world, environment).catch(() => null))?.length !== 0) return "an agent of it is alive";
  const { root } = project;
  const loss = await assessLoss(createGit(world.env), { root, path: environment.path, branch: environment.branch, baseBranch: null });
  if (!loss.known) return "git does not tell what would be lost";
  return loss.loose > 0 ? "no branch has its last commits" : null;
}

/** `git worktree move`, seen by the registration, which stays the same: names, ports and content go along. Gives the new path. */
export async function followMoved(world: World, project: ProjectRecord, environment: EnvironmentRecord): Promise<string | null> {
  const id = readStamp(world, environment.id, "registration");
  if (id === null || isBusy(world, environment.id)) return null;
  const registration = (await readRegistrations(project.gitCommonDir)).find((one) => one.id === id);
  const path = registration?.path ?? null;
  if (path === null || path === environment.path) return null;
  const moved = await observePresence(world, project, { ...environment, path });
  if (moved.state !== "there" || world.ledger.environments().some((one) => one.path === path)) return null;
  const { ledger } = world;
  ledger.transaction(() => {
    ledger.updateEnvironment(environment.id, { path });
    for (const lease of ledger.leases({ environmentId: environment.id, kind: "worktree" })) {
      ledger.release(lease.id);
      const claimed = ledger.claim({ environmentId: environment.id, kind: "worktree", key: path, data: lease.data });
      if (claimed) ledger.updateLease(claimed.id, { state: "present" });
    }
  });
  await followWorktree(world, { ...environment, path });
  world.changes.emit(environment.id);
  return path;
}

/** So that a move can be told from a removal. */
export async function noteRegistrations(world: World, project: ProjectRecord): Promise<void> {
  const registrations = await readRegistrations(project.gitCommonDir);
  for (const environment of world.ledger.environments({ projectId: project.id })) {
    const id = registrations.find(({ path }) => path === environment.path)?.id;
    if (id === undefined || readStamp(world, environment.id, "registration") === id) continue;
    putStamp(world, environment.id, { stamp: "registration", text: id });
  }
}

async function whileRemoved(
  world: World,
  { project, id }: { project: ProjectRecord; id: string },
  work: (environment: EnvironmentRecord) => Promise<void>,
): Promise<void> {
  if (isBusy(world, id)) return;
  await world.locks.run(`environment:${id}`, async () => {
    const environment = world.ledger.environment(id);
    if (!environment || world.ledger.operations({ environmentId: id }).length > 0) return;
    const { state } = await observePresence(world, project, environment);
    if (state === "removed" || state === "remains") await work(environment);
  });
}

export function isBusy(world: World, id: string): boolean {
  return world.locks.busy(`environment:${id}`) || world.ledger.operations({ environmentId: id }).length > 0;
}
