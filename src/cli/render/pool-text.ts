import type { PooledWorktree, PoolList, PoolView } from "../../api/pool.ts";
import type { Context } from "../command.ts";
import type { Paint } from "../paint.ts";
import { age, bytes, counted, duration } from "./age.ts";
import { environmentTextOptions } from "./print-environment.ts";
import type { ResourceTextOptions } from "./resource-text.ts";
import { type Cell, tableLines } from "./table.ts";

export async function printPools(context: Context, list: PoolList): Promise<void> {
  const options = { ...environmentTextOptions(context), nowMs: Date.now() };
  const text = context.json ? JSON.stringify(list) : poolLines(list, options).join("\n");
  await context.terminal.out(`${text}\n`);
}

type Options = ResourceTextOptions & { nowMs: number };

/** `wt pool`: a paragraph for each project. */
export function poolLines({ pools }: PoolList, options: Options): string[] {
  if (pools.length === 0) return ["No project has a pool. Turn one on in its directory: wt pool set 2"];
  return pools.flatMap((pool, index) => [...(index === 0 ? [] : [""]), ...onePool(pool, options)]);
}

function onePool(pool: PoolView, options: Options): string[] {
  const { paint, nowMs } = options;
  const lines = [headline(pool, options)];
  if (pool.members.length > 0) {
    const header = ["NAME", "STATE", "BASE", "AGE", "TOOK", "OWN", "SHARED", "MEMORY"];
    const table = { paintHeader: paint.dim, maxWidth: options.width, ellipsis: options.ellipsis, shrink: 0 };
    const rows = pool.members.map((member) => memberRow(member, { paint, nowMs }));
    lines.push("", ...tableLines(header, rows, table));
  }
  const again = againLines(pool.members);
  if (again.length > 0) lines.push("", "Done again when one is claimed, since it names the worktree:", ...again);
  if (pool.problem) {
    const { message, hints, failures, retryAt } = pool.problem;
    const waits = Date.parse(retryAt) - nowMs;
    const retry = failures > 0 && waits > 0 ? [`Tried again in ${duration(waits)}, or now: wt pool refill`] : [];
    lines.push("", `${paint.bad("Nothing is prepared now:")} ${message}`, ...[...hints, ...retry].map((hint) => `  ${hint}`));
  }
  return lines;
}

function headline({ project, size, members, working }: PoolView, { nowMs }: Options): string {
  const ready = members.filter(({ state }) => state === "ready").length;
  const now = working ? `; ${working.what} one (${duration(Math.max(0, nowMs - Date.parse(working.since)))})` : "";
  if (size === 0 && members.length === 0) return `The pool of ${project} is off. Turn it on: wt pool set 2`;
  if (size === 0)
    return `The pool of ${project} is off, and ${counted(members.length, "worktree")} of it ${members.length === 1 ? "is" : "are"} left${now}.`;
  return `The pool of ${project}: ${ready} of ${size} ready${now}.`;
}

function memberRow(member: PooledWorktree, { paint, nowMs }: { paint: Paint; nowMs: number }): Cell[] {
  const size = (count: number | null) => (count === null ? "?" : bytes(count));
  const old = member.state === "ready" && member.current === false;
  const state = old ? "Old" : member.state.charAt(0).toUpperCase() + member.state.slice(1);
  return [
    { text: member.name, paint: paint.bold },
    { text: state, ...(member.state === "ready" && !old ? { paint: paint.good } : {}) },
    { text: member.commit.slice(0, 9) },
    { text: member.readyAt === null ? "-" : age(member.readyAt, nowMs), paint: paint.dim },
    { text: member.tookMs === null ? "-" : duration(member.tookMs), paint: paint.dim },
    { text: size(member.exclusiveBytes) },
    { text: size(member.sharedBytes) },
    { text: size(member.memoryBytes) },
  ];
}

/** They are all made alike, so the first that has some speaks for all. */
function againLines(members: readonly PooledWorktree[]): string[] {
  const member = members.find(({ again, againSteps }) => again.length > 0 || againSteps.length > 0);
  if (!member) return [];
  const files = member.again.map(({ path, because }) => `  ${path}${because === path ? "" : ` (${because})`}`);
  return [...files, ...member.againSteps.map((step) => `  setup: ${step}`)];
}
