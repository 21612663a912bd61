import type { AgentView } from "../../api/agents.ts";
import type { EnvironmentView } from "../../api/environment.ts";
import type { WtError } from "../../errors/wt-error.ts";
import type { Paint } from "../paint.ts";
import { statePaint } from "./state-paint.ts";
import { type Cell, tableLines } from "./table.ts";

export interface CreatedWithAgent {
  branch: string;
  environment: EnvironmentView | null;
  agent: AgentView | null;
  error: WtError | null;
}

/** `wt create` of several: a line each, whether it went well or not. */
export function createdLines(results: readonly CreatedWithAgent[], paint: Paint): string[] {
  const agents = results.some(({ agent }) => agent !== null);
  const rows = results.map(({ branch, environment, agent, error }): Cell[] => [
    { text: environment?.slug ?? branch, paint: paint.bold },
    environment ? { text: environment.status, paint: statePaint(environment.status, paint) } : { text: "failed", paint: paint.bad },
    ...(agents ? [{ text: agent ? (agent.window ?? agent.kind) : error ? "failed" : "-", paint: agent ? paint.accent : paint.dim }] : []),
    { text: environment?.url ?? environment?.path ?? error?.message ?? "", paint: paint.dim },
  ]);
  const header = ["NAME", "STATUS", ...(agents ? ["AGENT"] : []), ""];
  return tableLines(header, rows, { paintHeader: paint.dim, maxWidth: null, ellipsis: "", shrink: 0 });
}

export function createdJson(results: readonly CreatedWithAgent[]): string {
  const all = results.map(({ error, ...result }) => ({ ...result, error: error === null ? null : error.toWire() }));
  return `${JSON.stringify({ schema: 1, results: all })}\n`;
}
