// What the daemon knows of agents without the ledger: starts that wait to be picked up, and what the last look at the machine found.
import type { AgentStart } from "../api/agents.ts";
import { agentKindOf } from "../config/known-agents.ts";
import type { Clock } from "../os/clock.ts";
import { type ProcessIdentity, readBootId } from "../os/process-identity.ts";
import { parseEnviron, readEnviron } from "../os/process-mark.ts";
import { readProcessPlace, readWorkingProcesses } from "../os/process-place.ts";
import { type ProcessInfo, readProcess } from "../os/process-table.ts";

/** A known agent's program, whoever started it. */
export interface SeenAgent {
  identity: ProcessIdentity;
  kind: string;
  /** Its working directory. */
  directory: string;
}

export interface AgentMemory {
  /** With the caller's environment, which is nobody else's business and therefore never written down. */
  starts: Map<string, AgentStart>;
  /** Agents that were not started through wt; `fresh`: as of now, not of a moment ago. Empty where the system does not tell. */
  seen(fresh: boolean): Promise<readonly SeenAgent[]>;
  /** Fires when the daemon lets go. */
  closing: AbortController;
}

/** The variable with an agent's id, in the environment of every agent that wt started. */
export const agentVariable = "WT_AGENT";

const freshMs = 1_000;

export function createAgentMemory(clock: Clock): AgentMemory {
  let last: { atMs: number; found: Promise<readonly SeenAgent[]> } | null = null;
  return {
    starts: new Map(),
    closing: new AbortController(),
    seen(fresh) {
      const nowMs = clock.now();
      if (fresh || !last || nowMs - last.atMs > freshMs || nowMs < last.atMs) last = { atMs: nowMs, found: observeAgentPrograms() };
      return last.found;
    },
  };
}

async function observeAgentPrograms(): Promise<readonly SeenAgent[]> {
  const found: { info: ProcessInfo; seen: Omit<SeenAgent, "identity"> }[] = [];
  // By directory first, which spares a look at the rest of nearly every process.
  for (const { pid } of readWorkingProcesses()) {
    const seen = agentProgram(pid);
    if (!seen || parseEnviron(readEnviron(pid), agentVariable) !== null) continue;
    const info = await readProcess(pid);
    if (typeof info === "object" && info.alive) found.push({ info, seen });
  }
  if (found.length === 0) return [];
  const bootId = await readBootId();
  // An agent that runs in several processes of its own is one agent.
  const pids = new Set(found.map(({ info }) => info.pid));
  return found
    .filter(({ info }) => !pids.has(info.ppid))
    .map(({ info: { pid, startTime }, seen }) => ({ identity: { pid, startTime, bootId }, ...seen }));
}

/** Whether this process runs a known agent's program, itself or through an interpreter. */
export function agentProgram(pid: number): { kind: string; directory: string } | null {
  const place = readProcessPlace(pid);
  if (!place) return null;
  const [program = "", ...rest] = place.argv;
  const script = shells.test(program) ? rest[0] : interpreters.test(program) ? rest.find((word) => !word.startsWith("-")) : undefined;
  // What has spaces is a line of code, not the name of a script.
  const named = script === undefined || /\s/.test(script) ? null : agentKindOf(script.replace(/\.(m?js|cjs|py)$/, ""));
  const kind = agentKindOf(program) ?? named;
  return kind && { kind: kind.name, directory: place.directory };
}

const shells = /(^|\/)(bash|sh|dash|zsh)$/;

const interpreters = /(^|\/)(node|bun|deno|python[\d.]*|bash|sh|dash|zsh)(\.exe)?$/;
