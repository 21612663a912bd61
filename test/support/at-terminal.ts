// `wt` as a person runs it: on a terminal of its own, which can be typed at and read.
import { eventually, type HermeticWorld, testedProgram } from "./hermetic-world.ts";

export interface AtTerminal extends Disposable {
  child: Bun.Subprocess;
  terminal: Bun.Terminal;
  /** Everything shown so far. */
  shown(): string;
  type(keys: string): void;
  /** Waits until `wanted` is shown, behind what the last call of it has found; gives what it matched. */
  until(wanted: RegExp): Promise<string>;
}

export interface TerminalOptions {
  env?: Record<string, string>;
  cwd?: string;
  columns?: number;
  rows?: number;
}

export function atTerminal(world: HermeticWorld, args: string[], options: TerminalOptions = {}): AtTerminal {
  const decoder = new TextDecoder();
  let shown = "";
  let read = 0;
  const child = Bun.spawn([testedProgram(), ...args], {
    cwd: options.cwd ?? world.repository,
    env: { ...world.env, TERM: "xterm", ...options.env },
    terminal: {
      cols: options.columns ?? 200,
      rows: options.rows ?? 50,
      data: (_terminal, data) => {
        shown += decoder.decode(data, { stream: true });
      },
    },
  });
  const { terminal } = child;
  if (!terminal) throw new Error("There is no terminal.");
  return {
    child,
    terminal,
    shown: () => shown,
    type: (keys) => void terminal.write(keys),
    async until(wanted) {
      const match = await eventually(
        () => wanted.exec(shown.slice(read)),
        (found) => found !== null,
      );
      if (!match) throw new Error(`${wanted} was not shown; what was: ${JSON.stringify(shown.slice(read))}`);
      read += match.index + match[0].length;
      return match[0];
    },
    [Symbol.dispose]() {
      child.kill("SIGKILL");
      terminal.close();
    },
  };
}
