// `wt prompt`: run before every prompt of a shell, so it reads one file, waits for nobody, and never fails.
import { worldPaths } from "../../os/paths.ts";
import type { Shell } from "../completion/shells.ts";
import { overviewAt, readOverview } from "../overview.ts";
import { createPaint, type Paint } from "../paint.ts";
import { type Environment, supportsUnicode } from "../terminal.ts";
import { environmentLabel } from "./status-sign.ts";

export interface PromptOptions {
  /** Whose prompt it stands in: colours are marked as that shell wants them. Null: no colours. */
  shell: Shell | null;
  /** For Claude Code, with its JSON on standard input. */
  statusline: boolean;
  json: boolean;
}

export interface PromptPlace {
  env: Environment;
  cwd: string;
}

export async function printPrompt(options: PromptOptions, place: PromptPlace): Promise<void> {
  await Bun.write(Bun.stdout, options.statusline ? await statusline(place) : await promptText(options, place));
}

async function promptText({ shell, json }: PromptOptions, { env, cwd }: PromptPlace): Promise<string> {
  const overview = await readOverview(worldPaths(env));
  const found = overview && (await overviewAt(overview, cwd));
  if (json) {
    const { slug, branch, status, agent } = found?.environment ?? {};
    const environment = found ? { project: found.project.name, slug, branch, status, agent } : null;
    return `${JSON.stringify({ schema: 1, environment })}\n`;
  }
  if (!found) return "";
  const paint = shell === null || env.NO_COLOR || env.TERM === "dumb" ? createPaint(false) : paintFor(shell);
  return `${environmentLabel(found.environment, { paint, unicode: supportsUnicode(env), withAgent: true })}\n`;
}

/** Shells count the width of a prompt, and want to be told what has none. */
const marks: Record<Shell, [open: string, close: string]> = { bash: ["\u0001", "\u0002"], zsh: ["%{", "%}"], fish: ["", ""] };

function paintFor(shell: Shell): Paint {
  const paint = createPaint(true);
  const [open, close] = marks[shell];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape of colours.
  const marked = (text: string) => text.replace(/\u001b\[\d+m/g, (colour) => `${open}${colour}${close}`);
  const wrap = (name: Exclude<keyof Paint, "label">) => (text: string) => marked(paint[name](text));
  return {
    bold: wrap("bold"),
    dim: wrap("dim"),
    good: wrap("good"),
    warning: wrap("warning"),
    bad: wrap("bad"),
    accent: wrap("accent"),
    inverse: wrap("inverse"),
    label: (text, index) => marked(paint.label(text, index)),
  };
}

const inputDeadlineMs = 500;

async function statusline({ env, cwd }: PromptPlace): Promise<string> {
  const { parseSession, statuslineText } = await import("./statusline.ts");
  const [overview, text] = await Promise.all([readOverview(worldPaths(env)), readInput()]);
  const session = parseSession(text);
  const directory = session.directory?.startsWith("/") ? session.directory : cwd;
  const found = overview && (await overviewAt(overview, directory));
  const line = statuslineText({
    place: found?.environment ?? directory.slice(directory.lastIndexOf("/") + 1),
    session,
    width: Math.max(10, Number(env.COLUMNS) || 80),
    paint: createPaint(!env.NO_COLOR),
    unicode: supportsUnicode(env),
  });
  return `${line}\n`;
}

/** What comes until the end, or until it takes too long. */
async function readInput(): Promise<string> {
  const reader = Bun.stdin.stream().getReader();
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), inputDeadlineMs);
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const read = await Promise.race([reader.read(), late.promise]);
      if (read === null || read.done) return text;
      text += decoder.decode(read.value, { stream: true });
    }
  } catch {
    return text;
  } finally {
    clearTimeout(timer);
  }
}
