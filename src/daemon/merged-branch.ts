// Whether a branch has had work and all of it is on the base. A branch that was only just made is on the base too, and is not merged.
import type { EnvironmentRecord } from "../environment/ledger.ts";
import type { Git } from "../git/git.ts";
import type { LossReport } from "../git/integration.ts";
import type { World } from "./world.ts";

interface Question {
  environment: EnvironmentRecord;
  root: string;
  baseBranch: string | null;
  loss: LossReport;
}

/** How many commits of the base are looked at for one that branches start from. */
const mostCommits = 5_000;

export async function readMerged(
  world: World,
  git: Git,
  { environment, root, baseBranch, loss }: Question,
): Promise<{ merged: boolean; branchExists: boolean }> {
  const { branch } = environment;
  if (branch === null) return { merged: false, branchExists: false };
  try {
    const tip = await readCommit(git, root, `refs/heads/${branch}`);
    if (tip === null) return { merged: false, branchExists: false };
    if (!loss.known || !loss.integrated || branch === baseBranch) return { merged: false, branchExists: true };
    // These ways are found only where the branch has commits that the base has not.
    if (loss.how !== "same_commit" && loss.how !== "ancestor") return { merged: true, branchExists: true };
    const start = startOf(world, environment) ?? (await readFirstEntry(git, root, branch));
    if (start !== null && start !== tip) return { merged: true, branchExists: true };
    return { merged: baseBranch !== null && (await isBesideBase(git, root, { tip, baseBranch })), branchExists: true };
  } catch {
    // Not known: not merged.
    return { merged: false, branchExists: true };
  }
}

/** Where wt made the branch. */
function startOf(world: World, { id }: EnvironmentRecord): string | null {
  const commit = world.ledger.leases({ environmentId: id, kind: "branch" })[0]?.data.commit;
  return typeof commit === "string" && /^[0-9a-f]{40,64}$/.test(commit) ? commit : null;
}

/** The oldest entry of the branch's reflog; null without one. */
async function readFirstEntry(git: Git, root: string, branch: string): Promise<string | null> {
  const output = await git.run(root, ["reflog", "show", "--format=%H", `refs/heads/${branch}`, "--"], { allow: [128] });
  return output.trim().split("\n").at(-1) || null;
}

/** A merge brought it in: it is none of the commits that the base itself went through. */
async function isBesideBase(git: Git, root: string, { tip, baseBranch }: { tip: string; baseBranch: string }): Promise<boolean> {
  const base =
    (await readCommit(git, root, `refs/heads/${baseBranch}`)) ?? (await readCommit(git, root, `refs/remotes/origin/${baseBranch}`));
  if (base === null) return false;
  const output = await git.run(root, ["rev-list", "--first-parent", `--max-count=${mostCommits}`, base, "--"]);
  const own = output.split("\n").filter((line) => line !== "");
  return own.length < mostCommits && !own.includes(tip);
}

async function readCommit(git: Git, root: string, ref: string): Promise<string | null> {
  return (await git.run(root, ["rev-parse", "--quiet", "--verify", `${ref}^{commit}`], { allow: [1, 128] })).trim() || null;
}
