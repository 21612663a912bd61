// A member of the pool: an environment without a branch, a name or services, made by the same plan and the same steps as any other.
import { createHash, randomBytes } from "node:crypto";
import { lstatSync } from "node:fs";
import { dirname, join } from "node:path";
import type { OperationEvent } from "../api/environment.ts";
import type { Config } from "../config/config.ts";
import type { EnvironmentRecord, MemberRecord, ProjectRecord } from "../environment/ledger.ts";
import { type PlanStep, planEnvironment, refreshPlan, type WantedEnvironment } from "../environment/plan.ts";
import { type MemberData, memberName, memberSlot, type SetupWindow, stepsThatMade, stepsThatWrote } from "../environment/pool.ts";
import { WtError } from "../errors/wt-error.ts";
import { planBranch } from "../git/branches.ts";
import { createGit } from "../git/git.ts";
import { changedTrackedFiles, hasSubmodules, readStatusText } from "../git/pool-worktree.ts";
import { treeFiles } from "../git/tree-files.ts";
import { trackedAmong, untrackedEntries } from "../git/untracked-files.ts";
import { canonicalPath } from "../git/worktree-registration.ts";
import { searchNames } from "../os/name-search.ts";
import { readConfig, requireTrust } from "./config-reader.ts";
import { rollBackCreate } from "./create-environment.ts";
import { observeEnvironment } from "./environment-observer.ts";
import type { EnvironmentSession } from "./environment-session.ts";
import { copySources } from "./fill-files.ts";
import { fillSignature } from "./fill-signature.ts";
import { beginOperation, runPlan } from "./journaled-run.ts";
import { memberNow } from "./pool-leaving.ts";
import { asJson, memberData } from "./pool-records.ts";
import { contentOf, resolvedCommands } from "./pool-renew.ts";
import type { PoolWork } from "./pool-steps.ts";
import { leasedPorts } from "./port-leases.ts";
import { leasedResources, restResources } from "./resources.ts";
import { stampKey } from "./setup-inputs.ts";
import type { StepContext } from "./steps.ts";
import { worktreesDirectory } from "./worktree-place.ts";
import type { World } from "./world.ts";
import { newNonce } from "./world-nonce.ts";

/** What members are prepared for: a new branch from the default branch. */
export interface PoolBase {
  commit: string;
  config: Config;
  configHash: string;
  /** Directory of the worktrees. */
  parent: string;
}

/** Throws `WtError`: what `wt create` of a new branch would throw before its first effect, untrusted commands included. */
export async function readBase(world: World, project: ProjectRecord, env: Record<string, string>): Promise<PoolBase> {
  const git = createGit(env);
  const { commit } = await planBranch(git, { root: project.root, branch: memberName("base"), from: null });
  const files = treeFiles(git, { root: project.root, commit });
  const config = await readConfig(project, files);
  if (config.compose) throw containers();
  await requireTrust(world, project, { config, files, name: commit.slice(0, 12) });
  const parent = dirname(canonicalPath(join(worktreesDirectory(project, config), "x")));
  return { commit, config, configHash: createHash("sha256").update(JSON.stringify(config)).digest("hex"), parent };
}

export interface Preparing {
  project: ProjectRecord;
  base: PoolBase;
  env: Record<string, string>;
  abort: AbortSignal;
  /** The daemon stops: what is half-made is left to the next one, which takes it back. */
  closing: AbortSignal;
}

/** Throws `WtError`, and then nothing of it is left. */
export async function prepareMember(world: World, preparing: Preparing): Promise<void> {
  const { project, base } = preparing;
  const { environment, operation } = insertMember(world, project, base);
  await making(world, preparing, { environment, operation, member: null });
}

/** The same of one that is there, unless it was claimed meanwhile: the base's files, and only what differs is done again. When it throws, the member is gone. */
export async function refreshMember(world: World, preparing: Preparing, known: MemberRecord): Promise<void> {
  const current = memberNow(world, known);
  if (!current) return;
  const { environment } = current;
  const member = memberData(current.data);
  const operation = world.ledger.transaction(() => {
    world.ledger.updateMember(environment.id, asJson({ ...member, state: "refreshing" }));
    return beginOperation(world, { environmentId: environment.id, kind: "create", data: { pool: true } });
  });
  await making(world, preparing, { environment, operation, member });
}

/** Rows first, as of any environment. */
function insertMember(world: World, project: ProjectRecord, base: PoolBase): { environment: EnvironmentRecord; operation: string } {
  const { ledger } = world;
  const slug = memberName(randomBytes(4).toString("hex"));
  const environment: EnvironmentRecord = {
    id: randomBytes(8).toString("hex"),
    projectId: project.id,
    slug,
    hostLabel: slug,
    branch: null,
    path: join(base.parent, `.${slug}`),
    main: false,
    ownsWorktree: true,
    ownsBranch: false,
    slot: memberSlot(randomBytes(4).readUInt32BE()),
    nonce: newNonce(ledger),
    wanted: "down",
    createdAtMs: world.clock.now(),
  };
  const { id, path } = environment;
  return ledger.transaction(() => {
    ledger.insertMember({ environment, data: { state: "preparing", parent: base.parent, commit: base.commit } });
    ledger.claim({ environmentId: id, kind: "worktree", key: path, data: { commit: base.commit } });
    return { environment, operation: beginOperation(world, { environmentId: id, kind: "create", data: { pool: true } }) };
  });
}

interface Making {
  environment: EnvironmentRecord;
  operation: string;
  /** null: it is made now. */
  member: MemberData | null;
}

function making(world: World, preparing: Preparing, made: Making): Promise<void> {
  const { environment, operation } = made;
  const context = contextOf(world, preparing, made);
  return world.locks.run(`environment:${environment.id}`, async () => {
    try {
      await make(context, preparing, made);
    } catch (error) {
      if (preparing.closing.aborted) throw error;
      const session = { ...context.session, environment };
      await rollBackCreate(world, { ...context, session }, operation).catch(world.report);
      throw error;
    }
  });
}

function contextOf(world: World, preparing: Preparing, { environment, member }: Making): StepContext {
  const { project, base, env, abort } = preparing;
  const pool: PoolWork = { commit: base.commit, from: null, member, refill: false };
  return {
    world,
    // Commands see a branch, as they will; what they write of it is found by its name.
    session: {
      project,
      environment: { ...environment, branch: environment.slug },
      config: forMember(base.config),
      git: createGit(env),
      callerEnv: env,
    },
    emit: () => undefined,
    abort,
    branchPlan: null,
    branchCommit: null,
    outcome: { rescueRefs: [], branch: null },
    pool,
  };
}

/** A port by slot is chosen with the slot: until then any port stands in. */
function forMember(config: Config): Config {
  const services = config.services.map((one) => (one.port.kind === "slot" ? { ...one, port: { kind: "leased" as const } } : one));
  return { ...config, services };
}

async function make(context: StepContext, preparing: Preparing, { environment, operation, member }: Making): Promise<void> {
  const { world, session, abort } = context;
  const startedMs = world.clock.now();
  const windows = new Map<string, SetupWindow>((member?.windows ?? []).map((window) => [window.step, window]));
  const timed = { ...context, emit: timing(world, session, windows) };
  if (member) await runGently(timed, refreshPlan, operation);
  const wanted: WantedEnvironment = { presence: "present", up: [], down: [], anew: [], rescue: false, deleteBranch: false };
  const observed = await observeEnvironment(world, environment, { config: session.config, definitions: {} });
  await runGently(timed, planEnvironment(wanted, observed, session.config), operation);
  await restResources(world, environment.id);
  if (await hasSubmodules(environment.path)) throw submodules();
  abort.throwIfAborted();
  const known = await describeMember(context, preparing, [...windows.values()]);
  const readyAtMs = world.clock.now();
  const data: MemberData = { ...known, state: "ready", readyAtMs, tookMs: readyAtMs - startedMs };
  world.ledger.transaction(() => {
    world.ledger.updateMember(environment.id, asJson(data));
    world.ledger.endOperation(operation);
  });
  world.changes.emit(environment.id);
}

/** Notes when each setup step ran. */
function timing(world: World, { config }: EnvironmentSession, windows: Map<string, SetupWindow>): (event: OperationEvent<never>) => void {
  return (event) => {
    if (event.type !== "step" && event.type !== "step_done") return;
    const step = config.setup[Number(/^setup:(\d+)$/.exec(event.step)?.[1] ?? Number.NaN)];
    if (!step) return;
    const now = world.clock.now();
    const before = windows.get(stampKey(step));
    windows.set(stampKey(step), { step: stampKey(step), fromMs: event.type === "step" || !before ? now : before.fromMs, toMs: now });
  };
}

/** Nobody waits for it: before each step it waits until nobody waits for anything else. */
async function runGently(context: StepContext, plan: readonly PlanStep[], operation: string): Promise<void> {
  for (const step of plan) {
    await untilQuiet(context.world, context.abort);
    await runPlan([step], context, operation);
  }
}

const quietLookMs = 200;

export async function untilQuiet(world: World, abort: AbortSignal): Promise<void> {
  for (;;) {
    abort.throwIfAborted();
    const members = new Set(world.ledger.members().map(({ environment }) => environment.id));
    const others = world.ledger.operations().filter(({ environmentId }) => !members.has(environmentId));
    // One that failed keeps its row, but nobody is at work on it.
    if (!others.some(({ environmentId }) => world.locks.busy(`environment:${environmentId}`))) return;
    await world.clock.sleep(quietLookMs, abort);
  }
}

/** What has to be known when it is claimed, looked for now. */
async function describeMember(
  context: StepContext,
  { base, project }: Preparing,
  windows: SetupWindow[],
): Promise<Omit<MemberData, "state" | "readyAtMs" | "tookMs">> {
  const { world, session, abort } = context;
  const { environment, git, config } = session;
  const { path } = environment;
  const fill = { git, from: project.root, to: path, abort };
  const sources = [
    ...(await copySources({ ...fill, note: () => undefined, patterns: config.copy, include: config.include ?? "" })),
    ...config.clone,
  ];
  const kept = await trackedAmong(git, path, sources);
  const filled = sources.map((one) => one.replace(/\/$/, "")).filter((one) => ![...kept].some((name) => overlap(name, one)));
  const searched = await searchNames({
    root: path,
    entries: await untrackedEntries(git, path),
    texts: textsOf(world, context, base),
    abort,
  });
  const held = searched.flatMap(({ entry, holder, changedMs }) =>
    holder === null ? [] : [{ path: entry.replace(/\/$/, ""), because: holder, changedMs }],
  );
  const tracked = await changedTrackedFiles(git, path);
  const changes = tracked.map((name) => lstatSync(join(path, name), { throwIfNoEntry: false })?.ctimeMs ?? 0);
  const leased = leasedResources(world, environment.id);
  const resources = leased.map(({ spec }) => spec.name);
  const own = leased.flatMap(({ spec }) => (typeof spec.options.path === "string" ? [spec.options.path] : []));
  return {
    parent: base.parent,
    commit: base.commit,
    configHash: base.configHash,
    fill: { signature: await fillSignature(fill, config), paths: filled },
    bound: {
      entries: held.map(({ path: entry, because }) => ({ path: entry, because })),
      steps: stepsThatMade(
        held.map(({ path: entry, changedMs }) => ({ changedMs, otherwise: [...filled, ...own].some((name) => overlap(entry, name)) })),
        windows,
      ),
      fill: held.some((one) => filled.some((name) => overlap(one.path, name))),
    },
    tracked: { paths: tracked, steps: stepsThatWrote(changes, windows) },
    status: await readStatusText(git, path),
    windows,
    commands: resolvedCommands(world, session),
    resources: Object.fromEntries(await Promise.all(resources.map(async (name) => [name, await contentOf(world, session, name)] as const))),
  };
}

/** What it will not be called by any more. */
function textsOf(world: World, { session }: StepContext, base: PoolBase): string[] {
  const { environment } = session;
  const bySlot = new Set(base.config.services.flatMap(({ name, port }) => (port.kind === "slot" ? [name] : [])));
  const ports = Object.entries(leasedPorts(world, environment.id)).flatMap(([name, port]) => (bySlot.has(name) ? [String(port)] : []));
  return [environment.slug, String(environment.slot), ...ports];
}

function overlap(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
}

function containers(): WtError {
  return new WtError({
    kind: "refused",
    code: "pool_runtime",
    message: "Environments that run in containers are not prepared: networks, images and volumes carry the environment's own name.",
    hints: ["Turn the pool off: wt pool set 0"],
  });
}

function submodules(): WtError {
  return new WtError({
    kind: "refused",
    code: "pool_submodules",
    message: "Worktrees of this repository have submodules, and git moves no worktree that has.",
    hints: ["Turn the pool off: wt pool set 0"],
  });
}
