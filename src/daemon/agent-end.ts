// Agents and the end of their environment: refused while one lives, unless a person said that it is to end, too. Then all of it ends.
import type { AgentView } from "../api/agents.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { observeProcess, type ProcessIdentity, readBootId, signalProcess } from "../os/process-identity.ts";
import { readProcess, readProcessTable } from "../os/process-table.ts";
import { liveAgents, seenIn } from "./agent-presence.ts";
import { agentRecords, agentView } from "./agent-records.ts";
import { agentServicePrefix } from "./lasting-commands.ts";
import { processRemains } from "./process-remains.ts";
import type { World } from "./world.ts";

export interface AgentConsent {
  /** Agents may be ended. */
  agents: boolean;
  /** The process that asks: an agent that asks for itself is not in its own way. */
  callerPid: number | null;
}

/**
 * Throws `WtError` (`refused`, `agent_live`) while an agent lives in the environment and nobody has said that it may end.
 * Gives the same check for the very moment before the deletion begins: whether one was started since, without waiting for anything.
 */
export async function refuseLiveAgents(world: World, environment: EnvironmentRecord, consent: AgentConsent): Promise<() => void> {
  if (consent.agents) return () => undefined;
  const own = await ancestors(consent.callerPid);
  const all = await liveAgents(world, environment);
  const live = all.filter(({ pid }) => pid === null || !own.has(pid));
  if (live.length > 0) throw agentsLive(environment.slug, live);
  return () => {
    const started = agentRecords(world, environment.id).filter((record) => !record.ended && !all.some(({ id }) => id === record.id));
    const names = { project: "", environment: environment.slug };
    if (started.length > 0)
      throw agentsLive(
        environment.slug,
        started.map((record) => agentView(record, names)),
      );
  };
}

function agentsLive(slug: string, live: readonly AgentView[]): WtError {
  return new WtError({
    kind: "refused",
    code: "agent_live",
    message: `${live.length === 1 ? "An agent is" : `${live.length} agents are`} at work in ${slug}: ${live.map(described).join(", ")}.`,
    hints: [`Let it finish, or run \`wt delete ${slug} --end-agents\` to end it and everything it started.`, "See them: wt agents"],
    details: { agents: live.map(({ id, kind, state, pid }) => ({ id, kind, state, pid })) },
  });
}

function described({ kind, state, pid }: AgentView): string {
  return `${kind} (${state}${pid === null ? "" : `, process ${pid}`})`;
}

/**
 * Ends every agent of the environment with all its processes, but for the one that asks; gives whether there was any.
 * Throws `WtError` (`machine`, `process_remains`) when something could not be ended.
 */
export async function endAgents(world: World, environment: EnvironmentRecord, consent: AgentConsent): Promise<boolean> {
  if (!consent.agents) return false;
  const { id, nonce } = environment;
  const own = await ancestors(consent.callerPid);
  const instances = (await world.driver.find({ environmentId: id, nonce })).filter(({ service }) => service.startsWith(agentServicePrefix));
  const stopped = await Promise.all(instances.map((instance) => world.driver.stop(instance, { signal: "SIGTERM", graceMs })));
  const byHand = [
    ...(await seenIn(world, environment, true)).map(({ identity }) => identity),
    ...agentRecords(world, id).flatMap((record) => (record.place === "by_hand" && record.process ? [record.process] : [])),
  ].filter(({ pid }) => !own.has(pid));
  const families = await Promise.all(byHand.map((identity) => endFamily(world, identity)));
  const leftovers = [...stopped.flatMap((one) => one.leftovers), ...families.flat()];
  if (leftovers.length > 0) throw processRemains(leftovers.join(" "));
  return instances.length > 0 || byHand.length > 0;
}

const graceMs = 5_000;
const lookMs = 50;

/** One that carries no mark of ours: this very process, and what descends from it at this moment. */
async function endFamily(world: World, identity: ProcessIdentity): Promise<string[]> {
  const family = await familyOf(identity);
  for (const one of family) await signalProcess(one, "SIGTERM");
  const left = await untilEnded(world, family);
  for (const one of left) await signalProcess(one, "SIGKILL");
  const remaining = await untilEnded(world, left);
  return remaining.map(({ pid }) => `Process ${pid} of an agent does not end.`);
}

async function familyOf(identity: ProcessIdentity): Promise<ProcessIdentity[]> {
  if ((await observeProcess(identity)) !== "alive") return [];
  const table = await readProcessTable();
  const bootId = await readBootId();
  const members = new Set([identity.pid]);
  // A child may have a lower number than its parent, once numbers begin anew.
  for (let before = 0; before !== members.size; ) {
    before = members.size;
    for (const { pid, ppid } of table) if (members.has(ppid)) members.add(pid);
  }
  return table.filter(({ pid }) => members.has(pid)).map(({ pid, startTime }) => ({ pid, startTime, bootId }));
}

async function untilEnded(world: World, family: readonly ProcessIdentity[]): Promise<ProcessIdentity[]> {
  let left = [...family];
  for (let waitedMs = 0; left.length > 0 && waitedMs < graceMs; waitedMs += lookMs) {
    const states = await Promise.all(left.map((one) => observeProcess(one)));
    left = left.filter((_, index) => states[index] !== "ended");
    if (left.length > 0) await world.clock.sleep(lookMs);
  }
  return left;
}

async function ancestors(pid: number | null): Promise<Set<number>> {
  const found = new Set<number>();
  for (let next = pid ?? 0; next > 1 && !found.has(next); ) {
    found.add(next);
    const info = await readProcess(next);
    next = typeof info === "object" ? info.ppid : 0;
  }
  return found;
}
