// Looks at the machine on behalf of one driver: shares sweeps of the process table between instances and remembers what was proven.
import { createMarkReader } from "../../os/process-mark.ts";
import { type ProcessInfo, readProcess, readProcessTable } from "../../os/process-table.ts";
import { type InstanceIdentity, markVariable } from "./instance-identity.ts";
import { type Family, familyOf, type Machine } from "./process-family.ts";

export interface MachineWatch {
  /** A sweep made now. */
  readMachine(): Promise<Machine>;
  /** The family as of now. Empty only after two sweeps: a single one can miss a process whose parent dies while it runs. */
  readFamily(identity: InstanceIdentity): Promise<Family>;
  /**
   * The same as far as a glance at the known members tells: full sweeps are seconds apart while the first process lives.
   * Null when only a sweep can tell.
   */
  readFamilyQuickly(identity: InstanceIdentity): Promise<Family | null>;
  forget(identity: InstanceIdentity): void;
}

/** How old the list of members may be while the first process is alive. */
const sweepEveryMs = 5000;

interface Known {
  /** Start time per process number. */
  proven: Map<number, number>;
  sweptAtMs: number;
}

export function createMachineWatch(now: () => number): MachineWatch {
  const marks = createMarkReader(markVariable, now);
  const knowns = new Map<string, Known>();
  let shared: { machine: Machine; atMs: number } | null = null;

  const readMachine = async () => {
    const processes = await readProcessTable();
    shared = { machine: { processes, marks: await marks.read(processes), ownPid: process.pid }, atMs: now() };
    return shared.machine;
  };

  const judge = (identity: InstanceIdentity, machine: Machine, atMs: number) => {
    const family = familyOf(identity, machine, knowns.get(knownKey(identity))?.proven ?? new Map());
    const proven = new Map(family.members.map((member) => [member.pid, member.startTime]));
    if (proven.size === 0) knowns.delete(knownKey(identity));
    else knowns.set(knownKey(identity), { proven, sweptAtMs: atMs });
    return family;
  };

  return {
    readMachine,
    async readFamily(identity) {
      const family = judge(identity, await readMachine(), now());
      if (family.members.length > 0) return family;
      return judge(identity, await readMachine(), now());
    },
    async readFamilyQuickly(identity) {
      const atMs = now();
      const known = knowns.get(knownKey(identity));
      if (!known || Math.abs(atMs - known.sweptAtMs) > sweepEveryMs) {
        if (!shared || Math.abs(atMs - shared.atMs) > sweepEveryMs) await readMachine();
        const family = shared && judge(identity, shared.machine, shared.atMs);
        // Judged by a sweep that may be old: good enough for the list of members, not for who is alive.
        if (!family) return null;
      }
      return glance(identity, knowns.get(knownKey(identity))?.proven ?? new Map());
    },
    forget: (identity) => knowns.delete(knownKey(identity)),
  };
}

async function glance(identity: InstanceIdentity, proven: ReadonlyMap<number, number>): Promise<Family | null> {
  const read = await Promise.all([...proven.keys()].map((pid) => readProcess(pid)));
  const members = read.filter(
    (info): info is ProcessInfo => typeof info === "object" && info.alive && proven.get(info.pid) === info.startTime,
  );
  if (members.length === 0) return null;
  const leaderAlive = members.some((member) => member.pid === identity.pid && member.startTime === identity.startTime);
  return { leaderAlive, members, doubtful: [] };
}

function knownKey(identity: InstanceIdentity): string {
  return `${identity.pid} ${identity.startTime} ${identity.mark}`;
}
