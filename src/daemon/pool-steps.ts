// The steps that make a member of the pool, refresh it, and turn it into an environment.
import { rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { StepPerformers } from "../environment/apply-plan.ts";
import type { Lease } from "../environment/ledger.ts";
import { stepName } from "../environment/plan.ts";
import type { MemberData } from "../environment/pool.ts";
import { WtError } from "../errors/wt-error.ts";
import {
  addDetachedWorktree,
  checkOutBranch,
  checkOutDetached,
  moveWorktree,
  readDetachedHead,
  restoreTracked,
} from "../git/pool-worktree.ts";
import { entryAt, moveToTrash, removeTree } from "../os/files.ts";
import { fillSignature } from "./fill-signature.ts";
import { renewMember } from "./pool-renew.ts";
import type { StepContext } from "./steps.ts";
import { emptyTrash, trashDirectory } from "./trash.ts";
import { noteMount } from "./worktree-presence.ts";

export interface PoolWork {
  /** Commit that the worktree is to have. */
  commit: string;
  /** Where a claimed member lay; null: it stays in the pool. */
  from: string | null;
  /** null: it is made now. */
  member: MemberData | null;
  /** What `copy:` and `clone:` brought is brought anew; known after `check_out`. */
  refill: boolean;
}

type PoolSteps = Pick<StepPerformers, "claim_worktree" | "check_out" | "renew">;

export function poolPerformers(context: StepContext): PoolSteps {
  return {
    claim_worktree: (step) => fitting(context, stepName(step), () => claimWorktree(context)),
    check_out: (step) => fitting(context, stepName(step), () => checkOut(context)),
    renew: (step) => fitting(context, stepName(step), () => renewMember(context, workOf(context))),
  };
}

/** Codes of failures that a fresh worktree would have just the same. */
const notItsFault = /^(branch_|ledger_|disk_|directory_unusable|trust_|config_invalid)/;

export const memberUnfit = "member_unfit";

/** What fails here fails because of what was prepared: the caller can do without. */
async function fitting(context: StepContext, step: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const failure = WtError.from(error);
    const own = context.abort.aborted || failure.kind === "cancelled" || failure.kind === "internal" || notItsFault.test(failure.code);
    if (own || workOf(context).from === null) throw error;
    const message = `The prepared worktree does not fit: ${failure.message}`;
    throw new WtError({ kind: "machine", code: memberUnfit, message, hints: failure.hints, details: { step }, cause: failure });
  }
}

function workOf({ pool }: StepContext): PoolWork {
  if (!pool) throw new Error("a step of the pool without a member");
  return pool;
}

/** What the lease of a worktree says that began in the pool. */
export function memberLease(lease: Lease | undefined): { commit: string; from: string | null } | null {
  const { commit, from } = lease?.data ?? {};
  return typeof commit === "string" ? { commit, from: typeof from === "string" ? from : null } : null;
}

export async function makeMemberWorktree(context: StepContext, { commit }: PoolWork): Promise<void> {
  const { world, session, abort } = context;
  const { environment, project } = session;
  await addDetachedWorktree(session.git, { root: project.root, path: environment.path, commit, abort });
  setPresent(context, commit);
  noteMount(world, environment);
}

/** `commit`: where its HEAD is detached, or was when it was claimed. */
function setPresent({ world, session }: StepContext, commit: string): void {
  const { ledger } = world;
  for (const { id, data } of ledger.leases({ environmentId: session.environment.id, kind: "worktree" })) {
    ledger.updateLease(id, { state: "present", data: { ...data, commit } });
  }
}

async function claimWorktree(context: StepContext): Promise<void> {
  const { session, world } = context;
  const { environment, project, git } = session;
  const { from, member } = workOf(context);
  if (from === null || !member) throw new Error("a claim without a member");
  if ((await readDetachedHead(from)) !== member.commit) throw unfit(`somebody works in ${from}`);
  // Into an empty directory, git would move it as a child.
  await rmdir(environment.path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  await moveWorktree(git, { root: project.root, from, to: environment.path });
  noteMount(world, environment);
}

/** First goes what cannot stay: it is looked for in the files that it was made among. */
async function checkOut(context: StepContext): Promise<void> {
  const { session, branchPlan, abort } = context;
  const { environment, project, git } = session;
  const work = workOf(context);
  const { member, from, commit } = work;
  if (!member) throw new Error("a check-out without a member");
  await restoreTracked(git, environment.path, member.tracked.paths);
  const signature = await fillSignature({ git, from: project.root, to: environment.path, abort }, session.config);
  const named = from === null ? [] : member.bound.entries.map(({ path }) => path);
  work.refill = signature !== member.fill.signature || (from !== null && member.bound.fill);
  for (const path of new Set([...named, ...(work.refill ? member.fill.paths : [])])) await discard(context, join(environment.path, path));
  if (from === null) await checkOutDetached(git, { path: environment.path, commit, abort });
  else if (branchPlan) await checkOutBranch(git, { root: project.root, path: environment.path, plan: branchPlan, abort });
  setPresent(context, from === null ? commit : member.commit);
}

/** Who creates does not wait for thousands of files to go. */
async function discard({ world, session }: StepContext, path: string): Promise<void> {
  if (entryAt(path) === null) return;
  const moved = await moveToTrash(path, trashDirectory(session.project)).catch((error: NodeJS.ErrnoException) => {
    // A directory that is read-only is not moved, but removed.
    if (error.code === "EACCES" || error.code === "EPERM") return null;
    throw error;
  });
  if (moved === null) await removeTree(path);
  else void emptyTrash(world, session.project);
}

function unfit(because: string): WtError {
  return new WtError({
    kind: "refused",
    code: "member_touched",
    message: `${because.charAt(0).toUpperCase()}${because.slice(1)}.`,
    hints: [],
  });
}
