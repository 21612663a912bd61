// Which coding agents live in an environment: those that wt started, by their identity, and those that somebody started by hand in its worktree.
import type { AgentView } from "../api/agents.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { observeProcess, type ProcessIdentity, readProcessIdentity } from "../os/process-identity.ts";
import type { SeenAgent } from "./agent-memory.ts";
import { type AgentRecord, agentRecords, agentView, forgetAgent, updateAgent } from "./agent-records.ts";
import { agentServicePrefix } from "./lasting-commands.ts";
import type { World } from "./world.ts";

interface Placed {
  project: ProjectRecord;
  environment: EnvironmentRecord;
}

/**
 * The agents whose processes are there at this moment: while there is one, nothing takes the environment away without a person's word.
 * One whose start is under way counts, too.
 */
export async function liveAgents(world: World, environment: EnvironmentRecord): Promise<AgentView[]> {
  const project = world.ledger.project(environment.projectId);
  return project ? (await agentsOf(world, { project, environment }, { fresh: true })).filter(({ live }) => live) : [];
}

/** Of one environment, the latest start last. What has ended since the last look is noted. */
export async function agentsOf(
  world: World,
  { project, environment }: Placed,
  { fresh = false }: { fresh?: boolean } = {},
): Promise<AgentView[]> {
  const names = { project: project.name, environment: environment.slug };
  const records: AgentRecord[] = [];
  for (const record of agentRecords(world, environment.id)) {
    const current = await settled(world, environment, record);
    if (current) records.push(current);
  }
  const byHand = (await seenIn(world, environment, fresh)).filter(({ identity }) => !records.some((one) => isSame(one.process, identity)));
  return [...records.map((record) => agentView(record, names)), ...byHand.map((seen) => seenView(world, seen, names))];
}

/** How long a terminal window may take to open. */
const launchMs = 60_000;

/** The record as the machine proves it; null for one that is not worth keeping. */
async function settled(world: World, environment: EnvironmentRecord, record: AgentRecord): Promise<AgentRecord | null> {
  if (record.ended) return record;
  if (record.process && (await observeProcess(record.process)) !== "ended") return record;
  // The process that was recorded may only have been the one in front of it.
  const left = await markedProcess(world, environment, record.id);
  if (left) {
    updateAgent(world, record.id, { process: left });
    return { ...record, process: left };
  }
  if (!record.process && world.clock.now() - record.startedAtMs < launchMs) return record;
  // It may have ended in the usual way between the two looks.
  const latest = agentRecords(world, environment.id).find(({ id }) => id === record.id) ?? null;
  if (!latest || latest.ended) return latest;
  if (!record.process || record.place === "by_hand") {
    forgetAgent(world, record.id);
    world.agents.starts.delete(record.id);
    return null;
  }
  const change = { ended: true, state: "gone" as const, detail: "ended unseen", sinceMs: world.clock.now() };
  updateAgent(world, record.id, change);
  return { ...latest, ...change };
}

async function markedProcess(world: World, environment: EnvironmentRecord, id: string): Promise<ProcessIdentity | null> {
  const found = await world.driver.find({ environmentId: environment.id, nonce: environment.nonce });
  const pid = found.find(({ service }) => service === `${agentServicePrefix}${id}`)?.pid ?? null;
  return pid === null ? null : await readProcessIdentity(pid);
}

/** Those by hand whose directory is in this worktree and in no other that lies inside of it. */
export async function seenIn(world: World, environment: EnvironmentRecord, fresh: boolean): Promise<SeenAgent[]> {
  const seen = await world.agents.seen(fresh);
  const inside = seen.filter(({ directory }) => contains(environment.path, directory));
  if (inside.length === 0) return [];
  const nested = world.ledger.environments().filter(({ path }) => path !== environment.path && contains(environment.path, path));
  const here = inside.filter(({ directory }) => !nested.some(({ path }) => contains(path, directory)));
  const states = await Promise.all(here.map(({ identity }) => observeProcess(identity)));
  return here.filter((_, index) => states[index] === "alive");
}

function contains(path: string, directory: string): boolean {
  return directory === path || directory.startsWith(`${path}/`);
}

export function isSame(a: ProcessIdentity | null, b: ProcessIdentity): boolean {
  return a !== null && a.pid === b.pid && a.startTime === b.startTime && a.bootId === b.bootId;
}

/** Since when is not known: the kernel's unit of time is only good for comparing. */
function seenView(world: World, { identity, kind }: SeenAgent, names: { project: string; environment: string }): AgentView {
  const now = new Date(world.clock.now()).toISOString();
  return {
    id: `pid-${identity.pid}`,
    ...names,
    kind,
    state: "running",
    since: now,
    live: true,
    pid: identity.pid,
    place: "by_hand",
    window: null,
    detail: null,
    exitCode: null,
    startedAt: now,
    logPath: null,
  };
}
