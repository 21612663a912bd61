// What is known about the screen, and the only place that writes to it. `process.stdout` and `node:tty` take ten milliseconds to load,
// so they are touched only where there is a terminal.
import { createPaint, type Paint } from "./paint.ts";

export interface Terminal {
  out(text: string): Promise<void>;
  err(text: string): Promise<void>;
  stdinIsTty: boolean;
  stdoutIsTty: boolean;
  stderrIsTty: boolean;
  /** Of the terminal at this moment; 80 × 24 where there is none. */
  size(): { columns: number; rows: number };
  /** For stdout. */
  paint: Paint;
  /** For stderr. */
  errPaint: Paint;
  /** Whether symbols beyond ASCII may be printed. */
  unicode: boolean;
}

export type Environment = Record<string, string | undefined>;

export async function openTerminal(env: Environment, colour: "auto" | "always" | "never"): Promise<Terminal> {
  const [stdinIsTty, stdoutIsTty, stderrIsTty] = await Promise.all([isTty(0), isTty(1), isTty(2)]);
  return {
    out: (text) => write(Bun.stdout, text),
    err: (text) => write(Bun.stderr, text),
    stdinIsTty,
    stdoutIsTty,
    stderrIsTty,
    size: sizeReader(env, stdoutIsTty, stderrIsTty),
    paint: createPaint(wantsColour(env, colour, stdoutIsTty)),
    errPaint: createPaint(wantsColour(env, colour, stderrIsTty)),
    unicode: supportsUnicode(env),
  };
}

/** Order of precedence: the option, NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE, TERM=dumb, then whether a person looks at it. */
export function wantsColour(env: Environment, option: "auto" | "always" | "never", isTerminal: boolean): boolean {
  if (option !== "auto") return option === "always";
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== "0" && env.FORCE_COLOR !== "false";
  if (env.CLICOLOR_FORCE && env.CLICOLOR_FORCE !== "0") return true;
  if (env.TERM === "dumb") return false;
  return isTerminal;
}

export function supportsUnicode(env: Environment): boolean {
  if (env.TERM === "dumb" || env.TERM === "linux") return false;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG;
  // Without any locale, as in containers, today's terminals still take UTF-8; a locale that names another charset means it.
  return !locale || /utf-?8/i.test(locale) || !locale.includes(".");
}

async function write(target: Bun.BunFile, text: string): Promise<void> {
  if (text !== "") await Bun.write(target, text);
}

async function isTty(descriptor: 0 | 1 | 2): Promise<boolean> {
  try {
    const stat = await Bun.file(descriptor).stat();
    if (!stat.isCharacterDevice()) return false;
    if (stat.rdev === (await Bun.file("/dev/null").stat()).rdev) return false;
  } catch {
    return false; // A closed descriptor.
  }
  const { isatty } = await import("node:tty");
  return isatty(descriptor);
}

/** Of the first of stdout and stderr that is a terminal. */
function sizeReader(env: Environment, stdoutIsTty: boolean, stderrIsTty: boolean): () => { columns: number; rows: number } {
  let stream: NodeJS.WriteStream | undefined;
  return () => {
    if (!stream && (stdoutIsTty || stderrIsTty)) {
      stream = stdoutIsTty ? process.stdout : process.stderr;
      // The size follows a resize only while somebody listens for it.
      stream.on("resize", () => undefined);
    }
    return { columns: Math.max(20, stream?.columns || Number(env.COLUMNS) || 80), rows: stream?.rows || Number(env.LINES) || 24 };
  };
}
