// This process as the agent: same terminal, same signals, same exit code; the daemon is told how it ended.
import { closeSync, openSync } from "node:fs";
import { WtError } from "../../errors/wt-error.ts";
import type { Context } from "../command.ts";
import { runForeground } from "../run-foreground.ts";
import type { Environment } from "../terminal.ts";

export async function becomeAgent(context: Context, id: string, { stdinRead = false }: { stdinRead?: boolean } = {}): Promise<number> {
  let terminal: number | null = null;
  let code: number | null = null;
  try {
    terminal = stdinRead ? openTerminalInput() : null;
    const { argv, directory, env } = await context.client.call("/v1/agents/begin", { id, pid: process.pid });
    code = await runForeground(argv, {
      cwd: directory,
      env: withTerminalOf(env, context.env),
      onTerminal: terminal !== null || context.terminal.stdinIsTty || context.terminal.stderrIsTty,
      ...(terminal === null ? {} : { stdin: terminal }),
    });
    return code;
  } finally {
    if (terminal !== null) closeSync(terminal);
    // Whoever asks later sees from the process itself that it has ended.
    await context.client.call("/v1/agents/end", { id, code }).catch(() => undefined);
  }
}

/** The prompt came over standard input, but the agent is to talk to the person at the terminal. */
function openTerminalInput(): number {
  try {
    return openSync("/dev/tty", "r");
  } catch (cause) {
    throw new WtError({
      kind: "usage",
      code: "no_terminal",
      message: "There is no terminal for the agent, as the prompt took standard input.",
      hints: ["Run it without one: --detach", "Or give it a window: --tmux"],
      cause,
    });
  }
}

const ofTerminal = [
  ...["TERM", "TERMINFO", "COLORTERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "COLUMNS", "LINES"],
  ...["TMUX", "TMUX_PANE", "ZELLIJ", "ZELLIJ_PANE_ID", "ZELLIJ_SESSION_NAME"],
];

/** A window has a terminal of its own, which is not that of the shell that asked for it. */
export function withTerminalOf(env: Readonly<Record<string, string>>, here: Environment): Record<string, string> {
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !ofTerminal.includes(name)));
  const own = ofTerminal.flatMap((name) => (here[name] === undefined ? [] : [[name, here[name]] as const]));
  return { ...kept, ...Object.fromEntries(own) };
}
