import { constants } from "node:os";
import { WtError } from "../errors/wt-error.ts";

export interface ForegroundOptions {
  cwd: string;
  env: Record<string, string>;
  /** Whether Ctrl-C comes from a terminal, which sends it to the whole foreground group: then the program has it already. */
  onTerminal: boolean;
  /** Descriptor to read from instead of our own standard input. */
  stdin?: number;
  /** A signal ended the program itself. */
  onSignalled?(): void;
}

const fromTerminal = ["SIGINT", "SIGQUIT"] as const;
const alone = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCONT"] as const;

/** Runs a program in our place: same terminal, same signals; resolves with its exit code, 128 + n when a signal ended it. */
export async function runForeground(command: string[], options: ForegroundOptions): Promise<number> {
  let child: Bun.Subprocess | undefined;
  const passOn = (name: NodeJS.Signals) => {
    child?.kill(name);
  };
  const ignore = () => undefined;
  const handlers = [
    ...alone.map((name) => [name, () => passOn(name)] as const),
    ...fromTerminal.map((name) => [name, options.onTerminal ? ignore : () => passOn(name)] as const),
  ];
  // Before the program starts: a signal that came in between would end us and leave it behind.
  for (const [name, handler] of handlers) process.on(name, handler);
  try {
    child = spawnInPlace(command, options);
    await child.exited;
    if (!child.signalCode) return child.exitCode ?? 1;
    options.onSignalled?.();
    return 128 + (constants.signals[child.signalCode as NodeJS.Signals] ?? 0);
  } finally {
    for (const [name, handler] of handlers) process.off(name, handler);
  }
}

function spawnInPlace(command: string[], options: ForegroundOptions): Bun.Subprocess {
  try {
    return Bun.spawn(command, { cwd: options.cwd, env: options.env, stdio: [options.stdin ?? "inherit", "inherit", "inherit"] });
  } catch (cause) {
    throw new WtError({
      kind: "machine",
      code: "program_not_started",
      message: `${command[0] ?? ""} could not be started: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hints: ["A script needs a first line such as #!/bin/sh and must be executable."],
      cause,
    });
  }
}
