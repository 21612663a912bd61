// What is done with kept environments in the background: what is made again is thrown away, the rest is measured, and the oldest go when their time
// is over or when all together take too much of the disk.
import { basename, dirname, join } from "node:path";
import type { DeletedRecord, ProjectRecord } from "../environment/ledger.ts";
import { createGit } from "../git/git.ts";
import { keptDirectoryOf, readKeptIgnored } from "../git/kept-worktree.ts";
import { exec } from "../os/exec.ts";
import { entryAt, moveToTrash, removeTree } from "../os/files.ts";
import { removeResourcePlace } from "../os/storage-image.ts";
import type { ResourceSpec } from "../resource/resource-driver.ts";
import { type Abandoning, removeOrAbandon } from "./abandon.ts";
import { removeMarked } from "./containers.ts";
import { discardKept } from "./discard-kept.ts";
import { type KeptEnvironment, keepPlace, keptOf, putKept } from "./kept-environment.ts";
import { removeDirectory } from "./remove-directory.ts";
import { driverOf } from "./resources.ts";
import { markOf } from "./stack-model.ts";
import { emptyTrash, removalMs, trashDirectory } from "./trash.ts";
import { restServers, wakeServer } from "./wake-server.ts";
import type { World } from "./world.ts";

/** An ignored directory of this size was installed or built, and is made again; a smaller one may be somebody's. */
const madeAgainBytes = 32 * 1024 * 1024;
/** All kept environments together. */
const mostBytes = 10 * 1024 * 1024 * 1024;
const upkeepEveryMs = 3600_000;

/** Right after a deletion, and at daemon start for one that a crash cut off. Never throws. */
export async function settleKept(world: World, id: string): Promise<void> {
  const work = async () => {
    const record = world.ledger.deletedRecord(id);
    const project = record && world.ledger.project(record.projectId);
    if (!record || !project || world.ledger.environment(id)) return;
    const kept = keptOf(record);
    if (kept.state === "purging") return purge(world, { record, project });
    change(world, id, { dropped: kept.dropped ?? (await dropMadeAgain(world, project, kept)) });
  };
  await world.locks.run(`environment:${id}`, work).catch(world.report);
  await measure(world, id).catch(world.report);
  await tidyKept(world).catch(world.report);
}

/** Without the lock: whoever wants it back does not wait for that. */
async function measure(world: World, id: string): Promise<void> {
  const record = world.ledger.deletedRecord(id);
  const project = record && world.ledger.project(record.projectId);
  if (record && project) change(world, id, { bytes: await bytesOf(world, project, keptOf(record)) });
}

function change(world: World, id: string, changed: Partial<Pick<KeptEnvironment, "dropped" | "bytes">>): void {
  const now = world.ledger.deletedRecord(id);
  if (now) putKept(world, now, { ...keptOf(now), ...changed });
}

/** At daemon start, then every hour. */
export async function keepDeletedTidy(world: World, abort: AbortSignal): Promise<void> {
  for (const { id } of world.ledger.deleted()) {
    const kept = keptOf(world.ledger.deletedRecord(id) ?? { id, projectId: "", deletedAtMs: 0, expiresAtMs: 0, data: {} });
    if (kept.state === "purging" || kept.dropped === null) await settleKept(world, id);
  }
  while (!abort.aborted) {
    await tidyKept(world).catch(world.report);
    await world.clock.sleep(upkeepEveryMs, abort).catch(() => undefined);
  }
}

/** Throws away what nobody may want back any more. Gives the ids. */
export async function tidyKept(world: World): Promise<string[]> {
  const gone: string[] = [];
  for (const id of overdue(world.ledger.deleted(), world.clock.now())) {
    try {
      await purgeDeleted(world, id);
      gone.push(id);
    } catch (error) {
      world.report(error);
    }
  }
  return gone;
}

/** Those past their time, then the oldest while all together are too large. Pure. */
export function overdue(records: readonly DeletedRecord[], nowMs: number, limitBytes = mostBytes): string[] {
  const late = records.filter(({ expiresAtMs }) => expiresAtMs <= nowMs);
  const rest = records.filter(({ expiresAtMs }) => expiresAtMs > nowMs).toSorted((a, b) => a.deletedAtMs - b.deletedAtMs);
  let total = rest.reduce((sum, record) => sum + (keptOf(record).bytes ?? 0), 0);
  const large: DeletedRecord[] = [];
  for (const record of rest) {
    if (total <= limitBytes) break;
    total -= keptOf(record).bytes ?? 0;
    large.push(record);
  }
  return [...late, ...large].map(({ id }) => id);
}

/** Throws away what is kept of a deleted environment; verified, and carried on by the next daemon where it is cut off. Idempotent. */
export function purgeDeleted(world: World, id: string, abandoning?: Abandoning): Promise<void> {
  return world.locks.run(`environment:${id}`, async () => {
    const record = world.ledger.deletedRecord(id);
    const project = record && world.ledger.project(record.projectId);
    // On its way back: its environment's row is there again.
    if (!record || !project || world.ledger.environment(id)) return;
    await purge(world, { record, project, abandoning });
  });
}

interface Purging {
  record: DeletedRecord;
  project: ProjectRecord;
  /** Absent: nobody was asked. */
  abandoning?: Abandoning | undefined;
}

async function purge(world: World, { record, project, abandoning }: Purging): Promise<void> {
  const kept = keptOf(record);
  const consent = abandoning ?? { consent: false, command: `wt undelete ${record.id} --purge --abandon`, left: () => undefined };
  putKept(world, record, { ...kept, state: "purging" });
  await world.reached("before:purge");
  await removeKeptResources(world, { project, kept, consent });
  if (kept.stack) {
    const going = { slug: kept.environment.slug, mark: markOf(kept.environment), volumes: true };
    await removeOrAbandon("what its volumes hold", consent, () => removeMarked(world, going));
  }
  const git = createGit(world.env);
  await discardKept(git, project, kept.environment);
  await removeDirectory(join(world.paths.environments, record.id));
  await removeResourcePlace(world.paths.state, record.id);
  await world.reached("after:purge");
  world.ledger.dropDeleted(record.id);
  void emptyTrash(world, project);
}

/** A server that had to be woken for it goes back to sleep. */
async function removeKeptResources(
  world: World,
  { project, kept, consent }: { project: ProjectRecord; kept: KeptEnvironment; consent: Abandoning },
): Promise<void> {
  const woken: string[] = [];
  try {
    for (const { type, spec: written } of kept.resources) {
      const spec = written as unknown as ResourceSpec;
      await removeOrAbandon(spec.name, consent, async () => {
        woken.push(...(await wakeServer(world, kept.environment, spec)));
        await driverOf(world, String(type)).remove(spec);
      });
    }
  } finally {
    await restServers(world, project, woken).catch(world.report);
  }
}

/** Gives the directories that went. */
async function dropMadeAgain(world: World, project: ProjectRecord, kept: KeptEnvironment): Promise<string[]> {
  const place = { root: project.root, path: kept.environment.path, keep: keepPlace(project, kept.environment.id) };
  const directory = keptDirectoryOf(place);
  if (directory === null) return [];
  const owned = kept.resources
    .map(({ spec }) => (spec as { options?: { path?: unknown } }).options?.path)
    .filter((path) => typeof path === "string");
  const dropped: string[] = [];
  for (const name of await readKeptIgnored(createGit(world.env), place)) {
    const path = join(directory, name);
    // What a resource holds there is not made again.
    const held = owned.some((one) => `${one}/`.startsWith(name));
    if (!name.endsWith("/") || held || (await sizeOf(world, path)) < madeAgainBytes) continue;
    if (await dropDirectory(world, project, path.replace(/\/$/, ""))) dropped.push(name);
  }
  if (dropped.length > 0) void emptyTrash(world, project);
  return dropped;
}

/** False: it stays. What a container made as root its user can neither move nor remove. */
async function dropDirectory(world: World, project: ProjectRecord, path: string): Promise<boolean> {
  try {
    if ((await moveToTrash(path, trashDirectory(project))) === null) await removeTree(path);
  } catch (error) {
    if (!["EACCES", "EPERM"].includes(String((error as NodeJS.ErrnoException).code))) throw error;
    const place = { directory: dirname(path), names: [basename(path)] };
    await world.stack.removeFiles(place, AbortSignal.timeout(removalMs)).catch(() => undefined);
  }
  return entryAt(path) === null;
}

/** By a program of low priority: there may be a hundred thousand files. What cannot be measured counts as nothing. */
async function sizeOf(world: World, path: string): Promise<number> {
  const { stdout } = await exec(["nice", "-n", "19", "du", "-sk", "--", path], { cwd: "/", env: world.env });
  return (Number.parseInt(stdout, 10) || 0) * 1024;
}

async function bytesOf(world: World, project: ProjectRecord, { environment }: KeptEnvironment): Promise<number> {
  const keep = keepPlace(project, environment.id);
  const directory = keptDirectoryOf({ path: environment.path, keep });
  const places = [...(directory === null ? [] : [directory]), join(world.paths.environments, environment.id)];
  const sizes = await Promise.all(places.map((place) => sizeOf(world, place)));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}
