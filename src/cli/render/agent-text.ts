import type { AgentState, AgentView } from "../../api/agents.ts";
import type { Paint } from "../paint.ts";
import { age } from "./age.ts";
import { type Cell, tableLines } from "./table.ts";

export interface AgentTextOptions {
  paint: Paint;
  nowMs: number;
  all: boolean;
  width: number | null;
  ellipsis: string;
}

/** `wt agents`: those that wait for somebody first. */
export function agentLines(agents: readonly AgentView[], options: AgentTextOptions): string[] {
  if (agents.length === 0) return ["No agents. Start one: wt go <name>"];
  const { paint, nowMs, all } = options;
  const sorted = agents.toSorted((a, b) => rank(a) - rank(b));
  const rows = sorted.map((agent): Cell[] => [
    ...(all ? [{ text: agent.project, paint: paint.dim }] : []),
    { text: agent.environment, paint: paint.bold },
    { text: agent.kind },
    { text: agent.state, paint: agentPaint(agent.state, paint) },
    { text: age(agent.since, nowMs), paint: paint.dim },
    { text: agent.pid === null ? "-" : String(agent.pid) },
    { text: placeText(agent), paint: paint.dim },
    { text: agent.detail ?? "" },
  ]);
  const header = [...(all ? ["PROJECT"] : []), "ENVIRONMENT", "AGENT", "STATE", "SINCE", "PID", "PLACE", ""];
  return tableLines(header, rows, {
    paintHeader: paint.dim,
    maxWidth: options.width,
    ellipsis: options.ellipsis,
    shrink: header.length - 1,
  });
}

/** In `wt list`: the one that matters most, and how many more there are; empty for none that lives. */
export function agentCell(agents: readonly AgentView[] | undefined, paint: Paint): Cell {
  const live = (agents ?? []).filter((agent) => agent.live).toSorted((a, b) => rank(a) - rank(b));
  const [first] = live;
  if (!first) return { text: "" };
  const more = live.length > 1 ? ` +${live.length - 1}` : "";
  return { text: `${first.kind} ${first.state}${more}`, paint: agentPaint(first.state, paint) };
}

function rank({ state, live }: AgentView): number {
  return order.indexOf(state) + (live ? 0 : order.length);
}

const order: readonly AgentState[] = ["waiting", "done", "working", "running", "gone"];

function agentPaint(state: AgentState, paint: Paint): (text: string) => string {
  return { waiting: paint.warning, done: paint.good, working: paint.accent, running: paint.dim, gone: paint.bad }[state];
}

function placeText({ place, window }: AgentView): string {
  if (window !== null) return `${place} ${window}`;
  return place === "by_hand" ? "by hand" : place;
}
