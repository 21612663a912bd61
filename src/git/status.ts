import { realpathSync } from "node:fs";
import { dirname } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import type { Git } from "./git.ts";

export interface GitStatus {
  /** Full commit id; null on a branch without commits. */
  head: string | null;
  /** null on a detached HEAD. */
  branch: string | null;
  /** Tracked files that differ from HEAD (staged or not), conflicts included. */
  dirty: number;
  /** Untracked files; a wholly untracked directory counts once. */
  untracked: number;
  /** Commits not on the upstream, or (without upstream) not on the base branch. */
  ahead: number;
  behind: number;
}

/** null when git cannot answer: no such directory, no worktree any more, damage. Never the status of a repository further up. */
export async function readGitStatus(git: Git, question: StatusQuestion): Promise<GitStatus | null> {
  return (await readDetailedStatus(git, question))?.status ?? null;
}

export interface StatusQuestion {
  path: string;
  baseBranch: string | null;
}

export interface DetailedStatus {
  status: GitStatus;
  upstream: string | null;
  /** What git did not look into: relative directories with a trailing `/`. */
  ignoredDirectories: Set<string>;
  untrackedDirectories: Set<string>;
}

/** As `readGitStatus`; `ignored` asks for the ignored directories too, which are left empty otherwise. */
export async function readDetailedStatus(
  git: Git,
  { path, baseBranch, ignored = false }: StatusQuestion & { ignored?: boolean },
): Promise<DetailedStatus | null> {
  try {
    const options = { env: ceilingAt(path) };
    const also = ignored ? ["--ignored=matching"] : [];
    const args = ["status", "--porcelain=v2", "--branch", "--ahead-behind", "-z", "--untracked-files=normal", ...also];
    const parsed = parseStatus(await git.run(path, args, options));
    const { head, branch, upstream, dirty, untracked } = parsed;
    const known = parsed.aheadBehind ?? (await aheadBehindOfBase(git, { path, branch, head, baseBranch }));
    const directories = (kind: StatusEntry["kind"]) =>
      new Set(parsed.entries.filter((entry) => entry.kind === kind && entry.path.endsWith("/")).map((entry) => entry.path));
    return {
      status: { head, branch, dirty, untracked, ...known },
      upstream,
      ignoredDirectories: directories("ignored"),
      untrackedDirectories: directories("untracked"),
    };
  } catch (error) {
    if (error instanceof WtError) return null;
    throw error;
  }
}

/** Keeps git from taking a parent directory's repository for the one at `path` when `path` is a worktree no more. */
export function ceilingAt(path: string): Record<string, string> {
  try {
    return { GIT_CEILING_DIRECTORIES: dirname(realpathSync(path)) };
  } catch {
    return { GIT_CEILING_DIRECTORIES: dirname(path) };
  }
}

export interface StatusEntry {
  kind: "changed" | "renamed" | "unmerged" | "untracked" | "ignored";
  /** Two letters as in git's short format: index, worktree; `.` is unchanged. */
  xy: string;
  /** `N...` or `S` with the letters of a submodule's state. Empty for untracked and ignored. */
  submodule: string;
  /** An untracked directory ends with `/`. */
  path: string;
}

export interface ParsedStatus {
  head: string | null;
  branch: string | null;
  upstream: string | null;
  /** null without an upstream, or when the upstream is gone. */
  aheadBehind: { ahead: number; behind: number } | null;
  dirty: number;
  untracked: number;
  entries: StatusEntry[];
}

/** Reads `git status --porcelain=v2 --branch -z`. Lines that a newer git may add are passed over. */
export function parseStatus(output: string): ParsedStatus {
  const status: ParsedStatus = { head: null, branch: null, upstream: null, aheadBehind: null, dirty: 0, untracked: 0, entries: [] };
  const records = output.split("\0");
  for (let index = 0; index < records.length; index++) {
    const record = records[index] ?? "";
    if (record.startsWith("# ")) {
      readHeader(status, record);
      continue;
    }
    const entry = parseEntry(record);
    if (!entry) continue;
    // The path a file was renamed from is a record of its own, and may look like anything.
    if (entry.kind === "renamed") index++;
    status.entries.push(entry);
    if (entry.kind === "untracked") status.untracked++;
    else if (entry.kind !== "ignored") status.dirty++;
  }
  return status;
}

function readHeader(status: ParsedStatus, record: string): void {
  const [, name, value = ""] = /^# (\S+) (.*)$/s.exec(record) ?? [];
  if (name === "branch.oid" && value !== "(initial)") status.head = value;
  if (name === "branch.head" && value !== "(detached)") status.branch = value;
  if (name === "branch.upstream") status.upstream = value;
  const counts = name === "branch.ab" ? /^\+(\d+) -(\d+)$/.exec(value) : null;
  if (counts) status.aheadBehind = { ahead: Number(counts[1]), behind: Number(counts[2]) };
}

/** How many space-separated fields come before the path. */
const fieldsBeforePath: Record<string, number> = { "1": 8, "2": 9, u: 10, "?": 1, "!": 1 };
const kinds: Record<string, StatusEntry["kind"]> = { "1": "changed", "2": "renamed", u: "unmerged", "?": "untracked", "!": "ignored" };

function parseEntry(record: string): StatusEntry | null {
  const letter = record[0] ?? "";
  const kind = kinds[letter];
  const count = fieldsBeforePath[letter];
  if (!kind || count === undefined || record[1] !== " ") return null;
  let start = 0;
  for (let field = 0; field < count; field++) {
    const space = record.indexOf(" ", start);
    if (space < 0) return null;
    start = space + 1;
  }
  const path = record.slice(start);
  if (count === 1) return { kind, xy: letter.repeat(2), submodule: "", path };
  const [, xy = "", submodule = ""] = record.split(" ", 3);
  return { kind, xy, submodule, path };
}

interface BaseQuestion {
  path: string;
  branch: string | null;
  head: string | null;
  baseBranch: string | null;
}

/** One process; a second one only where the base branch is not there locally. */
async function aheadBehindOfBase(git: Git, { path, branch, head, baseBranch }: BaseQuestion): Promise<{ ahead: number; behind: number }> {
  if (head === null || baseBranch === null || branch === baseBranch) return { ahead: 0, behind: 0 };
  for (const base of [`refs/heads/${baseBranch}`, `refs/remotes/origin/${baseBranch}`]) {
    const options = { env: ceilingAt(path), allow: [128] };
    const output = await git.run(path, ["rev-list", "--count", "--left-right", `${base}...${head}`, "--"], options);
    const counts = /^(\d+)\t(\d+)/.exec(output);
    if (counts) return { ahead: Number(counts[2]), behind: Number(counts[1]) };
  }
  return { ahead: 0, behind: 0 };
}
