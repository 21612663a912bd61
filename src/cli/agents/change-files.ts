// Files of a repository that a command wants to write: shown, agreed to, then written whole or not at all.
import { mkdir, readFile, realpath, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { writeFileAtomic } from "../../os/files.ts";
import type { Context } from "../command.ts";
import { canAsk, confirm } from "../confirm.ts";

export interface FileChange {
  /** Relative to the worktree. */
  path: string;
  before: string | null;
  after: string | null;
}

export async function readChange(root: string, path: string, change: (before: string | null) => string | null): Promise<FileChange> {
  const before = await readFile(join(root, path), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw unwritable(path, error);
  });
  return { path, before, after: change(before) };
}

/** Shows what would change and asks a person; without a terminal `yes` is the consent. False: nothing was changed. */
export async function applyChanges(
  context: Context,
  root: string,
  { changes, yes }: { changes: readonly FileChange[]; yes: boolean },
): Promise<boolean> {
  const wanted = changes.filter(({ before, after }) => before !== after);
  const { terminal } = context;
  if (!context.json) for (const change of wanted) await terminal.err(`${diffLines(change, terminal.errPaint).join("\n")}\n`);
  if (wanted.length > 0 && !yes) {
    if (!canAsk(context)) throw needsYes(wanted);
    if (!(await confirm(context, `Write ${wanted.length === 1 ? "this file" : `these ${wanted.length} files`} in ${root}?`))) return false;
  }
  for (const change of wanted) await apply(root, change);
  return true;
}

/** What differs, without what is the same before and after it. */
export function diffLines(
  { path, before, after }: FileChange,
  paint: { good: (text: string) => string; bad: (text: string) => string; bold: (text: string) => string },
): string[] {
  const [old, now] = [linesOf(before), linesOf(after)];
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail++;
  const what = before === null ? "new" : after === null ? "removed" : `line ${head + 1}`;
  return [
    paint.bold(`${path} (${what})`),
    ...old.slice(head, old.length - tail).map((line) => paint.bad(`- ${line}`)),
    ...now.slice(head, now.length - tail).map((line) => paint.good(`+ ${line}`)),
  ];
}

function linesOf(text: string | null): string[] {
  if (text === null || text === "") return [];
  return text.replace(/\n$/, "").split("\n");
}

async function apply(root: string, { path, after }: FileChange): Promise<void> {
  const place = await placeOf(root, path);
  try {
    if (after !== null) {
      await mkdir(dirname(place), { recursive: true });
      const mode = await stat(place).then(
        (found) => found.mode & 0o777,
        () => 0o644,
      );
      await writeFileAtomic(place, after, { mode });
      return;
    }
    await rm(place, { force: true });
    // Directories that were made for it go with it, while they are empty.
    for (let directory = dirname(place); directory.startsWith(`${root}/`); directory = dirname(directory)) await rmdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTEMPTY") return;
    throw unwritable(path, error as NodeJS.ErrnoException);
  }
}

/** A link (CLAUDE.md to AGENTS.md, say) stays one: what it names is written. Throws `WtError` (`refused`) when that is outside. */
async function placeOf(root: string, path: string): Promise<string> {
  const top = await realpath(root);
  let existing = resolve(root, path);
  let rest = "";
  for (;;) {
    const real = await realpath(existing).catch(() => null);
    if (real !== null) {
      const place = rest === "" ? real : join(real, rest);
      if (place.startsWith(`${top}/`)) return place;
      throw new WtError({
        kind: "refused",
        code: "outside_worktree",
        message: `${path} leads out of the repository, to ${place}.`,
        hints: ["Replace the link by a file of the repository, then try again."],
        details: { path },
      });
    }
    rest = rest === "" ? existing.slice(existing.lastIndexOf("/") + 1) : join(existing.slice(existing.lastIndexOf("/") + 1), rest);
    existing = dirname(existing);
  }
}

function unwritable(path: string, cause: NodeJS.ErrnoException): WtError {
  return new WtError({
    kind: "machine",
    code: "file_unwritable",
    message: `${path} cannot be read or written: ${cause.code ?? cause.message}.`,
    hints: ["Check its permissions, then try again."],
    details: { path },
    cause,
  });
}

function needsYes(changes: readonly FileChange[]): WtError {
  return new WtError({
    kind: "refused",
    code: "confirmation_missing",
    message: `Nobody can be asked whether ${changes.map(({ path }) => path).join(", ")} may be written.`,
    hints: ["Say so: --yes"],
    details: { files: changes.map(({ path }) => path) },
  });
}
