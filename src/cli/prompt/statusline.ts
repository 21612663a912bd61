// One line for Claude Code's status line, from what it says about its session and what wt knows about the worktree.
import type { EnvironmentOverview } from "../../api/overview.ts";
import type { Paint } from "../paint.ts";
import { cut } from "../render/table.ts";
import { environmentLabel } from "./status-sign.ts";

/** What is used of the JSON on standard input; any of it may be missing. */
export interface Session {
  directory: string | null;
  model: string | null;
  /** Of the context window. */
  contextPercent: number | null;
  /** Of the plan's five hours. */
  limitPercent: number | null;
  costUsd: number | null;
}

/** Never throws: a line with less in it is better than none. */
export function parseSession(text: string): Session {
  let json: unknown = null;
  try {
    json = JSON.parse(text);
  } catch {
    // Nothing is known, then.
  }
  const context = at(json, "context_window");
  return {
    directory: word(at(json, "workspace", "current_dir")) ?? word(at(json, "cwd")),
    model: word(at(json, "model", "display_name")) ?? word(at(json, "model", "id")),
    contextPercent: number(at(context, "used_percentage")) ?? percentOf(context),
    limitPercent: number(at(json, "rate_limits", "five_hour", "used_percentage")),
    costUsd: number(at(json, "cost", "total_cost_usd")),
  };
}

/** Versions that do not say the percentage say the tokens. */
function percentOf(context: unknown): number | null {
  const size = number(at(context, "context_window_size"));
  const usage = at(context, "current_usage");
  const used = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"].map((key) => number(at(usage, key)));
  if (!size || used.every((one) => one === null)) return null;
  return (100 * used.reduce<number>((sum, one) => sum + (one ?? 0), 0)) / size;
}

function at(value: unknown, ...keys: string[]): unknown {
  let found = value;
  for (const key of keys) found = typeof found === "object" && found !== null ? (found as Record<string, unknown>)[key] : undefined;
  return found;
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function word(value: unknown): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these must not get to the terminal.
  const text = typeof value === "string" ? value.replace(/[\x00-\x1f\x7f-\x9f]/g, "").trim() : "";
  return text === "" ? null : text;
}

export interface StatuslineOptions {
  /** Where the session is: an environment, or any other directory by its last name. */
  place: EnvironmentOverview | string;
  session: Session;
  width: number;
  paint: Paint;
  unicode: boolean;
}

interface StatuslineCell {
  text: string;
  /** The highest goes first when there is no room. */
  rank: number;
}

export function statuslineText(options: StatuslineOptions): string {
  const separator = options.unicode ? " · " : " | ";
  const cells = statuslineCells(options).filter(({ text }) => text !== "");
  const line = () => cells.map(({ text }) => text).join(options.paint.dim(separator));
  while (cells.length > 1 && Bun.stringWidth(line()) > options.width) {
    const least = cells.reduce((worst, cell) => (cell.rank > worst.rank ? cell : worst));
    cells.splice(cells.indexOf(least), 1);
  }
  return cut(line(), options.width, options.unicode ? "…" : "..");
}

function statuslineCells({ place, session, paint, unicode }: StatuslineOptions): StatuslineCell[] {
  const known = typeof place === "string" ? null : place;
  const { branch, slug, url } = known ?? { branch: null, slug: "", url: null };
  return [
    { rank: 0, text: known ? environmentLabel(known, { paint, unicode, withAgent: false }) : paint.bold(word(place) ?? "") },
    { rank: 6, text: branch !== null && branch !== slug ? branch : "" },
    { rank: 2, text: paint.dim(session.model ?? "") },
    { rank: 1, text: percentCell("", session.contextPercent, paint) },
    { rank: 4, text: percentCell("5h ", session.limitPercent, paint) },
    { rank: 5, text: session.costUsd === null ? "" : paint.dim(`$${session.costUsd.toFixed(2)}`) },
    { rank: 3, text: url === null ? "" : paint.accent(url.replace(/^https?:\/\//, "")) },
  ];
}

function percentCell(label: string, percent: number | null, paint: Paint): string {
  if (percent === null) return "";
  const text = `${label}${Math.round(Math.min(999, Math.max(0, percent)))}%`;
  return percent >= 90 ? paint.bad(text) : percent >= 75 ? paint.warning(text) : text;
}
