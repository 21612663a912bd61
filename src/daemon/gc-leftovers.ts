// What `wt gc` finds beside environments: rows without a thing, and things without a row. Only what is proven to be ours goes.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { GcItem } from "../api/gc.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { readBlockUsage } from "../os/block-usage.ts";
import { entryAt } from "../os/files.ts";
import { createMarkReader } from "../os/process-mark.ts";
import { readProcessTable } from "../os/process-table.ts";
import { repositoryFiles } from "../os/repository-files.ts";
import { markVariable, parseMark } from "../runtime/process/instance-identity.ts";
import type { ServiceInstance } from "../runtime/runtime-driver.ts";
import { readConfig } from "./config-reader.ts";
import { collectStacks } from "./gc-stacks.ts";
import { keptOf } from "./kept-environment.ts";
import { overdue, purgeDeleted } from "./kept-upkeep.ts";
import { removeDirectory } from "./remove-directory.ts";
import { leasedResources } from "./resources.ts";
import { processKey } from "./service-record.ts";
import { emptyTrash, trashDirectory } from "./trash.ts";
import { isPortWanted } from "./wanted-ports.ts";
import { worktreeExists } from "./worktree-exists.ts";
import type { World } from "./world.ts";

export interface Leftovers {
  world: World;
  dryRun: boolean;
  abort: AbortSignal;
}

/** Processes first: what they still write to may go after them. */
export async function collectLeftovers(work: Leftovers): Promise<GcItem[]> {
  const items: GcItem[] = [];
  for (const collect of [collectProcesses, collectDeleted, collectStacks, collectRows, collectDirectories, collectTrash]) {
    work.abort.throwIfAborted();
    items.push(...(await collect(work)));
  }
  return items;
}

const strayPolicy = { signal: "SIGTERM" as const, graceMs: 5_000 };

async function collectProcesses(work: Leftovers): Promise<GcItem[]> {
  const { world } = work;
  const items: GcItem[] = [];
  for (const environment of world.ledger.environments()) {
    if (isBusy(world, environment)) continue;
    for (const stray of await strays(world, environment)) {
      const name = `${stray.service} ${stray.generation} of ${environment.slug} (pid ${stray.pid})`;
      items.push(await endStray(work, stray, { name, reason: "The service has been started anew or stopped since then." }));
    }
  }
  for (const { stray, directory } of await unknownInstances(world)) {
    const name = `${stray.service} ${stray.generation} (pid ${stray.pid})`;
    items.push(await endStray(work, stray, { name, reason: `Its environment is gone; ${directory} proves that it was ours.` }));
  }
  return items;
}

/** Generations of known services that nobody keeps any more. What a setup command left running on purpose stays. */
async function strays(world: World, environment: EnvironmentRecord): Promise<ServiceInstance[]> {
  const found = (await instancesOf(world, environment)) ?? [];
  return found.filter(({ service, generation }) => {
    const runner = world.supervisor.runner(environment.id, service);
    return runner !== null && !(runner.status.live && runner.status.generation === generation);
  });
}

/** null: an engine that does not answer hides what it runs; `collectStacks` says so. */
async function instancesOf(world: World, { id, nonce }: EnvironmentRecord): Promise<ServiceInstance[] | null> {
  try {
    return await world.driver.find({ environmentId: id, nonce });
  } catch (error) {
    if (WtError.from(error).kind === "internal") throw error;
    return null;
  }
}

/** Marked with an environment that the ledger does not know, but whose directory is in our state: another world's marks have none there. */
async function unknownInstances(world: World): Promise<{ stray: ServiceInstance; directory: string }[]> {
  if (!isLedgerTrusted(world)) return [];
  const marks = await createMarkReader(markVariable, () => world.clock.now()).read(await readProcessTable());
  const known = knownIds(world);
  const seen = new Map(
    [...new Set(marks.values())].flatMap((text) => {
      const mark = parseMark(text);
      return mark && !known.has(mark.environmentId) && isEnvironmentId(mark.environmentId)
        ? [[mark.environmentId, mark.nonce] as const]
        : [];
    }),
  );
  const found: { stray: ServiceInstance; directory: string }[] = [];
  for (const [environmentId, nonce] of seen) {
    const directory = join(world.paths.environments, environmentId);
    if (entryAt(directory) === null) continue;
    for (const stray of await world.driver.find({ environmentId, nonce })) found.push({ stray, directory });
  }
  return found;
}

async function endStray({ world, dryRun }: Leftovers, stray: ServiceInstance, said: { name: string; reason: string }): Promise<GcItem> {
  const item = { kind: "process" as const, path: null, bytes: null, ...said };
  if (dryRun) return { ...item, outcome: "removed" };
  const { leftovers } = await world.driver.stop(stray, strayPolicy);
  return leftovers.length === 0 ? { ...item, outcome: "removed" } : { ...item, outcome: "failed", reason: leftovers.join(" ") };
}

/** What `wt undelete` could bring back, once its time is over or all of it together takes too much room. */
async function collectDeleted({ world, dryRun }: Leftovers): Promise<GcItem[]> {
  const records = world.ledger.deleted();
  const late = new Set(overdue(records, world.clock.now()));
  const items: GcItem[] = [];
  for (const record of records) {
    const { environment, bytes, state } = keptOf(record);
    const project = world.ledger.project(record.projectId);
    const item = { kind: "deleted" as const, name: `${project?.name ?? "?"}/${environment.slug}`, path: environment.path, bytes };
    const until = new Date(record.expiresAtMs).toISOString();
    const goes = late.has(record.id) || state === "purging";
    const reason = late.has(record.id) ? overdueReason(record.expiresAtMs <= world.clock.now(), until) : "It is being thrown away.";
    if (goes) items.push(await removing({ ...item, reason }, dryRun, () => purgeDeleted(world, record.id)));
    else items.push({ ...item, outcome: "kept", reason: `wt undelete ${environment.slug} brings it back until ${until}.` });
  }
  return items;
}

function overdueReason(late: boolean, until: string): string {
  return late ? `Its time was over on ${until}.` : "All that is kept takes too much room.";
}

/** Rows of the ledger that stand for nothing. */
async function collectRows(work: Leftovers): Promise<GcItem[]> {
  const { world, dryRun } = work;
  const { ledger } = world;
  const items: GcItem[] = [];
  const drop = (item: Pick<GcItem, "kind" | "name" | "reason">, remove: () => void) => {
    if (!dryRun) remove();
    items.push({ ...item, path: null, bytes: null, outcome: "removed" });
  };
  for (const environment of ledger.environments({ members: "with" })) {
    if (isBusy(world, environment)) continue;
    const instances = await instancesOf(world, environment);
    const running = new Set(instances?.map(processKey));
    // What cannot be seen keeps its row.
    for (const lease of instances ? ledger.leases({ environmentId: environment.id, kind: "process" }) : []) {
      const current = world.supervisor
        .runners(environment.id)
        .concat(world.shared.runners(environment.id))
        .some((runner) => runner.instance && processKey(runner.instance) === lease.key);
      if (current || running.has(lease.key) || isBusy(world, environment)) continue;
      const reason = "The process it stands for is gone.";
      drop({ kind: "lease", name: `process ${lease.key}`, reason }, () => ledger.release(lease.id));
    }
    for (const { id, key, service } of await unwantedPorts(world, environment)) {
      const reason = `wt.yaml of ${environment.slug} has no service ${service} any more.`;
      drop({ kind: "port", name: key, reason }, () => ledger.release(id));
    }
  }
  for (const { id, environmentId, kind } of ledger.operations()) {
    if (ledger.environment(environmentId) || world.locks.busy(`environment:${environmentId}`)) continue;
    drop({ kind: "operation", name: kind, reason: "Its environment is gone." }, () => ledger.endOperation(id));
  }
  for (const project of ledger.projects()) {
    const rows = [...ledger.environments({ projectId: project.id, members: "with" }), ...ledger.deleted({ projectId: project.id })];
    if (entryAt(project.gitCommonDir) !== null || rows.length > 0) continue;
    drop({ kind: "project", name: project.name, reason: `The repository ${project.root} is gone.` }, () =>
      ledger.deleteProject(project.id),
    );
  }
  return items;
}

/** Ports of services that are neither in wt.yaml nor known to the daemon. None where wt.yaml cannot be read. */
async function unwantedPorts(world: World, environment: EnvironmentRecord): Promise<{ id: number; key: string; service: string }[]> {
  const leases = world.ledger.leases({ environmentId: environment.id, kind: "port" });
  const project = world.ledger.project(environment.projectId);
  if (leases.length === 0 || !project || !worktreeExists(environment)) return [];
  const config = await readConfig(project, repositoryFiles(environment.path)).catch(() => null);
  if (!config || isBusy(world, environment)) return [];
  const running = world.supervisor.runners(environment.id).map(({ name }) => name);
  const resources = new Set([...Object.keys(config.resources), ...leasedResources(world, environment.id).map(({ spec }) => spec.name)]);
  const services = new Set([...config.services.map(({ name }) => name), ...running]);
  return leases.flatMap(({ id, key, data }) => {
    const service = String(data.service);
    return isPortWanted(service, { services, resources }) ? [] : [{ id, key, service }];
  });
}

/** Logs and the like of environments that are gone. Directories with resources are looked at by the templates' own collection. */
async function collectDirectories(work: Leftovers): Promise<GcItem[]> {
  const { world, dryRun } = work;
  const ids = (await readdir(world.paths.environments).catch(() => [])).filter(isEnvironmentId);
  // After the directories: the row of an environment is there before its directory is.
  const known = knownIds(world);
  const items: GcItem[] = [];
  for (const id of ids.filter((one) => !known.has(one))) {
    const path = join(world.paths.environments, id);
    if (entryAt(join(path, "resources")) !== null) continue;
    const item = { kind: "directory" as const, name: path, path: null, bytes: await bytesOf(world, path) };
    if (!isLedgerTrusted(world)) {
      items.push({ ...item, outcome: "reported", reason: "The ledger does not know its environment, but it may have been lost." });
      continue;
    }
    items.push(await removing({ ...item, reason: "Logs of an environment that is gone." }, dryRun, () => removeDirectory(path)));
  }
  return items;
}

async function collectTrash({ world, dryRun }: Leftovers): Promise<GcItem[]> {
  const items: GcItem[] = [];
  for (const project of world.ledger.projects()) {
    const path = trashDirectory(project);
    const names = await readdir(path).catch(() => []);
    if (names.length === 0) continue;
    const item = { kind: "trash" as const, name: path, path: null, bytes: await bytesOf(world, path) };
    const reason = `${names.length === 1 ? "A removed worktree lies" : `${names.length} removed worktrees or registrations lie`} in it.`;
    items.push(
      await removing({ ...item, reason }, dryRun, async () => {
        await emptyTrash(world, project);
        if ((await readdir(path).catch(() => [])).length > 0)
          throw new Error("some of it could not be removed; the daemon's log says what");
      }),
    );
  }
  return items;
}

export async function removing(item: Omit<GcItem, "outcome">, dryRun: boolean, remove: () => Promise<void>): Promise<GcItem> {
  if (dryRun) return { ...item, outcome: "removed" };
  try {
    await remove();
    return { ...item, outcome: "removed" };
  } catch (error) {
    const { message, hints } = WtError.from(error);
    return { ...item, outcome: "failed", reason: [item.reason, `It could not be removed: ${message}`, ...hints.slice(-1)].join(" ") };
  }
}

function isBusy(world: World, { id }: EnvironmentRecord): boolean {
  return world.locks.busy(`environment:${id}`) || world.ledger.operations({ environmentId: id }).length > 0;
}

/** Also those that were deleted and may come back. */
function knownIds({ ledger }: World): Set<string> {
  return new Set([...ledger.environments({ members: "with" }), ...ledger.deleted()].map(({ id }) => id));
}

/** A ledger that lost rows proves nothing by what it does not know. */
export function isLedgerTrusted(world: World): boolean {
  return world.ledgerRecovery === null && world.ledger.environments().length > 0;
}

function isEnvironmentId(name: string): boolean {
  return /^[0-9a-f]{16}$/.test(name);
}

async function bytesOf(world: World, path: string): Promise<number | null> {
  return (await readBlockUsage(path, world.env.PATH ?? "").catch(() => null))?.exclusiveBytes ?? null;
}
