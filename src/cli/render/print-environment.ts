import type { EnvironmentView } from "../../api/environment.ts";
import type { Context } from "../command.ts";
import { symbolsFor } from "../symbols.ts";
import { type EnvironmentTextOptions, urlLines } from "./environment-text.ts";
import { statePaint } from "./state-paint.ts";

/** How `create`, `up` and `restart` end: the state, the path, the URLs. */
export async function printEnvironment(context: Context, environment: EnvironmentView): Promise<void> {
  const options = environmentTextOptions(context);
  const state = statePaint(environment.status, options.paint)(environment.status);
  const lines = [`${options.paint.bold(environment.slug)}  ${state}  ${environment.path}`, ...urlLines(environment, options)];
  await context.terminal.out(`${lines.join("\n")}\n`);
}

export function environmentTextOptions({ terminal }: Pick<Context, "terminal">): EnvironmentTextOptions {
  return {
    paint: terminal.paint,
    nowMs: Date.now(),
    width: terminal.stdoutIsTty ? terminal.size().columns : null,
    ellipsis: symbolsFor(terminal.unicode).ellipsis,
  };
}
