import { WtError } from "../errors/wt-error.ts";
import type { Git } from "./git.ts";
import { ceilingAt } from "./status.ts";

export interface RecentCommit {
  subject: string;
  author: string;
  timeMs: number;
}

/** The last commit of the worktree at `path`; null without one, and when git cannot answer. */
export async function readRecent(git: Git, path: string): Promise<RecentCommit | null> {
  try {
    const format = "--format=%ct%x00%an%x00%s";
    const output = await git.run(path, ["log", "-1", "--no-show-signature", "--no-color", format], { env: ceilingAt(path), allow: [128] });
    const [seconds = "", author = "", subject = ""] = output.replace(/\n$/, "").split("\0");
    return seconds ? { subject, author, timeMs: Number(seconds) * 1_000 } : null;
  } catch (error) {
    if (error instanceof WtError) return null;
    throw error;
  }
}
