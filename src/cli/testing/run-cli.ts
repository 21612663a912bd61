import { resolve } from "node:path";

const entry = resolve(import.meta.dir, "../../main.ts");

export interface CliResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunningCli {
  child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  /** Resolves as soon as what was printed on stdout so far fits. */
  printed(pattern: RegExp): Promise<void>;
  result: Promise<CliResult>;
}

/** The real program as its own process, without a terminal. */
export function startCli(args: readonly string[], options: { env: Record<string, string>; cwd?: string }): RunningCli {
  const child = Bun.spawn([process.execPath, "--no-env-file", entry, ...args], {
    cwd: options.cwd ?? "/",
    env: options.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let soFar = "";
  let waiting: { pattern: RegExp; resolve: () => void }[] = [];
  const look = () => {
    for (const { pattern, resolve } of waiting) if (pattern.test(soFar)) resolve();
    waiting = waiting.filter(({ pattern }) => !pattern.test(soFar));
  };
  const collect = async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      soFar += decoder.decode(chunk, { stream: true });
      look();
    }
    return soFar;
  };
  const result = Promise.all([child.exited, collect(), new Response(child.stderr).text()]).then(([code, stdout, stderr]) => ({
    code,
    stdout,
    stderr,
  }));
  return {
    child,
    result,
    printed(pattern) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ pattern, resolve });
      look();
      return promise;
    },
  };
}

/** The same on a terminal of its own: `answer` is typed once something is asked. Resolves with everything the terminal showed, uncoloured. */
export async function runCliOnTerminal(
  args: readonly string[],
  options: { env: Record<string, string>; cwd?: string; answer?: string },
): Promise<{ code: number; shown: string }> {
  const decoder = new TextDecoder();
  let shown = "";
  let answered = options.answer === undefined;
  const child = Bun.spawn([process.execPath, "--no-env-file", entry, ...args], {
    cwd: options.cwd ?? "/",
    env: { ...options.env, TERM: "xterm" },
    terminal: {
      cols: 200,
      rows: 50,
      data(terminal, data) {
        shown += decoder.decode(data, { stream: true });
        if (answered || !shown.includes("[y/N] ")) return;
        answered = true;
        terminal.write(`${options.answer}\n`);
      },
    },
  });
  const code = await child.exited;
  child.terminal?.close();
  return { code, shown: Bun.stripANSI(shown).replaceAll("\r\n", "\n") };
}

export function runCli(args: readonly string[], options: { env: Record<string, string>; cwd?: string }): Promise<CliResult> {
  return startCli(args, options).result;
}
