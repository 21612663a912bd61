// Which of the machine's processes are proven to belong to an instance. Pure; the proofs, in words:
// - the recorded first process, by number and start time; while it exists (even unreaped), its session and group are ours, because the kernel
//   gives a number to no new process while it still names one, a group or a session;
// - whoever carries the exact mark, and (once the first process is gone) a session that a marked or formerly proven process sits in;
// - children of what is proven, down the tree.
// Never part of it: this very process, and whoever carries another instance's mark.
import type { ProcessInfo } from "../../os/process-table.ts";
import type { InstanceIdentity } from "./instance-identity.ts";

export interface Machine {
  processes: readonly ProcessInfo[];
  /** Mark per process number. */
  marks: ReadonlyMap<number, string>;
  ownPid: number;
}

export interface Family {
  /** The first process is alive and proven. */
  leaderAlive: boolean;
  members: ProcessInfo[];
  /** Alive in the session that was ours, with nothing left that proves it. */
  doubtful: ProcessInfo[];
}

/** `proven`: start time per number of processes that were proven before; they stay so for their life. */
export function familyOf(identity: InstanceIdentity, machine: Machine, proven: ReadonlyMap<number, number>): Family {
  const leader = machine.processes.find((process) => process.pid === identity.pid);
  const isLeader = leader !== undefined && leader.startTime === identity.startTime;
  const foreign = (process: ProcessInfo) => {
    const mark = machine.marks.get(process.pid);
    return process.pid === machine.ownPid || (mark !== undefined && mark !== identity.mark);
  };
  const alive = machine.processes.filter((process) => process.alive);
  const candidates = alive.filter((process) => !foreign(process));
  const inSession = (process: ProcessInfo) => process.sid === identity.pid || process.pgid === identity.pid;

  const members = new Map<number, ProcessInfo>();
  for (const process of candidates) {
    const known = proven.get(process.pid) === process.startTime;
    if ((isLeader && process === leader) || known || machine.marks.get(process.pid) === identity.mark) members.set(process.pid, process);
  }
  const reused = leader !== undefined && !isLeader;
  const sessionProven = isLeader || (!reused && [...members.values()].some((process) => process.sid === identity.pid));
  if (sessionProven) for (const process of candidates) if (inSession(process)) members.set(process.pid, process);
  addDescendants(members, candidates);

  const doubtful = reused ? [] : candidates.filter((process) => inSession(process) && !members.has(process.pid));
  return { leaderAlive: isLeader && leader.alive, members: [...members.values()], doubtful };
}

function addDescendants(members: Map<number, ProcessInfo>, candidates: readonly ProcessInfo[]): void {
  const children = Map.groupBy(candidates, (process) => process.ppid);
  const queue = [...members.values()];
  for (let parent = queue.pop(); parent !== undefined; parent = queue.pop()) {
    for (const child of children.get(parent.pid) ?? []) {
      // A child is never older than its parent: an older one belongs to an earlier bearer of the number.
      if (members.has(child.pid) || child.startTime < parent.startTime) continue;
      members.set(child.pid, child);
      queue.push(child);
    }
  }
}
