// `wt pool`: what there is, what it takes, and why there is no more.
import { join } from "node:path";
import type { PooledWorktree, PoolView } from "../api/pool.ts";
import type { MemberRecord, ProjectRecord } from "../environment/ledger.ts";
import { readBlockUsage } from "../os/block-usage.ts";
import type { DiskUsage } from "../os/disk-usage.ts";
import { entryAt } from "../os/files.ts";
import { processesWithin } from "../os/process-places.ts";
import { type PoolBase, readBase } from "./pool-prepare.ts";
import { memberData } from "./pool-records.ts";
import { poolEnvironment, poolSize } from "./pool-upkeep.ts";
import { driverOf, leasedResources } from "./resources.ts";
import type { World } from "./world.ts";

export async function poolView(world: World, project: ProjectRecord): Promise<PoolView> {
  const { id, name, root } = project;
  const records = world.ledger.members({ projectId: id });
  const base = records.length === 0 ? null : await readBase(world, project, poolEnvironment(world, id)).catch(() => null);
  const members = await Promise.all(records.map((record) => pooledWorktree(world, record, base)));
  const working = world.pool.working(id);
  const problem = world.pool.problem(id);
  const iso = (ms: number) => new Date(ms).toISOString();
  return {
    project: name,
    root,
    size: poolSize(world, id),
    members,
    working: working && { what: working.what, since: iso(working.sinceMs) },
    problem: problem && {
      code: problem.code,
      message: problem.message,
      hints: problem.hints,
      failures: problem.failures,
      retryAt: iso(problem.retryAtMs),
    },
  };
}

async function pooledWorktree(world: World, record: MemberRecord, base: PoolBase | null): Promise<PooledWorktree> {
  const { environment } = record;
  const data = memberData(record.data);
  // One that was never ready knows no more than its base.
  const ready = data.readyAtMs !== undefined;
  const places = [environment.path, join(world.paths.environments, environment.id)];
  const [disk, processes] = await Promise.all([diskOf(world, record), processesWithin(places)]);
  return {
    name: environment.slug,
    path: environment.path,
    state: data.state,
    commit: data.commit,
    current: base === null || !ready ? null : data.commit === base.commit && data.configHash === base.configHash,
    readyAt: ready ? new Date(data.readyAtMs).toISOString() : null,
    tookMs: ready ? data.tookMs : null,
    ...disk,
    memoryBytes: processes === null ? null : processes.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
    again: ready ? data.bound.entries : [],
    againSteps: ready ? [...new Set([...data.bound.steps, ...data.tracked.steps])].map((key) => key.slice(key.indexOf("\n") + 1)) : [],
  };
}

async function diskOf(world: World, { environment }: MemberRecord): Promise<Pick<PooledWorktree, "exclusiveBytes" | "sharedBytes">> {
  const path = world.env.PATH ?? "";
  const worktree: Promise<DiskUsage | null> =
    entryAt(environment.path) === null ? Promise.resolve(null) : readBlockUsage(environment.path, path).catch(() => unknown);
  const resources = leasedResources(world, environment.id).map(({ type, spec }) =>
    driverOf(world, type)
      .usage(spec)
      .catch(() => unknown),
  );
  const all = (await Promise.all([worktree, ...resources])).filter((one) => one !== null);
  const sum = (counts: (number | null)[]) => (counts.includes(null) ? null : counts.reduce((total: number, one) => total + (one ?? 0), 0));
  return {
    exclusiveBytes: sum(all.map(({ exclusiveBytes }) => exclusiveBytes)),
    sharedBytes: sum(all.map(({ sharedBytes }) => sharedBytes)),
  };
}

const unknown: DiskUsage = { exclusiveBytes: null, sharedBytes: null, how: "it could not be read" };
