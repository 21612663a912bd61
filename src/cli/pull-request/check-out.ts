// From a pull request's name to a branch that `wt create` can take: who is asked, what is fetched, which branch stands for it.
import { WtError } from "../../errors/wt-error.ts";
import { branchNameProblem } from "../../git/branch-name.ts";
import { createGit, type Git } from "../../git/git.ts";
import {
  type BranchSettings,
  type BranchUpdate,
  fetchHead,
  fetchRefNames,
  fetchRemoteBranch,
  isAncestor,
  type LocalBranch,
  moveBranch,
  type PullRequestHead,
  readLocalBranch,
  removeStaleHeads,
  writeBranchSettings,
} from "../../git/pull-request-branch.ts";
import { readRemotes } from "../../git/remotes.ts";
import { defaultBranch, findRepository } from "../../git/repository.ts";
import { type Context, callerEnvironment } from "../command.ts";
import { askForge, nameOf, type PullRequest, pullRequestUnknown } from "./ask-forge.ts";
import { type ChosenRemote, chooseRemote } from "./choose-remote.ts";
import { type PullRequestName, parsePullRequestName } from "./pull-request-name.ts";

export interface CheckOutOptions {
  /** Of the local branch; null for the usual one. */
  branch: string | null;
  /** Closed and merged ones too. */
  closed: boolean;
}

export interface CheckedOut {
  git: Git;
  root: string;
  /** Local name. */
  branch: string;
  /** What `wt create` is asked for; differs from `branch` where a remote one is to be tracked. */
  createName: string;
  /** Where a new branch starts; null for one that exists or is tracked. */
  from: string | null;
  /** `pull request 7 (Fix the header)`. */
  shown: string;
  /** Whose code it is: `null` when it is on a branch of the repository itself. */
  stranger: string | null;
  /** Whether there is code that was not there before. */
  fresh: boolean;
  notes: string[];
}

export async function checkOut(context: Context, typed: string, options: CheckOutOptions): Promise<CheckedOut> {
  const name = parsePullRequestName(typed);
  const git = createGit(callerEnvironment(context.env));
  const repository = await findRepository(git, context.cwd);
  if (!repository) throw notARepository(context.cwd);
  const root = repository.mainRoot;
  await removeStaleHeads(git, root);
  const chosen = chooseRemote(await readRemotes(git, root), name);
  const asked = await askForge({ env: context.env, cwd: root, number: name.number, chosen });
  const known = "because" in asked ? null : asked;
  if (known && known.state !== "open" && !options.closed) throw notOpen(name, chosen, known);
  const look: Look = { git, root, name, chosen, known };
  const found = await fetchCommits(look);
  const branch = await chooseBranch(look, found, options.branch);
  const prepared = await prepareBranch(look, found, branch);
  const notes = "because" in asked ? [`${unaskedNote(asked.because, found.ref)}.`, ...prepared.notes] : prepared.notes;
  const title = known?.title ? ` (${known.title})` : "";
  return {
    git,
    root,
    branch,
    createName: prepared.createName,
    from: prepared.from,
    shown: `${nameOf(found.gitlab ? "gitlab" : chosen.forge)} ${name.number}${title}`,
    stranger: strangerOf(known),
    fresh: prepared.fresh,
    notes,
  };
}

interface Look {
  git: Git;
  root: string;
  name: PullRequestName;
  chosen: ChosenRemote;
  known: PullRequest | null;
}

interface Found {
  head: PullRequestHead;
  /** Of the remote. */
  ref: string;
  gitlab: boolean;
  /** It is the remote's own branch, to be tracked like any other. */
  tracked: boolean;
}

async function fetchCommits({ git, root, name, chosen, known }: Look): Promise<Found> {
  const remote = chosen.remote.name;
  if (known && known.fork === null) {
    const head = await fetchRemoteBranch(git, { root, remote, branch: known.branch });
    const gitlab = chosen.forge === "gitlab";
    if (head) return { head, ref: `refs/heads/${known.branch}`, gitlab, tracked: true };
    // Merged, and its branch deleted: the host still has the commits.
  }
  const refs = { github: `refs/pull/${name.number}/head`, gitlab: `refs/merge-requests/${name.number}/head` };
  const candidates = chosen.forge === null ? await fetchRefNames(git, { root, remote }, Object.values(refs)) : [refs[chosen.forge]];
  for (const ref of candidates) {
    const head = await fetchHead(git, { root, remote, number: name.number, ref });
    if (head) return { head, ref, gitlab: ref === refs.gitlab, tracked: false };
  }
  throw pullRequestUnknown(name.number, chosen);
}

/** As `gh` names it: like its own branch; with the owner before it where that is the name of the branch everything starts from. */
async function chooseBranch({ git, root, name, known }: Look, found: Found, wanted: string | null): Promise<string> {
  if (wanted !== null) {
    const problem = branchNameProblem(wanted);
    if (problem === null) return wanted;
    throw new WtError({ kind: "usage", code: "branch_name_invalid", message: `"${wanted}" cannot be the name of a branch: ${problem}.` });
  }
  if (!known) return `${found.gitlab ? "mr" : "pr"}/${name.number}`;
  if (known.fork === null || known.branch !== (await defaultBranch(git, { mainRoot: root }))) return known.branch;
  return `${known.fork.path?.split("/")[0] ?? "fork"}/${known.branch}`;
}

interface Prepared {
  createName: string;
  from: string | null;
  fresh: boolean;
  notes: string[];
}

async function prepareBranch(look: Look, found: Found, branch: string): Promise<Prepared> {
  const { git, root, chosen, name } = look;
  const settings = settingsFor(look, found, branch);
  const local = await readLocalBranch(git, root, branch);
  if (!local) {
    // Tracked like any remote branch, by the name it has there.
    if (found.tracked && branch === look.known?.branch) {
      return { createName: `${chosen.remote.name}/${branch}`, from: null, fresh: true, notes: [] };
    }
    await writeBranchSettings(git, { root, branch }, settings);
    return { createName: branch, from: found.head.commit, fresh: true, notes: pushNotes(look, branch, settings) };
  }
  if (!(await isSamePullRequest(look, found, { local, settings }))) throw branchTaken(look, branch, local);
  const update = await moveBranch(git, { root, branch, local, head: found.head });
  if (!found.tracked) await writeBranchSettings(git, { root, branch }, settings);
  return {
    createName: branch,
    from: null,
    fresh: update.kind === "moved",
    notes: updateNotes(branch, update, `${chosen.remote.name}/${name.number}`),
  };
}

async function isSamePullRequest(
  { git, root }: Look,
  found: Found,
  { local, settings }: { local: LocalBranch; settings: BranchSettings },
): Promise<boolean> {
  if (local.pullRequest !== null) return local.pullRequest === settings.pullRequest;
  if (local.upstream === `${settings.remote} ${settings.merge}`) return true;
  // A branch of the repository itself that is only behind is no other work.
  return found.tracked && (await isAncestor(git, root, { ancestor: local.commit, of: found.head.commit }));
}

/** `git pull` and `git push` go to the branch that the pull request was made from, where that is known and allowed. */
function settingsFor({ name, chosen, known }: Look, found: Found, branch: string): BranchSettings {
  const pullRequest = `${chosen.remote.name}/${name.number}`;
  const { fork = null } = known ?? {};
  const own = { pullRequest, remote: chosen.remote.name, merge: found.ref, pushRemote: null };
  if (!known || fork === null || fork.path === null) return own;
  const url = chosen.address?.withPath(fork.path) ?? null;
  // By another name, git would push a new branch of that name; with the fork as upstream it refuses and says how.
  if (fork.maintainersMayPush || branch !== known.branch) {
    return { pullRequest, remote: url ?? own.remote, merge: `refs/heads/${known.branch}`, pushRemote: url };
  }
  return { ...own, pushRemote: url };
}

function pushNotes({ known }: Look, branch: string, { pushRemote }: BranchSettings): string[] {
  if (!known?.fork) return [];
  if (pushRemote === null) return ["The fork it comes from is gone or cannot be seen, so there is nowhere to push to."];
  return branch === known.branch ? [] : [`It is called ${known.branch} there: push with git push ${pushRemote} HEAD:${known.branch}`];
}

function updateNotes(branch: string, update: BranchUpdate, at: string): string[] {
  switch (update.kind) {
    case "same":
      return [];
    case "moved":
      return [`Brought ${branch} up to date.`];
    case "own_commits":
      return [
        `${branch} has ${update.count} commit${update.count === 1 ? "" : "s"} of its own, so it stays as it is (theirs: pull-requests/${at}).`,
      ];
    case "kept":
      return [`${branch} stays as it is: ${update.because}.`];
  }
}

function unaskedNote(because: string, ref: string): string {
  return `Going by ${ref}, because ${because}`;
}

function strangerOf(known: PullRequest | null): string | null {
  if (!known) return "somebody that wt cannot tell";
  return known.fork === null ? null : `the fork ${known.fork.path ?? "of somebody"}`;
}

function notOpen({ number }: PullRequestName, { forge }: ChosenRemote, { title, state }: PullRequest): WtError {
  const what = nameOf(forge);
  return new WtError({
    kind: "refused",
    code: "pull_request_not_open",
    message: `${what[0]?.toUpperCase()}${what.slice(1)} ${number} (${title}) is ${state}.`,
    hints: [`Check it out all the same: wt pr ${number} --closed`],
    details: { number, state },
  });
}

function branchTaken({ name, known }: Look, branch: string, local: LocalBranch): WtError {
  const owner = known?.fork?.path?.split("/")[0];
  const other = owner === undefined || branch.startsWith(`${owner}/`) ? `pr/${name.number}` : `${owner}/${branch}`;
  const whose = local.pullRequest === null ? "has other work" : `is that of ${local.pullRequest}`;
  return new WtError({
    kind: "refused",
    code: "branch_taken",
    message: `The branch ${branch}, as this one is called, exists already and ${whose}.`,
    hints: [`Give it another name here: wt pr ${name.number} --branch ${other}`, `Look at what is there: git log ${branch}`],
    details: { branch, worktree: local.worktree },
  });
}

function notARepository(cwd: string): WtError {
  return new WtError({
    kind: "not_found",
    code: "not_a_repository",
    message: `${cwd} is not inside a git repository.`,
    hints: ["Go to one, or name it: wt -C <directory> pr <number>"],
  });
}
