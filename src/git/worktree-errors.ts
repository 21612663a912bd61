// What can be wrong with a worktree, in the words a user reads.
import { dirname } from "node:path";
import { type JsonValue, WtError } from "../errors/wt-error.ts";
import { gitStderr } from "./git.ts";

export function pathExists(path: string, because: string): WtError {
  return refused("path_exists", `The worktree cannot be made at ${path}: ${because}.`, {
    hints: ["Move it away, or set `worktrees:` in wt.yaml to another directory."],
    details: { path },
  });
}

export function directoryUnusable(path: string, cause: unknown): WtError {
  const code = (cause as NodeJS.ErrnoException)?.code ?? "unknown error";
  const because: Record<string, string> = {
    EACCES: "permission is denied",
    EPERM: "permission is denied",
    EROFS: "the file system is read-only",
    ENOSPC: "the disk is full",
    EDQUOT: "the disk quota is used up",
    ENOTDIR: "a part of the path is a file",
    EEXIST: "a part of the path is a file",
    EBUSY: "something is mounted there",
  };
  const full = code === "ENOSPC" || code === "EDQUOT";
  return new WtError({
    kind: "machine",
    code: full ? "disk_full" : "directory_unusable",
    message: `The directory ${path} cannot be written to: ${because[code] ?? code}.`,
    hints: [full ? "Free some space, then try again." : "Make it writable, or set `worktrees:` in wt.yaml to another directory."],
    details: { path, reason: code },
    cause,
  });
}

export function branchCheckedOut(branch: string, where: string | null): WtError {
  return refused("branch_checked_out", `The branch ${branch} is checked out${where ? ` in ${where}` : " in another worktree"}.`, {
    hints: [`wt switch ${branch}`],
    details: { branch, path: where },
  });
}

export function branchHasCommits(branch: string): WtError {
  return refused(
    "branch_has_commits",
    `The branch ${branch} got commits after it was created, so it and its worktree were left as they are.`,
    {
      hints: [`wt delete ${branch}`],
      details: { branch },
    },
  );
}

export function worktreeHasChanges(path: string, changes: string[]): WtError {
  const more = changes.length > 1 ? ` and ${changes.length - 1} more` : "";
  return refused("worktree_has_changes", `The worktree ${path} was left as it is because it has changes: ${changes[0] ?? ""}${more}.`, {
    hints: [`git -C ${path} status`],
    details: { path, changes: changes.slice(0, 20) },
  });
}

export function worktreeLocked(path: string, reason: string): WtError {
  return refused("worktree_locked", `The worktree ${path} is locked${reason ? `: ${reason.replace(/[.\s]+$/, "")}` : ""}.`, {
    hints: [`git worktree unlock ${path}`],
    details: { path, reason },
  });
}

export function worktreeUnproven(path: string, because: string): WtError {
  return refused("worktree_unproven", `Nothing proves that ${path} is a worktree of this repository: ${because}.`, {
    hints: ["git worktree list", `git worktree repair ${path}`],
    details: { path, because },
  });
}

export function branchMoved(branch: string): WtError {
  return new WtError({
    kind: "machine",
    code: "branch_moved",
    message: `The branch ${branch} moved while its worktree was made.`,
    hints: ["Run the command again."],
    details: { branch },
  });
}

export function worktreeInside(path: string, inside: string): WtError {
  return refused("worktree_inside", `The worktree ${path} has another worktree in it: ${inside}.`, {
    hints: ["Delete or move that one first."],
    details: { path, inside },
  });
}

export function worktreeBusy(path: string): WtError {
  return new WtError({
    kind: "machine",
    code: "worktree_busy",
    message: `A git that was started before is still at work on ${path}.`,
    hints: ["Wait until it has ended, then try again."],
    details: { path },
  });
}

export function mainWorktree(path: string): WtError {
  return refused("main_worktree", `${path} is the repository's main worktree, which wt never removes.`, { hints: [], details: { path } });
}

/** A failed `git worktree add` in our words where we know what it means, else git's own. */
export function addFailure(error: unknown, { path, branch }: { path: string; branch: string }): WtError {
  const stderr = gitStderr(error) ?? "";
  const elsewhere = /is already (?:checked out|used by worktree) at '(.*)'/.exec(stderr);
  if (elsewhere) return branchCheckedOut(branch, elsewhere[1] ?? null);
  if (/a branch named '.*' already exists/.test(stderr)) {
    return refused("branch_exists", `The branch ${branch} was made by someone else meanwhile.`, {
      hints: [`wt create ${branch}`],
      details: { branch },
    });
  }
  const missing = /is a missing but (already registered|locked) worktree/.exec(stderr);
  if (missing) {
    const unlock = missing[1] === "locked" ? [`git worktree unlock ${path}`] : [];
    return refused(
      "worktree_missing",
      `git still knows a ${missing[1] === "locked" ? "locked " : ""}worktree at ${path}, but its directory is gone.`,
      {
        hints: [...unlock, `git worktree remove ${path}`],
        details: { path },
      },
    );
  }
  for (const [said, code] of unusable)
    if (said.test(stderr)) return directoryUnusable(dirname(path), Object.assign(new Error(stderr), { code }));
  return WtError.from(error);
}

const unusable: [RegExp, string][] = [
  [/No space left on device/, "ENOSPC"],
  [/Disk quota exceeded/, "EDQUOT"],
  [/could not create [^\n]*: Read-only file system/, "EROFS"],
  [/could not create [^\n]*: Permission denied/, "EACCES"],
];

function refused(code: string, message: string, { hints, details }: { hints: string[]; details: { [key: string]: JsonValue } }): WtError {
  return new WtError({ kind: "refused", code, message, hints, details });
}
