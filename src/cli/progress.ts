// What a long operation has done so far: a state that events change, and the lines that show it. No I/O.
import type { ServiceState, ServiceView } from "../api/environment.ts";
import type { ProgressEvent } from "../client/daemon-client.ts";
import type { Paint } from "./paint.ts";
import { duration } from "./render/age.ts";
import { statePaint } from "./render/state-paint.ts";
import { cut } from "./render/table.ts";
import type { Symbols } from "./symbols.ts";

export interface ProgressStep {
  step: string;
  label: string;
  startedAtMs: number;
  /** The last lines of its output. */
  output: string[];
}

/** A service as it was last heard of, and since when it is on its way. */
export interface ProgressService {
  name: string;
  state: ServiceState;
  sinceMs: number;
}

export interface ProgressState {
  /** Begun and not done, in the order begun. */
  active: readonly ProgressStep[];
  /** All that were heard of, in that order. */
  services: readonly ProgressService[];
}

export const noProgress: ProgressState = { active: [], services: [] };

const keptOutputLines = 40;
const shownOutputLines = 4;

export function reduceProgress(state: ProgressState, event: ProgressEvent, nowMs: number): ProgressState {
  switch (event.type) {
    case "step": {
      const others = state.active.filter(({ step }) => step !== event.step);
      return { ...state, active: [...others, { step: event.step, label: event.label, startedAtMs: nowMs, output: [] }] };
    }
    case "step_done":
      return { ...state, active: state.active.filter(({ step }) => step !== event.step) };
    case "output":
      return changeStep(state, event.step, (step) => ({
        ...step,
        output: [...step.output, plainLine(event.line)].slice(-keptOutputLines),
      }));
    case "service":
      return { ...state, services: withService(state.services, event.service, nowMs) };
    case "note":
      return state;
  }
}

export interface ProgressTextOptions {
  paint: Paint;
  symbols: Symbols;
  width: number;
}

/** The moving part: one line a running step, its latest output dimmed under it. */
export function activeLines(state: ProgressState, nowMs: number, options: ProgressTextOptions): string[] {
  const { paint, symbols } = options;
  const frame = paint.accent(symbols.spinner[Math.floor(nowMs / 80) % symbols.spinner.length] ?? "");
  const elapsed = (sinceMs: number) => (nowMs - sinceMs >= 1000 ? paint.dim(` ${duration(nowMs - sinceMs)}`) : "");
  const steps = state.active.flatMap((step) => [
    `${frame} ${step.label}${elapsed(step.startedAtMs)}`,
    ...step.output.slice(-shownOutputLines).map((line) => paint.dim(`  ${symbols.bar} ${line}`)),
  ]);
  const services = state.services
    .filter((service) => isOnItsWay(service.state))
    .map((service) => `${frame} ${service.name} ${statePaint(service.state, paint)(service.state)}${elapsed(service.sinceMs)}`);
  return [...steps, ...services].map((line) => cut(line, options.width, symbols.ellipsis));
}

/** What stays on the screen after an event; most events leave nothing. */
export function keptLines(state: ProgressState, event: ProgressEvent, options: ProgressTextOptions & { nowMs: number }): string[] {
  const { paint, symbols } = options;
  const line = (text: string) => [cut(text, options.width, symbols.ellipsis)];
  if (event.type === "note") return [`${paint.accent(symbols.arrow)} ${event.message}`];
  if (event.type === "service") {
    const known = arrival(state, event.service);
    if (!known) return [];
    const sign = isGood(event.service.state) ? paint.good(symbols.done) : paint.bad(symbols.failed);
    const took = duration(options.nowMs - known.sinceMs);
    return line(`${sign} ${event.service.name} ${statePaint(event.service.state, paint)(event.service.state)} ${paint.dim(took)}`);
  }
  if (event.type !== "step_done") return [];
  const label = state.active.find(({ step }) => step === event.step)?.label ?? event.step;
  const took = event.skipped ? "unchanged, skipped" : duration(event.ms);
  const sign = event.skipped ? paint.dim(symbols.skipped) : paint.good(symbols.done);
  return line(`${sign} ${label} ${paint.dim(took)}`);
}

/** Where a service that was on its way has got to the end of it: what was known of it before. */
function arrival(state: ProgressState, service: ServiceView): ProgressService | null {
  const known = state.services.find(({ name }) => name === service.name);
  return known && isOnItsWay(known.state) && !isOnItsWay(service.state) ? known : null;
}

function isGood(state: ServiceState): boolean {
  return state === "Running" || state === "Completed" || state === "Stopped";
}

/** After a failure: the steps it stopped in; with `output`, all of it that was kept, since that is where the reason stands. */
export function failedLines(state: ProgressState, options: ProgressTextOptions & { output: boolean }): string[] {
  const { paint, symbols } = options;
  return state.active.flatMap((step) => [
    `${paint.bad(symbols.failed)} ${step.label}`,
    ...(options.output ? step.output.map((line) => `  ${paint.dim(symbols.bar)} ${line}`) : []),
  ]);
}

/** For a pipe: each event as a line of its own, nothing for what has no news. */
export function plainLines(state: ProgressState, event: ProgressEvent): string[] {
  const label = (step: string) => state.active.find((candidate) => candidate.step === step)?.label ?? step;
  switch (event.type) {
    case "step":
      return [`${event.label} ...`];
    case "step_done":
      return [`${label(event.step)}: ${event.skipped ? "unchanged, skipped" : `done in ${duration(event.ms)}`}`];
    case "output":
      return [`  | ${plainLine(event.line)}`];
    case "note":
      return [event.message];
    case "service":
      return arrival(state, event.service) ? [`${event.service.name}: ${event.service.state}`] : [];
  }
}

/** Output of other programs may move the cursor; here only its text counts. A carriage return keeps what was written last. */
function plainLine(line: string): string {
  const text = Bun.stripANSI(line).replace(/\r+$/, "");
  return text
    .slice(text.lastIndexOf("\r") + 1)
    .replace(/\t/g, "  ")
    .replace(/\p{Cc}/gu, "");
}

function changeStep(state: ProgressState, name: string, change: (step: ProgressStep) => ProgressStep): ProgressState {
  return { ...state, active: state.active.map((step) => (step.step === name ? change(step) : step)) };
}

/** A service that goes from one state to the next on its way keeps the moment it set out. */
function withService(services: readonly ProgressService[], { name, state }: ServiceView, nowMs: number): ProgressService[] {
  const known = services.find((service) => service.name === name);
  const sinceMs = known && isOnItsWay(known.state) ? known.sinceMs : nowMs;
  const changed = { name, state, sinceMs };
  return known ? services.map((service) => (service === known ? changed : service)) : [...services, changed];
}

function isOnItsWay(state: ServiceState): boolean {
  return state === "Waiting" || state === "Starting" || state === "Restarting" || state === "Stopping";
}
