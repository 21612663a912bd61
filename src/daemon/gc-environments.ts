// Environments for `wt gc`: looks at each, then deletes those that may go, as `wt delete` would.
import type { GcItem } from "../api/gc.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit, type Git } from "../git/git.ts";
import { assessLoss, type LossReport } from "../git/integration.ts";
import { defaultBranch } from "../git/repository.ts";
import { observeWorkplaces, type Workplace } from "../os/workplaces.ts";
import { readActivity } from "./activity.ts";
import { liveAgents } from "./agent-presence.ts";
import { deleteEnvironment } from "./delete-environment.ts";
import { type EnvironmentFacts, type GcRules, type GcVerdict, isRepositoryGone, judgeEnvironment } from "./gc-plan.ts";
import { dataOf } from "./held-data.ts";
import type { Call } from "./journaled-run.ts";
import { readMerged } from "./merged-branch.ts";
import { presentIn } from "./present-people.ts";
import { syncWorktrees } from "./projects.ts";
import { releaseEnvironment } from "./release-environment.ts";
import { readStamp } from "./stamps.ts";
import { worktreeExists } from "./worktree-exists.ts";
import { observePresence } from "./worktree-presence.ts";
import type { World } from "./world.ts";

export interface GcWork {
  world: World;
  call: Call;
  dryRun: boolean;
  rules: GcRules;
  /** Names that a person agreed to; null: all. */
  agreed: ReadonlySet<string> | null;
}

/** So many looks at once: each is a few git processes. */
const looksAtOnce = 4;

export async function collectEnvironments(work: GcWork, projects: readonly ProjectRecord[]): Promise<GcItem[]> {
  const items: GcItem[] = [];
  for (const project of projects) {
    work.call.abort.throwIfAborted();
    items.push(...(await collectProject(work, project)));
  }
  return items;
}

async function collectProject(work: GcWork, project: ProjectRecord): Promise<GcItem[]> {
  const { world } = work;
  const git = createGit(world.env);
  // A repository that is gone cannot be asked; its environments say so themselves.
  await syncWorktrees(world, git, project).catch(() => undefined);
  const environments = world.ledger.environments({ projectId: project.id });
  const workplaces = await observeWorkplaces().catch(() => null);
  const look = { git, project, workplaces };
  const verdicts: { environment: EnvironmentRecord; verdict: GcVerdict }[] = [];
  for (let at = 0; at < environments.length; at += looksAtOnce) {
    work.call.abort.throwIfAborted();
    const some = environments.slice(at, at + looksAtOnce);
    verdicts.push(
      ...(await Promise.all(some.map(async (environment) => ({ environment, verdict: await judge(work, look, environment) })))),
    );
  }
  const items: GcItem[] = [];
  // The main worktree's row last: the others' belong to its project.
  for (const { environment, verdict } of verdicts.toSorted((a, b) => Number(a.environment.main) - Number(b.environment.main))) {
    items.push(await settle(work, { git, project, environment }, verdict));
  }
  return items;
}

interface Look {
  git: Git;
  project: ProjectRecord;
  workplaces: Workplace[] | null;
}

async function judge({ world, rules }: GcWork, look: Look, environment: EnvironmentRecord): Promise<GcVerdict> {
  return judgeEnvironment(await readFacts(world, look, { environment, rules }), rules);
}

async function readFacts(
  world: World,
  { git, project, workplaces }: Look,
  { environment, rules }: { environment: EnvironmentRecord; rules: GcRules },
): Promise<EnvironmentFacts> {
  const presence = await observePresence(world, project, environment);
  const facts: EnvironmentFacts = {
    main: environment.main,
    ours: environment.ownsWorktree,
    branch: environment.branch,
    presence,
    busy: world.ledger.operations({ environmentId: environment.id })[0]?.kind ?? null,
    pinned: readPin(world, environment.id),
    present: await readPresent(world, environment, workplaces),
    loss: nothingKnown(),
    merged: false,
    branchExists: true,
    activeAtMs: 0,
    activeWhat: "",
  };
  if (environment.main || presence.state === "unknown" || isRepositoryGone(presence)) return facts;
  const baseBranch = await defaultBranch(git, { mainRoot: project.root }).catch(() => null);
  const place = { root: project.root, path: environment.path, branch: environment.branch, baseBranch };
  facts.loss = await assessLoss(git, place).catch(nothingKnown);
  const merged = await readMerged(world, git, { environment, root: project.root, baseBranch, loss: facts.loss });
  facts.merged = merged.merged;
  facts.branchExists = merged.branchExists;
  // Walking over the files is what takes time.
  if (presence.state !== "there" || (facts.merged && rules.restMs === 0)) return facts;
  const enoughMs = rules.nowMs - Math.max(rules.olderThanMs, rules.restMs);
  const activity = await readActivity(world, git, { environment, enoughMs });
  return { ...facts, activeAtMs: activity.atMs, activeWhat: activity.what };
}

/** An agent is known by more than the directory it works in. What cannot be looked at counts as somebody. */
async function readPresent(
  world: World,
  environment: EnvironmentRecord,
  workplaces: Workplace[] | null,
): Promise<EnvironmentFacts["present"]> {
  const agents = await liveAgents(world, environment).catch(() => null);
  if (agents === null) return "unknown";
  const [agent] = agents;
  if (agent) return `An agent is at work in it: ${agent.kind}${agent.pid === null ? "" : ` (pid ${agent.pid})`}.`;
  return workplaces === null ? "unknown" : presentIn(world, environment, workplaces);
}

/** The reason of its pin; null when it has none. */
export function readPin(world: World, environmentId: string): string | null {
  const kept = readStamp(world, environmentId, "pinned");
  return kept === null ? null : kept.slice(1);
}

function nothingKnown(): LossReport {
  return {
    known: false,
    dirty: 0,
    untracked: 0,
    stashes: 0,
    unpushed: 0,
    loose: 0,
    integrated: false,
    how: null,
    lockedReason: null,
    submodulesDirty: false,
    remains: [],
    inProgress: null,
  };
}

interface Found {
  git: Git;
  project: ProjectRecord;
  environment: EnvironmentRecord;
}

async function settle(work: GcWork, found: Found, verdict: GcVerdict): Promise<GcItem> {
  const { project, environment } = found;
  const name = `${project.name}/${environment.slug}`;
  const item = { kind: "environment" as const, name, path: environment.path, bytes: null };
  if (!verdict.remove) return { ...item, outcome: "kept", reason: verdict.reason };
  if (work.agreed && !work.agreed.has(name)) return { ...item, outcome: "kept", reason: "It was not agreed to; it qualifies since then." };
  const data = await dataOf(work.world, environment);
  const lasts = worktreeExists(environment);
  // Who removed the worktree said nothing of it, and nobody asks now.
  if (data !== null && !lasts && work.rules.restMs > 0)
    return { ...item, outcome: "kept", reason: `${verdict.reason} With ${data}, which waits for a person.` };
  // Whoever agrees must know that content goes, and whether it comes back.
  const reason = `${verdict.reason}${data === null ? "" : lasts ? ` With ${data}.` : ` With ${data}, which cannot be brought back.`}`;
  if (work.dryRun) return { ...item, outcome: "removed", reason };
  return carryOut(work, found, { ...item, reason });
}

/** Looked at once more right before: between the question and the answer somebody may have begun to work in it. */
async function carryOut(work: GcWork, found: Found, item: Omit<GcItem, "outcome">): Promise<GcItem> {
  const { world, call } = work;
  const { project, environment } = found;
  call.abort.throwIfAborted();
  const workplaces = await observeWorkplaces().catch(() => null);
  const now = world.ledger.environment(environment.id);
  if (!now) return { ...item, outcome: "removed" };
  const again = await judge(work, { ...found, workplaces }, now);
  if (!again.remove) return { ...item, outcome: "kept", reason: again.reason };
  const step = `delete:${environment.slug}`;
  const startedMs = world.clock.now();
  call.emit({ type: "step", step, label: `Delete ${item.name}` });
  // Its own steps would hide which environment they are of.
  const quiet: Call = { emit: (event) => (event.type === "note" ? call.emit(event) : undefined), abort: call.abort };
  try {
    const presence = await observePresence(world, project, now);
    if (presence.state === "removed")
      await releaseEnvironment(world, { project, environment: now, repositoryGone: isRepositoryGone(presence) }, quiet);
    else await deleteEnvironment(world, { target: { cwd: project.root, name: now.slug }, force: false, branch: false }, quiet);
    return { ...item, outcome: "removed" };
  } catch (error) {
    const failure = WtError.from(error);
    if (failure.kind === "cancelled") throw failure;
    return { ...item, outcome: failure.kind === "refused" ? "kept" : "failed", reason: failure.message };
  } finally {
    call.emit({ type: "step_done", step, ms: Math.max(0, Math.round(world.clock.now() - startedMs)) });
  }
}
