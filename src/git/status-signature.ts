// What `git status` depends on besides the files of the worktree, as a text that changes when any of it does. Costs no process.
import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { readGitDirectory } from "./repository.ts";

export interface StatusSources {
  path: string;
  gitDir: string;
  commonDir: string;
  /** Full names of the refs that head, ahead and behind come from. */
  refs: readonly string[];
  /** Configuration and pattern files. */
  files: readonly string[];
}

/** null for what is no worktree, and for one whose answer depends on more than can be told from files. */
export async function findStatusSources(
  path: string,
  { refs, files }: Pick<StatusSources, "refs" | "files">,
): Promise<StatusSources | null> {
  const gitDir = await readGitDirectory(path);
  if (!gitDir) return null;
  const commonDir = resolve(gitDir, readText(join(gitDir, "commondir"))?.trim() ?? ".");
  // The worktree's own settings may name further files.
  if (/include|excludesfile|attributesfile|worktree/i.test(readText(join(gitDir, "config.worktree")) ?? "")) return null;
  // A submodule's files and commits are another repository's.
  if (existsSync(join(path, ".gitmodules"))) return null;
  if (refs.some((ref) => readText(join(commonDir, ref))?.startsWith("ref:"))) return null;
  return { path, gitDir, commonDir, refs, files };
}

export interface FileMarks {
  text: string;
  /** When the last of them changed. */
  newestMs: number;
}

/** null when the worktree is gone. Sources that only have more refs give a text that only has more at its end. */
export function statusSignature({ path, gitDir, commonDir, refs, files }: StatusSources): FileMarks | null {
  const root = statSync(path, { throwIfNoEntry: false });
  const dotGit = statSync(join(path, ".git"), { throwIfNoEntry: false });
  if (!root || !dotGit) return null;
  const own = ["HEAD", "index", "config.worktree", "info/sparse-checkout", "reftable/tables.list"];
  const shared = [
    "config",
    "packed-refs",
    "shallow",
    "info/exclude",
    "info/attributes",
    "info/grafts",
    "refs/replace",
    "reftable/tables.list",
  ];
  const marks = readFileMarks([
    ...own.map((name) => join(gitDir, name)),
    ...shared.map((name) => join(commonDir, name)),
    ...files,
    ...refs.map((ref) => join(commonDir, ref)),
  ]);
  // Of the main worktree's `.git`, a directory that changes with everything in it, which one it is suffices.
  const identity = `${root.dev}:${root.ino}:${dotGit.ino}:${dotGit.isFile() ? dotGit.ctimeMs : ""}`;
  return { text: `${identity}\n${marks.text}`, newestMs: marks.newestMs };
}

/** Which files these are and when they changed; absent ones too. */
export function readFileMarks(paths: readonly string[]): FileMarks {
  let newestMs = 0;
  let text = "";
  for (const path of paths) {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    text += stat ? `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}\n` : "-\n";
    if (stat) newestMs = Math.max(newestMs, Number(stat.ctimeMs));
  }
  return { text, newestMs };
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
