import type { EnvironmentView, GitView } from "../../api/environment.ts";
import type { Paint } from "../paint.ts";
import { age } from "./age.ts";
import { agentCell } from "./agent-text.ts";
import { resourceCell } from "./resource-text.ts";
import { statePaint } from "./state-paint.ts";
import { type Cell, tableLines } from "./table.ts";

export interface ListTextOptions {
  paint: Paint;
  nowMs: number;
  /** Marks the environment this directory is in. */
  cwd: string;
  /** Adds the PROJECT column. */
  all: boolean;
  /** Of the terminal; null in a pipe, where nothing is cut. */
  width: number | null;
  /** Environments whose git facts have not come yet, as `gitKey`. */
  pending: ReadonlySet<string>;
  ellipsis: string;
}

/** Room for `+12 -3 ~4 ?1`, kept from the start so that columns stand still while git answers. */
const gitWidth = 8;

/** The header and one line an environment. */
export function listLines(environments: readonly EnvironmentView[], options: ListTextOptions): string[] {
  const { paint } = options;
  const services = serviceNames(environments);
  const current = currentEnvironment(environments, options.cwd);
  const resources = resourceTitle(environments);
  const columns = [...services.map((name) => name.toUpperCase()), ...resources];
  const agents = environments.some((environment) => environment.agents?.some(({ live }) => live));
  const header = [...(options.all ? ["PROJECT"] : []), "NAME", "STATUS", ...columns, ...(agents ? ["AGENT"] : []), "GIT", "AGE"];
  const rows = environments.map((environment): Cell[] => [
    ...(options.all ? [{ text: environment.project, paint: paint.dim }] : []),
    nameCell(environment, environment === current, paint),
    statusCell(environment, paint),
    ...services.map((name) => serviceCell(environment, name, paint)),
    ...resources.map(() => resourceCell(environment.resources, paint)),
    ...(agents ? [agentCell(environment.agents, paint)] : []),
    gitCell(environment, options),
    { text: age(environment.createdAt, options.nowMs), paint: paint.dim },
  ]);
  return tableLines(header, rows, {
    paintHeader: paint.dim,
    maxWidth: options.width,
    ellipsis: options.ellipsis,
    shrink: options.all ? 1 : 0,
    minWidths: header.map((title) => (title === "GIT" ? gitWidth : 0)),
  });
}

/** The environment whose worktree `cwd` is in; with nested worktrees the innermost. */
export function currentEnvironment(environments: readonly EnvironmentView[], cwd: string): EnvironmentView | null {
  let best: EnvironmentView | null = null;
  for (const environment of environments) {
    const inside = cwd === environment.path || cwd.startsWith(`${environment.path}/`);
    if (inside && environment.path.length > (best?.path.length ?? -1)) best = environment;
  }
  return best;
}

export function gitKey(environment: { project: string; slug: string }): string {
  return `${environment.project}/${environment.slug}`;
}

/** Ahead, behind, changed, untracked: `+2 -1 ~3 ?1`; empty when there is nothing to say. */
export function gitText(git: GitView): string {
  const parts: [string, number][] = [
    ["+", git.ahead],
    ["-", git.behind],
    ["~", git.dirty],
    ["?", git.untracked],
  ];
  return parts
    .filter(([, count]) => count > 0)
    .map(([sign, count]) => `${sign}${count}`)
    .join(" ");
}

function serviceNames(environments: readonly EnvironmentView[]): string[] {
  return [...new Set(environments.flatMap(({ services }) => services.map(({ name }) => name)))];
}

/** No column where nobody has any; its name where all have the same one. */
function resourceTitle(environments: readonly EnvironmentView[]): string[] {
  const names = new Set(environments.flatMap(({ resources }) => resources.map(({ name }) => name)));
  const [only] = names;
  if (only === undefined) return [];
  return [names.size === 1 ? only.toUpperCase() : "RESOURCES"];
}

/** The marks come after the name, so that the first word of a line is always a name that commands take. */
function nameCell(environment: EnvironmentView, isCurrent: boolean, paint: Paint): Cell {
  const main = environment.main && environment.slug !== "main" ? " (main)" : "";
  return { text: `${environment.slug}${main}${isCurrent ? " *" : ""}`, paint: isCurrent ? paint.accent : paint.bold };
}

/** `Ready` where there is nothing that could run or not: "Stopped" and "Healthy" would say the same of it. */
function statusCell({ status, services, resources }: EnvironmentView, paint: Paint): Cell {
  const idle = services.length + resources.length === 0 && (status === "Healthy" || status === "Stopped");
  return idle ? { text: "Ready", paint: statePaint("Ready", paint) } : { text: status, paint: statePaint(status, paint) };
}

function serviceCell(environment: EnvironmentView, name: string, paint: Paint): Cell {
  const service = environment.services.find((candidate) => candidate.name === name);
  return service ? { text: service.state, paint: statePaint(service.state, paint) } : { text: "-", paint: paint.dim };
}

function gitCell(environment: EnvironmentView, options: ListTextOptions): Cell {
  if (options.pending.has(gitKey(environment))) return { text: options.ellipsis, paint: options.paint.dim };
  if (!environment.git) return { text: "unknown", paint: options.paint.dim };
  return {
    text: gitText(environment.git),
    paint: environment.git.dirty + environment.git.untracked > 0 ? options.paint.warning : options.paint.dim,
  };
}
