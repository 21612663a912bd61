// The one door to other programs that run to their end. Services are not started here (see runtime/).
import { statSync } from "node:fs";
import { WtError } from "../errors/wt-error.ts";
import { isInjected, withFaults } from "./fault-layer.ts";

export interface ExecOptions {
  cwd: string;
  /** The complete environment; nothing is inherited. */
  env: Record<string, string>;
  stdin?: string;
  abort?: AbortSignal;
  /** Sent when `abort` fires (default SIGKILL); a program that ignores it gets SIGKILL two seconds later. */
  killSignal?: "SIGTERM" | "SIGINT" | "SIGKILL";
  /** Told each line that it prints, of both streams, as it comes. */
  onLine?(line: string): void;
}

export interface ExecResult {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a program to its end and gives back everything it printed; a non-zero code is a result, not an error.
 * Throws `WtError` (`machine`, `program_missing`) when it is not on the PATH of `options.env`, and the signal's reason when aborted (the program is killed).
 */
export async function exec(command: readonly string[], options: ExecOptions): Promise<ExecResult> {
  options.abort?.throwIfAborted();
  try {
    return await withFaults(
      "exec",
      () => command.join(" "),
      () => run(command, options),
    );
  } catch (error) {
    if (!isInjected(error)) throw error;
    return { code: 128, stdout: "", stderr: `fatal: ${error.text}\n` };
  }
}

async function run(command: readonly string[], options: ExecOptions): Promise<ExecResult> {
  const program = command[0] ?? "";
  let child: Bun.Subprocess<"pipe" | "ignore", "pipe", "pipe">;
  try {
    child = Bun.spawn([...command], {
      cwd: options.cwd,
      env: options.env,
      stdin: options.stdin === undefined ? "ignore" : "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
  } catch (error) {
    throw cannotStart(program, options.cwd, error);
  }
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => {
    child.kill(options.killSignal ?? "SIGKILL");
    const timer = setTimeout(() => child.kill("SIGKILL"), 2_000);
    // Its exit counts, not the end of its output: a grandchild may hold the pipes for ever.
    child.exited.finally(() => {
      clearTimeout(timer);
      aborted.reject(options.abort?.reason);
    });
  };
  options.abort?.addEventListener("abort", onAbort, { once: true });
  try {
    const outcome = await Promise.race([collect(child, options), aborted.promise]);
    options.abort?.throwIfAborted();
    return outcome;
  } finally {
    options.abort?.removeEventListener("abort", onAbort);
  }
}

async function collect(child: Bun.Subprocess<"pipe" | "ignore", "pipe", "pipe">, { stdin, onLine }: ExecOptions): Promise<ExecResult> {
  const text = (stream: ReadableStream<Uint8Array>) => (onLine ? readLines(stream, onLine) : new Response(stream).text());
  const output = Promise.all([text(child.stdout), text(child.stderr), child.exited]);
  if (stdin !== undefined && child.stdin && typeof child.stdin !== "number") {
    try {
      child.stdin.write(stdin);
      await child.stdin.end();
    } catch {
      // EPIPE: the program did not want all of its input; its exit code says what that means.
    }
  }
  const [stdout, stderr, code] = await output;
  return { code, stdout, stderr };
}

async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<string> {
  const decoder = new TextDecoder();
  let whole = "";
  let unfinished = "";
  for await (const chunk of stream) {
    const text = decoder.decode(chunk, { stream: true });
    whole += text;
    const lines = (unfinished + text).split("\n");
    unfinished = lines.pop() ?? "";
    for (const line of lines) onLine(line.trimEnd());
  }
  if (unfinished !== "") onLine(unfinished);
  return whole;
}

function cannotStart(program: string, cwd: string, cause: unknown): WtError {
  if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) {
    return new WtError({ kind: "machine", code: "directory_missing", message: `The directory ${cwd} does not exist.`, cause });
  }
  return new WtError({
    kind: "machine",
    code: "program_missing",
    message: `The program ${program} was not found on the PATH.`,
    hints: [`Install ${program}, then try again.`],
    details: { program },
    cause,
  });
}
