// What a worktree that others made is called. Tools put them in places of their own and name branches in ways of their own. Pure.
import { basename, dirname, join, relative } from "node:path";

export interface AdoptedWorktree {
  path: string;
  /** null on a detached HEAD. */
  branch: string | null;
  /** The repository's main worktree, or its bare directory. */
  root: string;
}

/** The text that the slug is made of: what a person would call it. */
export function adoptedName({ path, branch, root }: AdoptedWorktree): string {
  const name = basename(path);
  // `claude --worktree fix` makes `.claude/worktrees/fix` on the branch `worktree-fix`.
  const inClaude = relative(join(root, ".claude/worktrees"), path) === name;
  if (inClaude && (branch === null || branch === `worktree-${name}`)) return name;
  if (branch !== null) return branch;
  return detachedName(path, root);
}

/** Without a branch the directory says it, unless it only says which repository this is. */
function detachedName(path: string, root: string): string {
  const name = basename(path);
  const repository = basename(root).replace(/\.git$/, "");
  // Codex: `~/.codex/worktrees/<id>/<repository>`.
  if (name === repository) {
    const parent = basename(dirname(path));
    return /(^|\/)\.codex\/worktrees\/[^/]+$/.test(dirname(path)) ? `codex-${parent}` : parent || name;
  }
  // worktrunk and many by hand: `<repository>.<branch>` or `<repository>-<branch>` beside the repository.
  const sibling = dirname(path) === dirname(root) && /^[.-]./.test(name.slice(repository.length)) && name.startsWith(repository);
  return sibling ? name.slice(repository.length + 1) : name;
}
