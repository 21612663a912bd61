import type { CheckpointList, ListedResource, ResourceView } from "../../api/resources.ts";
import type { Paint } from "../paint.ts";
import { age, bytes } from "./age.ts";
import { statePaint } from "./state-paint.ts";
import { type Cell, tableLines } from "./table.ts";

export interface ResourceTextOptions {
  paint: Paint;
  width: number | null;
  ellipsis: string;
}

/** As people read it: what everybody shares must not be overlooked. */
export function resourceState(state: ResourceView["state"]): string {
  return state === "Shared" ? "SHARED" : state;
}

const nothing = "No environment has resources; they stand under resources: in wt.yaml.";

/** `wt db list`. */
export function resourceLines(resources: readonly ListedResource[], options: ResourceTextOptions & { all: boolean }): string[] {
  const { paint, all } = options;
  if (resources.length === 0) return [nothing];
  const rows = resources.map((one): Cell[] => [
    ...(all ? [{ text: one.project, paint: paint.dim }] : []),
    { text: one.environment, paint: paint.bold },
    { text: one.name },
    { text: one.type, paint: paint.dim },
    stateCell(one, paint),
    one.url ? { text: one.url, paint: paint.accent } : { text: "-", paint: paint.dim },
  ]);
  const header = [...(all ? ["PROJECT"] : []), "ENVIRONMENT", "RESOURCE", "TYPE", "STATE", "URL"];
  const reasons = resources.filter(needsReason).map((one) => `${paint.bold(`${one.environment} ${one.name}`)}: ${one.detail}`);
  return [...tableLines(header, rows, tableOptions(options, header.length - 1)), ...(reasons.length > 0 ? ["", ...reasons] : [])];
}

/** `wt db usage`, with the sum of what would come back if all of it went. */
export function usageLines(resources: readonly ListedResource[], options: ResourceTextOptions & { all: boolean }): string[] {
  const { paint, all } = options;
  if (resources.length === 0) return [nothing];
  const size = (count: number | null | undefined) => (count === null || count === undefined ? "?" : bytes(count));
  const place = (project: string, environment: string): Cell[] => [
    ...(all ? [{ text: project, paint: paint.dim }] : []),
    { text: environment, paint: paint.bold },
  ];
  const rows = resources.map((one): Cell[] => [
    ...place(one.project, one.environment),
    { text: one.name },
    { text: size(one.usage?.exclusiveBytes) },
    { text: size(one.usage?.sharedBytes) },
    { text: one.usage?.how ?? "-", paint: paint.dim },
  ]);
  const known = resources.flatMap((one) => one.usage?.exclusiveBytes ?? []);
  const total = bytes(known.reduce((sum, count) => sum + count, 0));
  const header = [...(all ? ["PROJECT"] : []), "ENVIRONMENT", "RESOURCE", "EXCLUSIVE", "SHARED", "MEASURED"];
  const sum = known.length < resources.length ? `at least ${total}` : total;
  return [...tableLines(header, rows, tableOptions(options, header.length - 1)), "", `${sum} would come back without them.`];
}

/** The part of `wt status`. */
export function statusResourceLines(resources: readonly ResourceView[], options: ResourceTextOptions & { nowMs: number }): string[] {
  const { paint } = options;
  const usage = ({ usage }: ResourceView) => {
    if (!usage || usage.exclusiveBytes === null) return "-";
    return usage.sharedBytes ? `${bytes(usage.exclusiveBytes)} + ${bytes(usage.sharedBytes)} shared` : bytes(usage.exclusiveBytes);
  };
  const rows = resources.map((one): Cell[] => [
    { text: one.name, paint: paint.bold },
    { text: one.type },
    stateCell(one, paint),
    { text: usage(one) },
    one.url ? { text: one.url, paint: paint.accent } : { text: "-", paint: paint.dim },
  ]);
  const reasons = resources.filter(needsReason).map((one) => `${paint.bold(one.name)}: ${one.detail}`);
  const drifts = resources.flatMap((one) => driftLines(one, options));
  return [
    ...tableLines(["RESOURCE", "TYPE", "STATE", "DISK", "URL"], rows, tableOptions({ ...options, width: null }, 4)),
    ...reasons,
    ...drifts,
  ];
}

/** Nothing for what is as it should be. */
function driftLines({ name, drift }: ResourceView, { paint, nowMs }: ResourceTextOptions & { nowMs: number }): string[] {
  if (!drift) return [];
  const seen = drift.asOf === null ? "" : paint.dim(`, as of ${age(drift.asOf, nowMs)} ago`);
  return [
    ...(drift.changes ? [`${paint.bold(name)}: schema differs from main: ${drift.changes}${seen} ${paint.accent("(wt db diff)")}`] : []),
    ...(drift.inputsChanged ? [`${paint.bold(name)}: files it was made from changed since; migrations may be pending`] : []),
  ];
}

/** The column of `wt list`: the one state when all have it; else those that are not simply ready. */
export function resourceCell(resources: readonly ResourceView[], paint: Paint): Cell {
  if (resources.length === 0) return { text: "-", paint: paint.dim };
  const states = new Set(resources.map(({ state }) => state));
  const worst = resources.map(({ state }) => state).sort((a, b) => loudness.indexOf(a) - loudness.indexOf(b))[0] ?? "Ready";
  const shown = resources.filter(({ state }) => state !== "Ready").map(({ name, state }) => `${name} ${resourceState(state)}`);
  return { text: states.size === 1 ? resourceState(worst) : shown.join(", "), paint: statePaint(worst, paint) };
}

const loudness: readonly ResourceView["state"][] = ["Broken", "Foreign", "Shared", "Absent", "Unknown", "Asleep", "Ready"];

/** `wt db checkpoints`. */
export function checkpointLines({ environment, checkpoints }: CheckpointList, options: ResourceTextOptions & { nowMs: number }): string[] {
  const { paint } = options;
  if (checkpoints.length === 0) return [`${environment} has no checkpoints; make one: wt db checkpoint`];
  const rows = checkpoints.map((one): Cell[] => [
    { text: one.id, paint: paint.bold },
    { text: age(one.createdAt, options.nowMs), paint: paint.dim },
    { text: one.resources.join(", ") },
  ]);
  return tableLines(["CHECKPOINT", "AGE", "RESOURCES"], rows, tableOptions(options, 2));
}

function stateCell({ state }: ResourceView, paint: Paint): Cell {
  return { text: resourceState(state), paint: statePaint(state, paint) };
}

function needsReason({ state, detail }: ResourceView): boolean {
  return Boolean(detail) && state !== "Ready" && state !== "Asleep";
}

function tableOptions(options: ResourceTextOptions, shrink: number) {
  return { paintHeader: options.paint.dim, maxWidth: options.width, ellipsis: options.ellipsis, shrink };
}
