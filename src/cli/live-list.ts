// `wt list` as text and `wt list --watch`: the table at once, then again whenever something in it changes.
import type { EnvironmentView, ListEvent } from "../api/environment.ts";
import type { Context } from "./command.ts";
import { catchInterrupt } from "./interrupt.ts";
import { createLiveRegion } from "./live-region.ts";
import { listJson } from "./render/list-json.ts";
import { gitKey, listLines } from "./render/list-text.ts";
import { symbolsFor } from "./symbols.ts";

export interface LiveListOptions {
  all: boolean;
  /** Until Ctrl-C, not only until git has answered. */
  follow: boolean;
}

export interface ListState {
  environments: EnvironmentView[];
  /** Environments that git has not answered for yet. */
  pending: Set<string>;
  settled: boolean;
}

/** Facts of git survive a new list, which comes without them. */
export function reduceList(state: ListState, event: ListEvent): ListState {
  switch (event.type) {
    case "list": {
      const known = new Map(state.environments.map((environment) => [gitKey(environment), environment.git]));
      const environments = event.environments.map((environment) => ({
        ...environment,
        git: environment.git ?? known.get(gitKey(environment)) ?? null,
      }));
      const unasked = environments.filter((environment) => environment.git === null && !known.has(gitKey(environment)));
      const stillPending = environments.filter((environment) => environment.git === null && state.pending.has(gitKey(environment)));
      return { ...state, environments, pending: new Set([...unasked, ...stillPending].map(gitKey)) };
    }
    case "git": {
      const key = gitKey(event);
      const pending = new Set(state.pending);
      pending.delete(key);
      return {
        ...state,
        environments: state.environments.map((environment) =>
          gitKey(environment) === key ? { ...environment, git: event.git } : environment,
        ),
        pending,
      };
    }
    case "settled":
      return { ...state, settled: true, pending: new Set() };
  }
}

export async function showLiveList(context: Context, options: LiveListOptions): Promise<number> {
  using interruption = catchInterrupt();
  const request = { cwd: context.cwd, all: options.all, git: "wait", follow: options.follow } as const;
  const events = context.client.stream("/v1/environments/watch", request, interruption.signal);
  const screen = chooseScreen(context, options);
  let state: ListState = { environments: [], pending: new Set(), settled: false };
  for await (const event of events) {
    state = reduceList(state, event);
    await screen.show(state);
  }
  await screen.end(state);
  return interruption.signal.aborted ? 130 : 0;
}

interface Screen {
  show(state: ListState): Promise<void>;
  end(state: ListState): Promise<void>;
}

function chooseScreen(context: Context, options: LiveListOptions): Screen {
  if (context.json) return appendingScreen(context, ({ environments }) => listJson(environments));
  const lines = (state: ListState) => tableOf(context, options, state);
  if (context.terminal.stdoutIsTty) return movingScreen(context, options, lines);
  return !options.follow ? growingScreen(context, lines) : appendingScreen(context, (state) => `${lines(state).join("\n")}\n`);
}

/** A pipe: the header at once, each line as soon as it and all before it are known. */
function growingScreen({ terminal }: Context, render: (state: ListState) => string[]): Screen {
  let printed = 0;
  // A long table takes a while to lay out, and what is printed stays.
  let whole = false;
  const print = async (lines: string[]) => {
    if (lines.length <= printed) return;
    const text = `${lines.slice(printed).join("\n")}\n`;
    printed = lines.length;
    await terminal.out(text);
  };
  const printAll = async (state: ListState) => {
    if (!whole) await print(render(state));
    whole = true;
  };
  return {
    async show(state) {
      const known = state.environments.findIndex((environment) => state.pending.has(gitKey(environment)));
      if (known < 0) await printAll(state);
      else await print(render(state).slice(0, 1 + known));
    },
    end: printAll,
  };
}

/** Not a terminal, and following: a whole document for each change once the first facts are complete, never twice the same. */
function appendingScreen({ terminal }: Context, render: (state: ListState) => string): Screen {
  let last = "";
  return {
    async show(state) {
      if (!state.settled || state.pending.size > 0) return;
      const text = render(state);
      if (text === last) return;
      last = text;
      await terminal.out(text);
    },
    end: async () => undefined,
  };
}

function movingScreen({ terminal }: Context, options: LiveListOptions, render: (state: ListState) => string[]): Screen {
  const region = createLiveRegion(terminal.out);
  const fits = (lines: string[]) => lines.length < terminal.size().rows;
  return {
    async show(state) {
      const lines = render(state);
      // What has scrolled away cannot be drawn again: a table higher than the screen is cut while it moves and printed whole at the end.
      await region.draw(fits(lines) ? lines : lines.slice(0, terminal.size().rows - 1));
    },
    async end(state) {
      const lines = render(state);
      if (fits(lines) || options.follow) return;
      await region.clear();
      await region.keep(lines);
    },
  };
}

function tableOf({ terminal, cwd }: Context, options: LiveListOptions, state: ListState): string[] {
  return listLines(state.environments, {
    paint: terminal.paint,
    nowMs: Date.now(),
    cwd,
    all: options.all,
    width: terminal.stdoutIsTty ? terminal.size().columns : null,
    pending: state.pending,
    ellipsis: symbolsFor(terminal.unicode).ellipsis,
  });
}
