import { constants } from "node:os";
import { WtError } from "../errors/wt-error.ts";

export interface ForegroundOptions {
  cwd: string;
  env: Record<string, string>;
}

/** A terminal sends these to the whole foreground group, so the child has them already; only what was sent to us alone is passed on. */
const fromTerminal = ["SIGINT", "SIGQUIT"] as const;
const passedOn = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCONT"] as const;

/** Runs a program in our place: same terminal, same signals; resolves with its exit code, 128 + n when a signal ended it. */
export async function runForeground(command: string[], options: ForegroundOptions): Promise<number> {
  let child: Bun.Subprocess;
  try {
    child = Bun.spawn(command, { cwd: options.cwd, env: options.env, stdio: ["inherit", "inherit", "inherit"] });
  } catch (cause) {
    throw new WtError({
      kind: "machine",
      code: "program_not_started",
      message: `${command[0] ?? ""} could not be started: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hints: ["A script needs a first line such as #!/bin/sh and must be executable."],
      cause,
    });
  }
  const terminal = await hasTerminal();
  const handlers = [
    ...passedOn.map((name) => [name, () => child.kill(name)] as const),
    ...fromTerminal.map((name) => [name, () => (terminal ? undefined : child.kill(name))] as const),
  ];
  for (const [name, handler] of handlers) process.on(name, handler);
  try {
    await child.exited;
    if (child.signalCode) return 128 + (constants.signals[child.signalCode as NodeJS.Signals] ?? 0);
    return child.exitCode ?? 1;
  } finally {
    for (const [name, handler] of handlers) process.off(name, handler);
  }
}

async function hasTerminal(): Promise<boolean> {
  const { isatty } = await import("node:tty");
  return isatty(0) || isatty(2);
}
