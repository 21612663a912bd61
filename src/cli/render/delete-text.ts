import type { DeleteResult, GitView } from "../../api/environment.ts";
import type { Paint } from "../paint.ts";
import { counted } from "./age.ts";

/** What is gone, what was kept, and how to get back what `--force` or `--branch` gave up. */
export function deleteLines(result: DeleteResult, paint: Paint): string[] {
  const lines = [`Deleted ${paint.bold(result.slug)}${branchSentence(result)}`];
  const branch = result.rescueRefs.find((ref) => ref.endsWith("/branch"));
  if (result.undeleteUntil !== null)
    lines.push(`  Until ${result.undeleteUntil.slice(0, 10)} it comes back with: ${paint.accent(`wt undelete ${result.slug}`)}`);
  for (const { what, reason } of result.abandoned) lines.push(`  Left where it is, ${what}: ${reason}`);
  // Of the refs of a worktree, this one holds everything; the others are named in --json.
  const worktree = result.rescueRefs.filter((ref) => ref !== branch).at(-1);
  if (worktree)
    lines.push("  Its files are kept; bring them back with:", `    git worktree add --detach <directory> ${paint.accent(worktree)}`);
  if (branch)
    lines.push("  Its commits are kept; bring them back with:", `    git branch ${result.branch ?? "<name>"} ${paint.accent(branch)}`);
  return lines;
}

/** What git sees in a worktree that is nowhere else as far as it knows: `2 uncommitted changes, 1 unpushed commit`; empty for nothing. */
export function workAtStake(git: GitView | null): string {
  if (!git) return "";
  const { dirty, untracked, ahead } = git;
  const parts = [
    [dirty, "uncommitted change"],
    [untracked, "untracked file"],
    [ahead, "unpushed commit"],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, noun]) => counted(count, noun))
    .join(", ");
}

function branchSentence({ branch, branchOutcome }: DeleteResult): string {
  if (branch === null) return ".";
  switch (branchOutcome) {
    case "deleted":
      return ` and its branch ${branch}.`;
    case "kept_unmerged":
      return `; the branch ${branch} stays, it is not merged (--branch deletes it).`;
    case "kept_checked_out":
      return `; the branch ${branch} stays, it is checked out elsewhere.`;
    case "kept_not_ours":
      return `; the branch ${branch} stays.`;
    case "none":
      return ".";
  }
}
