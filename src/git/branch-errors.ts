// What can be wrong with the branch a user asks for, in the words a user reads.
import { type JsonValue, WtError } from "../errors/wt-error.ts";

export function branchNameInvalid(branch: string, because: string): WtError {
  const shown = branch.length > 80 ? `${branch.slice(0, 80)}…` : branch;
  return refused("branch_name_invalid", `"${shown}" cannot be the name of a branch: ${because}.`, {
    hints: ["git help check-ref-format"],
    details: { branch },
  });
}

export function branchNameConflict({ branch, existing }: { branch: string; existing: string }, because: string): WtError {
  return refused("branch_name_conflict", `The branch ${branch} cannot be made because ${existing} exists: ${because}.`, {
    hints: ["Choose another name.", `git branch -m ${existing} <new name>`],
    details: { branch, existing },
  });
}

export function branchAmbiguous(branch: string, remotes: string[]): WtError {
  return refused("branch_ambiguous", `The branch ${branch} is on several remotes: ${remotes.join(", ")}.`, {
    hints: [...remotes.map((remote) => `wt create ${remote}/${branch}`), "git config checkout.defaultRemote <remote>"],
    details: { branch, remotes },
  });
}

export function fromUnknown(branch: string, from: string): WtError {
  return refused("from_unknown", `There is no commit ${from} to start the branch ${branch} from.`, {
    hints: ["git branch --all", "git fetch --all"],
    details: { branch, from },
  });
}

export function fromWithExistingBranch(branch: string, from: string): WtError {
  return refused("from_with_existing_branch", `The branch ${branch} exists already, so it cannot start from ${from}.`, {
    hints: [`wt create ${branch}`],
    details: { branch, from },
  });
}

export function noCommits(root: string): WtError {
  return refused(
    "no_commits",
    "The repository has no commits yet, so there is nothing a worktree could start from; commit something first.",
    {
      hints: [`git -C ${root} commit --allow-empty -m "first commit"`],
      details: { root },
    },
  );
}

export function defaultBranchUnknown(branch: string): WtError {
  return refused("default_branch_unknown", `It is not clear which branch the new branch ${branch} should start from.`, {
    hints: [`wt create ${branch} --from <branch or commit>`, "git remote set-head origin --auto"],
    details: { branch },
  });
}

function refused(code: string, message: string, { hints, details }: { hints: string[]; details: { [key: string]: JsonValue } }): WtError {
  return new WtError({ kind: "refused", code, message, hints, details });
}
