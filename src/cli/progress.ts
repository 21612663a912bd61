// What a long operation has done so far: a state that events change, and the lines that show it. No I/O.
import type { ServiceView } from "../api/environment.ts";
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
  service: ServiceView | null;
}

export interface ProgressState {
  /** Begun and not done, in the order begun. */
  active: readonly ProgressStep[];
}

export const noProgress: ProgressState = { active: [] };

const keptOutputLines = 40;
const shownOutputLines = 4;

export function reduceProgress(state: ProgressState, event: ProgressEvent, nowMs: number): ProgressState {
  switch (event.type) {
    case "step": {
      const others = state.active.filter(({ step }) => step !== event.step);
      return { active: [...others, { step: event.step, label: event.label, startedAtMs: nowMs, output: [], service: null }] };
    }
    case "step_done":
      return { active: state.active.filter(({ step }) => step !== event.step) };
    case "output":
      return changeStep(state, event.step, (step) => ({
        ...step,
        output: [...step.output, plainLine(event.line)].slice(-keptOutputLines),
      }));
    case "service":
      return changeStep(state, `service:${event.service.name}`, (step) => ({ ...step, service: event.service }));
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
  const frame = symbols.spinner[Math.floor(nowMs / 80) % symbols.spinner.length] ?? "";
  return state.active.flatMap((step) => {
    const elapsed = nowMs - step.startedAtMs >= 1000 ? ` ${duration(nowMs - step.startedAtMs)}` : "";
    const head = `${paint.accent(frame)} ${step.label}${serviceNote(step, paint)}${paint.dim(elapsed)}`;
    const output = step.output.slice(-shownOutputLines).map((line) => paint.dim(`  ${symbols.bar} ${line}`));
    return [head, ...output].map((line) => cut(line, options.width, symbols.ellipsis));
  });
}

/** What stays on the screen after an event; most events leave nothing. */
export function keptLines(state: ProgressState, event: ProgressEvent, options: ProgressTextOptions): string[] {
  const { paint, symbols } = options;
  if (event.type === "note") return [`${paint.accent(symbols.arrow)} ${event.message}`];
  if (event.type !== "step_done") return [];
  const label = state.active.find(({ step }) => step === event.step)?.label ?? event.step;
  const took = event.skipped ? "unchanged, skipped" : duration(event.ms);
  const sign = event.skipped ? paint.dim(symbols.skipped) : paint.good(symbols.done);
  return [cut(`${sign} ${label} ${paint.dim(took)}`, options.width, symbols.ellipsis)];
}

/** After a failure: the steps it stopped in, with all the output that was kept, since that is where the reason stands. */
export function failedLines(state: ProgressState, options: ProgressTextOptions): string[] {
  const { paint, symbols } = options;
  return state.active.flatMap((step) => [
    `${paint.bad(symbols.failed)} ${step.label}`,
    ...step.output.map((line) => `  ${paint.dim(symbols.bar)} ${line}`),
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
      return [];
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
  return { active: state.active.map((step) => (step.step === name ? change(step) : step)) };
}

function serviceNote(step: ProgressStep, paint: Paint): string {
  if (!step.service) return "";
  return ` ${statePaint(step.service.state, paint)(step.service.state)}`;
}
