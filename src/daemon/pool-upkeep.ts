// Keeps every pool as full and as fresh as it is to be: one member at a time, in the background, until something speaks against it.
import { statfsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { MemberRecord, ProjectRecord } from "../environment/ledger.ts";
import { type PoolMemberView, type PoolStep, planPool, poolBackOffMs } from "../environment/pool.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { spaceFloorBytes } from "../os/disk-error.ts";
import { entryAt } from "../os/files.ts";
import { callerEnvironment } from "./environment-session.ts";
import { fillSignature } from "./fill-signature.ts";
import { giveBackMember, isTouched, memberNow, untouchedMembers } from "./pool-leaving.ts";
import { type PoolBase, type Preparing, prepareMember, readBase, refreshMember, untilQuiet } from "./pool-prepare.ts";
import { memberData } from "./pool-records.ts";
import { observePresence } from "./worktree-presence.ts";
import type { World } from "./world.ts";

const lookEveryMs = 5_000;
/** What is copied and cloned, and what no file's time tells, is looked at so often. */
const wholeLookEveryMs = 600_000;

export function poolSize(world: World, projectId: string): number {
  return Number(world.ledger.setting(`pool.${projectId}`) ?? 0);
}

export function setPoolSize(world: World, projectId: string, size: number): void {
  world.ledger.putSetting(`pool.${projectId}`, String(size));
}

/** Until `abort` fires. */
export async function keepPools(world: World, abort: AbortSignal): Promise<void> {
  const bases = new Map<string, LookedUp>();
  while (!abort.aborted) {
    for (const project of world.ledger.projects()) {
      await tendPool(world, project, { bases, abort }).catch((error: unknown) => {
        if (!abort.aborted) world.report(error);
      });
    }
    await world.pool.rest(world.clock, lookEveryMs, abort).catch(() => undefined);
  }
}

interface Upkeep {
  bases: Map<string, LookedUp>;
  abort: AbortSignal;
}

interface LookedUp {
  marks: string;
  atMs: number;
  /** null: it could not be told. */
  known: KnownBase | null;
}

interface KnownBase {
  base: PoolBase;
  /** Of what `copy:` and `clone:` would bring. */
  fill: string;
}

/** Until there is nothing to do for this project. */
async function tendPool(world: World, project: ProjectRecord, upkeep: Upkeep): Promise<void> {
  while (!upkeep.abort.aborted) {
    const size = poolSize(world, project.id);
    if (size === 0 && world.ledger.members({ projectId: project.id }).length === 0) return;
    const step = await world.locks.run(`pool:${project.id}`, () => tendOnce(world, project, { ...upkeep, size }));
    if (step.kind === "rest") return world.pool.noteRest(project.id);
  }
}

async function tendOnce(world: World, project: ProjectRecord, upkeep: Upkeep & { size: number }): Promise<PoolStep> {
  const members = world.ledger.members({ projectId: project.id });
  const lost = await lostMember(world, project, members);
  if (lost) {
    await giveBackMember(world, project, lost);
    return { kind: "give_back", id: lost.environment.id };
  }
  // It may be on a drive that comes back.
  if (entryAt(project.gitCommonDir) === null) return { kind: "rest" };
  const known = upkeep.size === 0 ? null : await baseOf(world, project, upkeep);
  const views = members.map((one) => viewOf(world, one, known));
  const step = planPool({ size: upkeep.size, members: views, mayMake: known !== null && mayMake(world, project) });
  const member = "id" in step ? members.find(({ environment }) => environment.id === step.id) : undefined;
  if (member && step.kind === "give_back") await giveBackMember(world, project, member);
  if ((step.kind === "prepare" || step.kind === "refresh") && known) await work(world, { project, known, member, abort: upkeep.abort });
  return step;
}

/** One that somebody removed, or works in. */
async function lostMember(world: World, project: ProjectRecord, members: readonly MemberRecord[]): Promise<MemberRecord | null> {
  const untouched = await untouchedMembers(world, project);
  for (const member of members) {
    const { id } = member.environment;
    if (isBusy(world, member)) continue;
    if (untouched.has(id) && !(world.pool.takeSuspicion(id) && (await isTouched(world, member)))) continue;
    if ((await observePresence(world, project, member.environment)).state !== "unknown") return member;
  }
  return null;
}

function isBusy(world: World, { environment }: MemberRecord): boolean {
  return world.locks.busy(`environment:${environment.id}`) || world.ledger.operations({ environmentId: environment.id }).length > 0;
}

function viewOf(world: World, member: MemberRecord, known: KnownBase | null): PoolMemberView {
  const data = memberData(member.data);
  // Without a base to compare with, nothing is known to be old.
  const current =
    known === null ||
    (data.commit === known.base.commit && data.configHash === known.base.configHash && data.fill?.signature === known.fill);
  return { id: member.environment.id, state: data.state, current, busy: isBusy(world, member) };
}

function mayMake(world: World, project: ProjectRecord): boolean {
  const problem = world.pool.problem(project.id);
  return problem === null || problem.retryAtMs <= world.clock.now();
}

/** What the members are to be like; null where that cannot be told now, and then the problem says why. */
async function baseOf(world: World, project: ProjectRecord, { bases, abort }: Upkeep): Promise<KnownBase | null> {
  const last = bases.get(project.id);
  const marks = await changeMarks(world, project);
  const problem = world.pool.problem(project.id);
  const now = world.clock.now();
  // Whoever took the problem away wants it looked at again.
  const holds = last?.known !== null || problem !== null;
  if (last && holds && last.marks === marks && now - last.atMs < wholeLookEveryMs) return last.known;
  const known = await lookUp(world, project, abort);
  bases.set(project.id, { marks, atMs: now, known });
  return known;
}

async function lookUp(world: World, project: ProjectRecord, abort: AbortSignal): Promise<KnownBase | null> {
  const problem = world.pool.problem(project.id);
  try {
    const env = poolEnvironment(world, project.id);
    const base = await readBase(world, project, env);
    const fill = await fillSignature({ git: createGit(env), from: project.root, to: project.root, abort }, base.config);
    // What was in the way of knowing is gone; what failed in making a member is found out by making one.
    if (problem !== null && problem.failures === 0) world.pool.setProblem(project.id, null);
    return { base, fill };
  } catch (error) {
    if (abort.aborted) throw error;
    const failure = WtError.from(error);
    if (failure.kind === "internal") world.report(error);
    notePoolProblem(world, project, { failure, failures: 0 });
    return null;
  }
}

export function poolEnvironment(world: World, projectId: string): Record<string, string> {
  return callerEnvironment(world.pool.caller(projectId) ?? world.env);
}

/** `failures`: in a row, of making one; 0: it could not be begun. */
export function notePoolProblem(world: World, project: ProjectRecord, { failure, failures }: { failure: WtError; failures: number }): void {
  const waitMs = failures === 0 ? lookEveryMs : poolBackOffMs(failures);
  const { code, message, hints } = failure;
  world.pool.setProblem(project.id, { code, message, hints, failures, retryAtMs: world.clock.now() + waitMs });
}

/** Files whose times change when the base moves, the config does, or somebody approves it: no program is started to look. */
async function changeMarks(world: World, { id, root, gitCommonDir }: ProjectRecord): Promise<string> {
  const remotes = join(gitCommonDir, "refs/remotes");
  const names = await readdir(remotes).catch(() => []);
  const places = [
    ...["HEAD", "packed-refs", "refs/heads", "reftable", "config"].map((name) => join(gitCommonDir, name)),
    ...names.map((name) => join(remotes, name)),
    ...["wt.yaml", ".worktreeinclude"].map((name) => join(root, name)),
  ];
  const times = await Promise.all(places.map(async (place) => (await stat(place).catch(() => null))?.mtimeMs ?? null));
  return JSON.stringify([times, world.ledger.trusted(id).length]);
}

async function work(
  world: World,
  { project, known, member, abort }: { project: ProjectRecord; known: KnownBase; member: MemberRecord | undefined; abort: AbortSignal },
): Promise<void> {
  const { id } = project;
  const failures = world.pool.problem(id)?.failures ?? 0;
  const stop = new AbortController();
  const what = member ? "refreshing" : "preparing";
  const preparing: Preparing = {
    project,
    base: known.base,
    env: poolEnvironment(world, id),
    abort: AbortSignal.any([abort, stop.signal]),
    closing: abort,
  };
  try {
    world.pool.setWorking(id, { what: "waiting to prepare", sinceMs: world.clock.now(), abort: stop });
    refuseLittleSpace(world, known.base.parent);
    await untilQuiet(world, preparing.abort);
    // While it waited, somebody may have begun to work in it.
    if (member && memberNow(world, member) && (await isTouched(world, member))) return void (await giveBackMember(world, project, member));
    world.pool.setWorking(id, { what, sinceMs: world.clock.now(), abort: stop });
    await (member ? refreshMember(world, preparing, member) : prepareMember(world, preparing));
    world.pool.setProblem(id, null);
  } catch (error) {
    if (abort.aborted || stop.signal.aborted) return;
    const failure = WtError.from(error);
    if (failure.kind === "internal") world.report(error);
    notePoolProblem(world, project, { failure, failures: failure.code === "pool_disk" ? 1 : failures + 1 });
  } finally {
    world.pool.setWorking(id, null);
  }
}

/** More than databases ask for: they, and whatever else people do, come first. */
const poolFloorBytes = 4 * spaceFloorBytes;

function refuseLittleSpace({ paths }: World, parent: string): void {
  for (const place of [parent, paths.state]) {
    let there = place;
    while (entryAt(there) === null && dirname(there) !== there) there = dirname(there);
    const { bavail, bsize } = statfsSync(there);
    if (bavail * bsize >= poolFloorBytes) continue;
    const mebi = (bytes: number) => `${Math.floor(bytes / 1024 ** 2)} MB`;
    throw new WtError({
      kind: "machine",
      code: "pool_disk",
      message: `The disk of ${there} has ${mebi(bavail * bsize)} free; below ${mebi(poolFloorBytes)} nothing is prepared.`,
      hints: ["See what can go: wt gc --dry-run --verbose"],
    });
  }
}
