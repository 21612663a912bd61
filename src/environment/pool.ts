// Decisions about the pool of prepared worktrees. Pure: what is to be made, refreshed or given back, and what of a member has to be done again.

/** `leaving`: it is given back. */
export type MemberState = "preparing" | "ready" | "refreshing" | "leaving";

/** What the ledger keeps of a member beside its environment's row. */
export interface MemberData {
  state: MemberState;
  /** Directory that its worktree lies in, and that it is moved within. */
  parent: string;
  /** Its detached HEAD. */
  commit: string;
  /** The rest is known once it is ready. */
  readyAtMs: number;
  tookMs: number;
  /** Of the config it was prepared by. */
  configHash: string;
  /** What `copy:` and `clone:` brought in: of the sources, and where it lies. */
  fill: { signature: string; paths: string[] };
  bound: BoundFiles;
  /** Tracked files that the setup changed, and the steps (keys) that did. */
  tracked: { paths: string[]; steps: string[] };
  /** When each setup step last ran here. */
  windows: SetupWindow[];
  /** What `git status` said then. */
  status: string;
  /** Setup step (its stamp's key) → its command with references resolved. */
  commands: Record<string, string>;
  /** Resource → what decides its content; null where nothing tells. */
  resources: Record<string, string | null>;
}

/** Files that name the member's own path or name, which it loses when it is claimed. */
export interface BoundFiles {
  /** Entries as git lists them (a directory of which it tracks nothing is one), each with the first file that names it. */
  entries: { path: string; because: string }[];
  /** Setup steps (keys) that wrote to them: they are run again. */
  steps: string[];
  /** `copy:` or `clone:` brought some of it. */
  fill: boolean;
}

export interface PoolMemberView {
  id: string;
  state: MemberState;
  /** Of the present base, by the present config. */
  current: boolean;
  /** An operation on it is in flight. */
  busy: boolean;
}

export type PoolStep = { kind: "give_back"; id: string } | { kind: "refresh"; id: string } | { kind: "prepare" } | { kind: "rest" };

/** The next thing to do for a pool of `size`; one at a time. `mayMake`: nothing speaks against preparing now. */
export function planPool(pool: { size: number; members: readonly PoolMemberView[]; mayMake: boolean }): PoolStep {
  const idle = pool.members.filter(({ busy }) => !busy);
  // What a crash left neither whole nor rolled back.
  const broken = idle.find(({ state }) => state !== "ready");
  if (broken) return { kind: "give_back", id: broken.id };
  const surplus = pool.members.length - pool.size;
  const goes = idle.find(({ current }) => !current) ?? idle.at(-1);
  if (surplus > 0 && goes) return { kind: "give_back", id: goes.id };
  if (!pool.mayMake) return { kind: "rest" };
  if (surplus < 0) return { kind: "prepare" };
  const old = idle.find(({ current }) => !current);
  return old ? { kind: "refresh", id: old.id } : { kind: "rest" };
}

/** The one to claim: of the wanted commit if there is one, else the youngest. Only in the directory where the new worktree is to lie. */
export function chooseMember<T extends { data: Pick<MemberData, "state" | "parent" | "commit" | "readyAtMs"> }>(
  members: readonly T[],
  wanted: { parent: string; commit: string },
): T | null {
  const fit = members.filter(({ data }) => data.state === "ready" && data.parent === wanted.parent);
  return fit.find(({ data }) => data.commit === wanted.commit) ?? fit.toSorted((a, b) => b.data.readyAtMs - a.data.readyAtMs)[0] ?? null;
}

export interface SetupWindow {
  step: string;
  fromMs: number;
  toMs: number;
}

/** The clock of a file system ticks coarser than ours, so a time may lie a little before its cause. */
const slackMs = 20;

/** Steps in whose time something of the entry was written. */
export function stepsThatWrote(changedMs: readonly number[], windows: readonly SetupWindow[]): string[] {
  const wrote = ({ fromMs, toMs }: SetupWindow) => changedMs.some((at) => at >= fromMs - slackMs && at <= toMs + 1);
  return [...new Set(windows.filter(wrote).map(({ step }) => step))];
}

/**
 * Steps that have to make again what was taken away. Where no step's time fits (a file server has a clock of its own, and clocks are set), any of them may have made it.
 * `otherwise`: something else than a step brings it again.
 */
export function stepsThatMade(
  entries: readonly { changedMs: readonly number[]; otherwise: boolean }[],
  windows: readonly SetupWindow[],
): string[] {
  const made = entries.flatMap(({ changedMs, otherwise }) => {
    const wrote = stepsThatWrote(changedMs, windows);
    return wrote.length > 0 || otherwise ? wrote : windows.map(({ step }) => step);
  });
  return [...new Set(made)];
}

export interface RenewedStep {
  key: string;
  hasInputs: boolean;
  /** With references resolved, as it would run now. */
  command: string;
}

/**
 * Setup steps (keys) to be done again although their inputs may be the same: without `inputs` nobody knows what they read, so any other commit counts;
 * a command that refers to the environment is another one now; what it left names what was. `everything`: what they all build on was made anew.
 */
export function stepsToRedo(
  steps: readonly RenewedStep[],
  { member, commit, claimed, everything }: { member: MemberData; commit: string; claimed: boolean; everything: boolean },
): string[] {
  const bound = new Set([...member.tracked.steps, ...(claimed ? member.bound.steps : [])]);
  const again = ({ key, hasInputs, command }: RenewedStep) =>
    everything || (!hasInputs && commit !== member.commit) || member.commands[key] !== command || bound.has(key);
  return steps.filter(again).map(({ key }) => key);
}

const firstWaitMs = 30_000;
const longestWaitMs = 3_600_000;

/** How long to wait after so many failures in a row. */
export function poolBackOffMs(failures: number): number {
  return Math.min(longestWaitMs, firstWaitMs * 2 ** Math.max(0, failures - 1));
}

/** `wt-pool-3f9a2c1d`: nothing else of a worktree is called so, and what names it is found by looking for it. */
export function memberName(random: string): string {
  return `wt-pool-${random}`;
}

/** Far from every slot that an environment may get, and long enough to be found in files. */
export function memberSlot(random: number): number {
  return 700_000_000 + (random % 100_000_000);
}
