import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type DirectoryFiles, relativeParts, repositoryFiles } from "../os/repository-files.ts";
import type { Git } from "./git.ts";
import { ceilingAt } from "./status.ts";

export interface WorktreeFiles extends DirectoryFiles {
  /** Whether git keeps what lies at that path, in this repository or in one below it (a submodule). False for what is not there. */
  tracked(path: string): Promise<boolean>;
}

/** A worktree's files as they are on the disk now, and which of them git keeps. */
export function worktreeFiles(git: Git, root: string): WorktreeFiles {
  return {
    ...repositoryFiles(root),
    async tracked(path) {
      const parts = relativeParts(path);
      if (!parts || parts.length === 0) return false;
      if (await isInAnother(root, parts)) return true;
      const name = parts.join("/");
      const output = await git.run(root, ["ls-files", "-z", "--", `:(top,literal,icase)${name}`], { env: ceilingAt(root) });
      const known = output.split("\0").filter((one) => one !== "");
      if (known.includes(name)) return true;
      // Where the file system makes no difference between `.env` and `.ENV`, they are one file.
      const alike = known.filter((one) => one.length === name.length);
      return (await Promise.all(alike.map((one) => isSameFile(join(root, one), join(root, name))))).includes(true);
    },
  };
}

async function isInAnother(root: string, parts: readonly string[]): Promise<boolean> {
  for (let count = 1; count < parts.length; count++) {
    if (await stat(join(root, ...parts.slice(0, count), ".git")).catch(() => null)) return true;
  }
  return false;
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [left, right] = await Promise.all([one, other].map((path) => stat(path, { bigint: true }).catch(() => null)));
  return left != null && right != null && left.dev === right.dev && left.ino === right.ino;
}
