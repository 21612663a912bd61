// Shows the progress of an operation on stderr: moving lines on a terminal, plain ones in a pipe, nothing with `--json`.
import type { ProgressEvent } from "../client/daemon-client.ts";
import type { Context } from "./command.ts";
import { createLiveRegion, type LiveRegion } from "./live-region.ts";
import { activeLines, failedLines, keptLines, noProgress, type ProgressTextOptions, plainLines, reduceProgress } from "./progress.ts";
import { symbolsFor } from "./symbols.ts";

export interface ProgressView {
  onEvent(event: ProgressEvent): Promise<void>;
  /** A line of our own, such as "Interrupted, rolling back". */
  say(line: string): Promise<void>;
  /** Takes the moving lines away; with `failed`, leaves the unfinished steps and their output, which `failed_quoted` leaves to the error. */
  end(outcome: "done" | "failed" | "failed_quoted"): Promise<void>;
  /** Every line of output has been shown, so that no error needs to quote it. */
  readonly showsAllOutput: boolean;
}

const frameMs = 80;

export function createProgressView(context: Pick<Context, "terminal" | "json">): ProgressView {
  if (context.json) return silentView();
  return context.terminal.stderrIsTty ? movingView(context) : plainView(context);
}

function silentView(): ProgressView {
  const nothing = async () => undefined;
  return { onEvent: nothing, say: nothing, end: nothing, showsAllOutput: false };
}

function plainView({ terminal }: Pick<Context, "terminal">): ProgressView {
  let state = noProgress;
  const print = async (lines: string[]) => {
    if (lines.length > 0) await terminal.err(`${lines.join("\n")}\n`);
  };
  return {
    async onEvent(event) {
      const lines = plainLines(state, event);
      state = reduceProgress(state, event, Date.now());
      await print(lines);
    },
    say: (line) => print([line]),
    end: async () => undefined,
    showsAllOutput: true,
  };
}

function movingView({ terminal }: Pick<Context, "terminal">): ProgressView {
  const region: LiveRegion = createLiveRegion(terminal.err);
  let state = noProgress;
  let timer: Timer | undefined;
  const options = (): ProgressTextOptions => ({
    paint: terminal.errPaint,
    symbols: symbolsFor(terminal.unicode),
    width: terminal.size().columns - 1,
  });
  const draw = () => region.draw(activeLines(state, Date.now(), options()).slice(-(terminal.size().rows - 1)));
  return {
    async onEvent(event) {
      // A closed terminal is noticed by the next awaited write; a frame that cannot be drawn is no reason to fail.
      timer ??= setInterval(() => draw().catch(() => clearInterval(timer)), frameMs);
      const nowMs = Date.now();
      const kept = keptLines(state, event, { ...options(), nowMs });
      state = reduceProgress(state, event, nowMs);
      if (kept.length > 0) {
        await region.clear();
        await region.keep(kept);
      }
      // Output may come in thousands of lines; the next frame shows the last ones.
      if (event.type !== "output") await draw();
    },
    say: async (line) => await region.keep([line]),
    async end(outcome) {
      clearInterval(timer);
      await region.clear();
      if (outcome !== "done") await region.keep(failedLines(state, { ...options(), output: outcome === "failed" }));
    },
    showsAllOutput: false,
  };
}
