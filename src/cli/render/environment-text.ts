import type { EnvironmentView, ServiceView } from "../../api/environment.ts";
import type { Paint } from "../paint.ts";
import { age, bytes } from "./age.ts";
import { gitText } from "./list-text.ts";
import { resourceState, statusResourceLines } from "./resource-text.ts";
import { statePaint } from "./state-paint.ts";
import { type Cell, tableLines } from "./table.ts";

export interface EnvironmentTextOptions {
  paint: Paint;
  nowMs: number;
  width: number | null;
  ellipsis: string;
}

/** `wt status`: what it is, where it answers, how its services are. */
export function statusLines(environment: EnvironmentView, options: EnvironmentTextOptions): string[] {
  const { paint } = options;
  const lines = [
    `${paint.bold(environment.slug)}  ${statePaint(environment.status, paint)(environment.status)}`,
    ...incompleteLines(environment),
    ...copyingLines(environment, options),
    ...facts(environment, options),
  ];
  const urls = urlLines(environment, options);
  if (urls.length > 0) lines.push("", ...urls);
  if (environment.services.length > 0) lines.push("", ...serviceLines(environment.services, options));
  if (environment.resources.length > 0) lines.push("", ...statusResourceLines(environment.resources, options));
  const reasons = environment.services.filter(({ reason }) => reason).map((service) => `${paint.bold(service.name)}: ${service.reason}`);
  if (reasons.length > 0) lines.push("", ...reasons);
  const logs = environment.services.flatMap((service): Cell[][] =>
    service.logPath ? [[{ text: service.name }, { text: service.logPath, paint: paint.dim }]] : [],
  );
  if (logs.length > 0) lines.push("", ...tableLines(["LOG", ""], logs, tableOptions({ ...options, width: null })));
  return lines;
}

/** `wt here`: the answer to "where am I" in a few lines. */
export function hereLines(environment: EnvironmentView, options: EnvironmentTextOptions): string[] {
  const { paint } = options;
  const services = environment.services.map(({ name, state }) => `${name} ${statePaint(state, paint)(state)}`).join(", ");
  const resources = environment.resources.map(({ name, state }) => `${name} ${statePaint(state, paint)(resourceState(state))}`).join(", ");
  return [
    `${paint.bold(environment.slug)}  ${statePaint(environment.status, paint)(environment.status)}`,
    ...incompleteLines(environment),
    ...copyingLines(environment, options),
    ...facts(environment, options),
    ...(environment.url ? [`url       ${paint.accent(environment.url)}`] : []),
    ...(services ? [`services  ${services}`] : []),
    ...(resources ? [`resources ${resources}`] : []),
  ];
}

/** One line a route: the environment's own URL with each prefix, then each service's. Aligned, so that they can be read down. */
export function urlLines(environment: EnvironmentView, options: EnvironmentTextOptions): string[] {
  const { paint } = options;
  const rows: Cell[][] = [];
  for (const service of environment.services) {
    for (const route of service.routes ?? []) {
      if (!environment.url) continue;
      const url = environment.url.replace(/\/$/, "") + (route === "/" ? "/" : route);
      rows.push([
        { text: url, paint: paint.accent },
        { text: service.name, paint: paint.dim },
      ]);
    }
  }
  if (rows.length === 0 && environment.url) rows.push([{ text: environment.url, paint: paint.accent }]);
  for (const service of environment.services) {
    if (service.url && service.url !== environment.url)
      rows.push([
        { text: service.url, paint: paint.accent },
        { text: service.name, paint: paint.dim },
      ]);
  }
  if (rows.length === 0) return [];
  return tableLines(["URL", "SERVICE"], rows, tableOptions({ ...options, width: null }));
}

function incompleteLines({ incomplete, branch, slug }: EnvironmentView): string[] {
  if (!incomplete) return [];
  return [
    `stopped   ${incomplete.reason}`,
    ...(incomplete.logPath === null ? [] : [`output    ${incomplete.logPath}`]),
    `carry on  wt create ${branch ?? slug} --resume`,
  ];
}

function copyingLines({ copying }: EnvironmentView, { nowMs }: EnvironmentTextOptions): string[] {
  return (copying ?? []).map(({ directory, since }) => `copying   ${directory}, for ${age(since, nowMs)}`);
}

function facts(environment: EnvironmentView, options: EnvironmentTextOptions): string[] {
  const { paint, nowMs } = options;
  const git = environment.git ? gitText(environment.git) || "clean" : "unknown";
  return [
    `project   ${environment.project}${environment.main ? " (main checkout)" : ""}`,
    `branch    ${environment.branch ?? "detached HEAD"}  ${paint.dim(git)}`,
    `path      ${environment.path}`,
    `created   ${age(environment.createdAt, nowMs)} ago, slot ${environment.slot}`,
  ];
}

function serviceLines(services: readonly ServiceView[], options: EnvironmentTextOptions): string[] {
  const { paint, nowMs } = options;
  const rows = services.map((service): Cell[] => [
    { text: service.name, paint: paint.bold },
    { text: service.state, paint: statePaint(service.state, paint) },
    { text: service.port === null ? "-" : String(service.port) },
    { text: service.pid === null ? "-" : String(service.pid) },
    { text: String(service.restarts), ...(service.restarts > 0 ? { paint: paint.warning } : {}) },
    { text: service.memoryBytes == null ? "-" : bytes(service.memoryBytes) },
    { text: service.startedAt ? age(service.startedAt, nowMs) : "-" },
  ]);
  return tableLines(["SERVICE", "STATE", "PORT", "PID", "RESTARTS", "MEMORY", "UPTIME"], rows, tableOptions(options));
}

function tableOptions(options: EnvironmentTextOptions) {
  return { paintHeader: options.paint.dim, maxWidth: options.width, ellipsis: options.ellipsis, shrink: 0 };
}
