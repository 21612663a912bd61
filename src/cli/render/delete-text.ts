import type { DeleteResult } from "../../api/environment.ts";
import type { Paint } from "../paint.ts";

/** What is gone, what was kept, and how to get back what `--force` or `--branch` gave up. */
export function deleteLines(result: DeleteResult, paint: Paint): string[] {
  const lines = [`Deleted ${paint.bold(result.slug)}${branchSentence(result)}`];
  for (const ref of result.rescueRefs) {
    lines.push(`  Kept as ${paint.accent(ref)}; bring it back with: git switch -c <new branch> ${ref}`);
  }
  return lines;
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
