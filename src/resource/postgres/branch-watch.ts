// Whether a running branch is used, looked at rarely; after its idle time it is laid down.
import { type Activity, endIdleSessions, readActivity } from "./activity.ts";
import type { Branch } from "./branch-life.ts";
import type { BranchRecord } from "./branch-record.ts";
import { type BranchOptions, postgresOptions } from "./postgres-options.ts";
import { asAdmin } from "./postmaster.ts";

const defaultIdleMs = 10 * 60_000;

export function sleepOptions({ spec }: Branch): Pick<BranchOptions, "sleepMs" | "settings"> {
  const options = postgresOptions(spec.options);
  // A branch that is there lives on with the defaults when wt.yaml says something else by now.
  return options.mode === "branch" ? options : { sleepMs: defaultIdleMs, settings: {} };
}

export async function readUse(branch: Branch, record: BranchRecord): Promise<Activity> {
  const idleMs = sleepOptions(branch).sleepMs ?? defaultIdleMs;
  const asked = { major: record.major, listeners: branch.listeners, idleMs };
  const activity = await asAdmin(branch.place, record.port, (session) => readActivity(session, asked));
  branch.listeners = activity.listeners;
  return activity;
}

/** The long-idle sessions of a pool go first; whoever began to work meanwhile is seen. False: it is in use. */
export async function isEmptied(branch: Branch, record: BranchRecord): Promise<boolean> {
  if ((await readUse(branch, record)).inUse) return false;
  const idleMs = sleepOptions(branch).sleepMs ?? defaultIdleMs;
  await asAdmin(branch.place, record.port, (session) => endIdleSessions(session, idleMs));
  return !(await readUse(branch, record)).inUse;
}

/** One look. True: nobody used it for the idle time. */
export async function isIdle(branch: Branch, record: BranchRecord, nowMs: number): Promise<boolean> {
  const { sleepMs } = sleepOptions(branch);
  if (sleepMs === null) return false;
  const { inUse, mark } = await readUse(branch, record);
  if (inUse || mark !== branch.mark) branch.lastActiveMs = nowMs;
  branch.mark = mark;
  return nowMs - branch.lastActiveMs >= sleepMs;
}

export function lookEveryMs(branch: Branch): number {
  return Math.min(60_000, Math.max(100, (sleepOptions(branch).sleepMs ?? defaultIdleMs) / 4));
}
