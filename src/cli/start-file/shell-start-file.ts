// `wt shell-init --install` and `--uninstall`: a marked block in the shell's start file. The file is only ever replaced as a whole.
import { mkdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { writeFileAtomic } from "../../os/files.ts";
import type { Shell } from "../completion/shells.ts";
import type { Environment } from "../terminal.ts";
import { type BlockPlace, findBlock, type Marks, withBlock, withoutBlock } from "./marked-block.ts";

export const startFileMarks: Marks = { begin: "# >>> wt shell integration >>>", end: "# <<< wt shell integration <<<" };

export interface StartFile {
  path: string;
  changed: boolean;
}

export function startFilePath(shell: Shell, env: Environment): string {
  const home = env.HOME;
  if (!home?.startsWith("/")) {
    throw new WtError({
      kind: "machine",
      code: "home_missing",
      message: "HOME names no directory, so there is no start file.",
      hints: ["export HOME=…"],
    });
  }
  if (shell === "bash") return join(home, ".bashrc");
  if (shell === "zsh") return join(env.ZDOTDIR || home, ".zshrc");
  return join(env.XDG_CONFIG_HOME || join(home, ".config"), "fish/config.fish");
}

export function startFileLines(shell: Shell, aliases: boolean): string {
  const command = `wt shell-init ${shell}${aliases ? " --aliases" : ""}`;
  return shell === "fish" ? `type -q wt; and command ${command} | source` : `command -v wt >/dev/null && eval "$(command ${command})"`;
}

export async function installStartFile(shell: Shell, env: Environment, options: { aliases: boolean }): Promise<StartFile> {
  const lines = startFileLines(shell, options.aliases);
  return await changeStartFile(startFilePath(shell, env), (text, place) => withBlock(text, place, { marks: startFileMarks, lines }));
}

export async function uninstallStartFile(shell: Shell, env: Environment): Promise<StartFile> {
  return await changeStartFile(startFilePath(shell, env), withoutBlock);
}

type Change = (text: string, place: Exclude<BlockPlace, { kind: "damaged" }>) => string;

async function changeStartFile(path: string, change: Change): Promise<StartFile> {
  // A start file is often a link into a repository of such files: the file there is replaced, the link stays.
  const target = await realpath(path).catch((error) => {
    if (error.code === "ENOENT") return path;
    throw unusable(path, error);
  });
  const before = await readStartFile(target);
  const place = findBlock(before?.text ?? "", startFileMarks);
  if (place.kind === "damaged") throw damaged(path, place);
  const after = change(before?.text ?? "", place);
  if (after === (before?.text ?? "")) return { path, changed: false };
  try {
    if (!before) await mkdir(dirname(target), { recursive: true });
    // An editor or another installer may have written it in the meantime.
    if ((await readStartFile(target))?.text !== before?.text) throw movedOn(path);
    await writeFileAtomic(target, Buffer.from(after, "latin1"), { mode: before?.mode ?? 0o644 });
  } catch (error) {
    if (error instanceof WtError) throw error;
    throw unusable(path, error);
  }
  return { path, changed: true };
}

/** Every byte as one character, so that what is no UTF-8 survives. Null when there is no such file. */
async function readStartFile(path: string): Promise<{ text: string; mode: number } | null> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new Error("it is no regular file");
    return { text: (await readFile(path)).toString("latin1"), mode: found.mode & 0o7777 };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw unusable(path, error);
  }
}

function damaged(path: string, { line, because }: { line: number; because: string }): WtError {
  return new WtError({
    kind: "refused",
    code: "start_file_marks",
    message: `${path}:${line} has a mark of wt's block, but ${because}; nothing was changed.`,
    hints: [`Take the lines "${startFileMarks.begin}" to "${startFileMarks.end}" out by hand, then try again.`],
    details: { path, line },
  });
}

function movedOn(path: string): WtError {
  return new WtError({
    kind: "machine",
    code: "start_file_changed",
    message: `${path} was changed by another program at this very moment; nothing was changed.`,
    hints: ["Try again."],
    details: { path },
  });
}

function unusable(path: string, cause: unknown): WtError {
  return new WtError({
    kind: "machine",
    code: "start_file_unusable",
    message: `${path} cannot be changed (${cause instanceof Error ? cause.message.replace(/\.$/, "") : "unknown"}); it is as it was.`,
    hints: ["Add the line by hand; see: wt shell-init --help"],
    details: { path },
    cause,
  });
}
