// What the ledger remembers of coding agents: a lease each, written before the agent is started.
import type { AgentPlace, AgentState, AgentView } from "../api/agents.ts";
import type { Lease } from "../environment/ledger.ts";
import type { JsonValue } from "../errors/wt-error.ts";
import type { ProcessIdentity } from "../os/process-identity.ts";
import type { World } from "./world.ts";

export interface AgentRecord {
  id: string;
  environmentId: string;
  kind: string;
  place: AgentPlace;
  state: AgentState;
  sinceMs: number;
  detail: string | null;
  startedAtMs: number;
  /** Null until it runs. */
  process: ProcessIdentity | null;
  ended: boolean;
  exitCode: number | null;
  window: string | null;
  logPath: string | null;
}

export function agentRecords(world: World, environmentId: string): AgentRecord[] {
  return world.ledger.leases({ environmentId, kind: "agent" }).flatMap((lease) => recordOf(lease) ?? []);
}

export function agentRecord(world: World, id: string): AgentRecord | null {
  const lease = leaseOf(world, id);
  return lease ? recordOf(lease) : null;
}

/** Throws what the ledger throws; nothing is written when the id is taken. */
export function insertAgent(world: World, record: AgentRecord): void {
  const { environmentId, id } = record;
  const lease = world.ledger.claim({ environmentId, kind: "agent", key: id, data: dataOf(record) });
  if (!lease) throw new Error(`the agent id ${id} is taken`);
  if (record.process) world.ledger.updateLease(lease.id, { state: "present" });
  world.changes.emit(environmentId);
}

/** Nothing happens to one that is not there any more: its environment was deleted meanwhile. */
export function updateAgent(world: World, id: string, change: Partial<AgentRecord>): void {
  const lease = leaseOf(world, id);
  const record = lease ? recordOf(lease) : null;
  if (!lease || !record) return;
  const next = { ...record, ...change };
  world.ledger.updateLease(lease.id, { data: dataOf(next), ...(next.process ? { state: "present" as const } : {}) });
  world.changes.emit(record.environmentId);
}

export function forgetAgent(world: World, id: string): void {
  const lease = leaseOf(world, id);
  if (!lease) return;
  world.ledger.release(lease.id);
  world.changes.emit(lease.environmentId);
}

export function agentView(record: AgentRecord, named: { project: string; environment: string }): AgentView {
  const { id, kind, state, detail, place, window, logPath, exitCode } = record;
  return {
    id,
    ...named,
    kind,
    state,
    since: new Date(record.sinceMs).toISOString(),
    live: !record.ended,
    pid: record.ended ? null : (record.process?.pid ?? null),
    place,
    window,
    detail,
    exitCode,
    startedAt: new Date(record.startedAtMs).toISOString(),
    logPath,
  };
}

function leaseOf(world: World, id: string): Lease | undefined {
  return world.ledger.leases({ kind: "agent" }).find((lease) => lease.key === id);
}

function dataOf({ id: _id, environmentId: _environment, process, ...data }: AgentRecord): { [key: string]: JsonValue } {
  return { ...data, process: process ? { ...process } : null };
}

/** Null for what another version wrote in another way. */
function recordOf({ key, environmentId, data }: Lease): AgentRecord | null {
  const text = (value: JsonValue | undefined) => (typeof value === "string" ? value : null);
  const number = (value: JsonValue | undefined) => (typeof value === "number" ? value : null);
  const place = places.find((one) => one === data.place);
  const state = states.find((one) => one === data.state);
  const kind = text(data.kind);
  if (!place || !state || kind === null) return null;
  return {
    id: key,
    environmentId,
    kind,
    place,
    state,
    sinceMs: number(data.sinceMs) ?? 0,
    detail: text(data.detail),
    startedAtMs: number(data.startedAtMs) ?? 0,
    process: identityOf(data.process),
    ended: data.ended === true,
    exitCode: number(data.exitCode),
    window: text(data.window),
    logPath: text(data.logPath),
  };
}

const places: readonly AgentPlace[] = ["terminal", "tmux", "zellij", "detached", "by_hand"];
const states: readonly AgentState[] = ["running", "working", "waiting", "done", "gone"];

function identityOf(value: JsonValue | undefined): ProcessIdentity | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { pid, startTime, bootId } = value;
  if (typeof pid !== "number" || typeof startTime !== "number" || typeof bootId !== "string") return null;
  return { pid, startTime, bootId };
}
