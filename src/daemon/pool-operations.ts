// `wt pool`, `wt pool set`, `wt pool clear`, `wt pool refill`.
import type { PoolChange, PoolList, PoolTarget } from "../api/pool.ts";
import type { ProjectRecord } from "../environment/ledger.ts";
import { planPool } from "../environment/pool.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { callerEnvironment } from "./environment-session.ts";
import type { Call } from "./journaled-run.ts";
import { giveBackMember } from "./pool-leaving.ts";
import type { PoolProblem } from "./pool-memory.ts";
import { readBase } from "./pool-prepare.ts";
import { memberData } from "./pool-records.ts";
import { notePoolProblem, poolSize, setPoolSize } from "./pool-upkeep.ts";
import { poolView } from "./pool-view.ts";
import { locate } from "./projects.ts";
import type { World } from "./world.ts";

export async function listPools(world: World, request: PoolTarget & { all: boolean }): Promise<PoolList> {
  const hasPool = ({ id }: ProjectRecord) => poolSize(world, id) > 0 || world.ledger.members({ projectId: id }).length > 0;
  const projects = request.all ? world.ledger.projects().filter(hasPool) : [await projectOf(world, request)];
  return { schema: 1, pools: await Promise.all(projects.map((project) => poolView(world, project))) };
}

/** What is too many is given back before it answers; what is missing is made in the background. */
export async function setPool(world: World, request: PoolChange & { size: number }, call: Call): Promise<PoolList> {
  const project = await projectOf(world, request);
  const { size } = request;
  world.pool.noteCaller(project.id, callerEnvironment(request.env));
  setPoolSize(world, project.id, size);
  if (world.ledger.members({ projectId: project.id }).length > size) await shrink(world, project, { size, call });
  world.pool.setProblem(project.id, null);
  // So that the answer can say what will be in the way.
  if (size > 0) {
    await readBase(world, project, callerEnvironment(request.env)).catch((error: unknown) =>
      notePoolProblem(world, project, { failure: WtError.from(error), failures: 0 }),
    );
  }
  world.pool.wake();
  return answer(world, project);
}

/** All are given back; the setting stays, so that new ones are made. */
export async function clearPool(world: World, request: PoolTarget, call: Call): Promise<PoolList> {
  const project = await projectOf(world, request);
  await shrink(world, project, { size: 0, call });
  world.pool.setProblem(project.id, null);
  world.pool.wake();
  return answer(world, project);
}

/** Resolves when it is full and fresh. Throws `WtError` with what is in the way. */
export async function refillPool(world: World, request: PoolChange, call: Call): Promise<PoolList> {
  const project = await projectOf(world, request);
  const { id } = project;
  if (poolSize(world, id) === 0) throw poolOff(project);
  world.pool.noteCaller(id, callerEnvironment(request.env));
  world.pool.setProblem(id, null);
  const before = world.pool.rests(id);
  world.pool.wake();
  let told = -1;
  for (;;) {
    const changed = world.pool.changed();
    const ready = world.ledger.members({ projectId: id }).filter(({ data }) => memberData(data).state === "ready").length;
    const size = poolSize(world, id);
    if (ready !== told) call.emit({ type: "note", message: `${ready} of ${size} ${ready === 1 ? "is" : "are"} ready.` });
    told = ready;
    const problem = world.pool.problem(id);
    if (problem) throw poolStopped(problem);
    if (ready >= size && world.pool.rests(id) > before) return answer(world, project);
    await untilChanged(changed, call.abort);
  }
}

async function untilChanged(changed: Promise<void>, abort: AbortSignal): Promise<void> {
  abort.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(abort.reason);
  abort.addEventListener("abort", stop, { once: true });
  await Promise.race([changed, promise]).finally(() => abort.removeEventListener("abort", stop));
}

/** What is in the works is ended first. */
async function shrink(world: World, project: ProjectRecord, { size, call }: { size: number; call: Call }): Promise<void> {
  world.pool
    .working(project.id)
    ?.abort.abort(new WtError({ kind: "cancelled", code: "cancelled", message: "The pool was made smaller.", hints: [] }));
  await world.locks.run(`pool:${project.id}`, async () => {
    for (;;) {
      const members = world.ledger.members({ projectId: project.id });
      const views = members.map(({ environment, data }) => ({
        id: environment.id,
        state: memberData(data).state,
        current: true,
        busy: false,
      }));
      const step = planPool({ size, members: views, mayMake: false });
      const member = members.find(({ environment }) => step.kind === "give_back" && environment.id === step.id);
      if (!member) return;
      const kept = await giveBackMember(world, project, member);
      const { slug, path } = member.environment;
      const message = kept === null ? `${slug} is given back.` : `Somebody worked in ${path}, so it stays, as the environment ${kept}.`;
      call.emit({ type: "note", message });
      world.pool.tell();
    }
  });
}

async function answer(world: World, project: ProjectRecord): Promise<PoolList> {
  return { schema: 1, pools: [await poolView(world, project)] };
}

async function projectOf(world: World, { cwd, project }: PoolTarget): Promise<ProjectRecord> {
  if (project === null) return (await locate(world, createGit(world.env), cwd)).project;
  const projects = world.ledger.projects();
  const found = projects.find(({ name }) => name === project);
  if (found) return found;
  throw new WtError({
    kind: "not_found",
    code: "project_unknown",
    message: `There is no project called ${project}.`,
    hints: [projects.length > 0 ? `There is: ${projects.map(({ name }) => name).join(", ")}` : "Go to a repository, then try again."],
  });
}

function poolStopped({ code, message, hints }: PoolProblem): WtError {
  return new WtError({
    kind: "machine",
    code: "pool_stopped",
    message: `Nothing is prepared: ${message}`,
    hints,
    details: { because: code },
  });
}

function poolOff({ name }: ProjectRecord): WtError {
  return new WtError({ kind: "refused", code: "pool_off", message: `The pool of ${name} is off.`, hints: ["Turn it on: wt pool set 2"] });
}
