// What an agent's own hooks tell.
import { randomBytes } from "node:crypto";
import type { AgentEvent } from "../api/agents.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { type ProcessIdentity, readBootId } from "../os/process-identity.ts";
import { readProcess } from "../os/process-table.ts";
import { agentProgram } from "./agent-memory.ts";
import { isSame } from "./agent-presence.ts";
import { type AgentRecord, agentRecord, agentRecords, insertAgent, updateAgent } from "./agent-records.ts";
import { knownLocation } from "./projects.ts";
import type { World } from "./world.ts";

/** False for an agent or a place that wt does not know; that is no error, since hooks are also called where no environment is. */
export async function noteAgentEvent(world: World, event: AgentEvent): Promise<boolean> {
  const record = (event.agent === null ? null : agentRecord(world, event.agent)) ?? (await recordByAncestor(world, event));
  if (!record || record.ended) return false;
  if (event.kind === "reminder" && (record.state === "done" || record.state === "waiting")) return true;
  // Without a terminal it has its prompt already, and waits for nobody.
  if (event.kind === "beginning" && record.place === "detached") return true;
  // Hooks of tools come by the dozen, and say mostly what is known.
  if (record.state === event.state && record.detail === event.detail) return true;
  const sinceMs = record.state === event.state ? record.sinceMs : world.clock.now();
  updateAgent(world, record.id, { state: event.state, detail: event.detail, sinceMs });
  return true;
}

/** One that was started by hand: the nearest known agent among the ancestors of the process that asks. */
async function recordByAncestor(world: World, { cwd, pid }: AgentEvent): Promise<AgentRecord | null> {
  const found = await agentAncestor(pid);
  const environment = found && (environmentAt(world, cwd) ?? environmentAt(world, found.directory));
  if (!environment) return null;
  const known = agentRecords(world, environment.id).find((record) => isSame(record.process, found.identity));
  if (known) return known;
  const nowMs = world.clock.now();
  const record: AgentRecord = {
    id: randomBytes(4).toString("hex"),
    environmentId: environment.id,
    kind: found.kind,
    place: "by_hand",
    state: "running",
    sinceMs: nowMs,
    detail: null,
    startedAtMs: nowMs,
    process: found.identity,
    ended: false,
    exitCode: null,
    window: null,
    logPath: null,
  };
  insertAgent(world, record);
  return record;
}

const mostAncestors = 32;

export async function agentAncestor(pid: number): Promise<{ identity: ProcessIdentity; kind: string; directory: string } | null> {
  let next = pid;
  for (let step = 0; step < mostAncestors && next > 1; step++) {
    const info = await readProcess(next);
    if (typeof info !== "object") return null;
    const program = agentProgram(next);
    if (program) return { identity: { pid: next, startTime: info.startTime, bootId: await readBootId() }, ...program };
    next = info.ppid;
  }
  return null;
}

function environmentAt(world: World, directory: string): EnvironmentRecord | null {
  return knownLocation(world, directory)?.environment ?? null;
}
