import type { Clock } from "../../os/clock.ts";
import { sendSignal } from "../../os/process-identity.ts";
import { type ProcessInfo, readProcess } from "../../os/process-table.ts";
import type { StopPolicy, StopResult } from "../runtime-driver.ts";
import type { InstanceIdentity } from "./instance-identity.ts";
import type { MachineWatch } from "./machine-watch.ts";
import type { Family, Machine } from "./process-family.ts";
import { familyOf } from "./process-family.ts";

/** How long the kernel may take to clear away what SIGKILL has hit; what stays longer hangs in the kernel. */
const killDeadlineMs = 5000;

export interface StopOptions {
  identity: InstanceIdentity;
  policy: StopPolicy;
  watch: MachineWatch;
  clock: Clock;
}

/** Signals the family, waits for the last of it, kills what stays. See `RuntimeDriver.stop`. */
export async function stopFamily(options: StopOptions): Promise<StopResult> {
  const { identity, policy, watch, clock } = options;
  let family = await watch.readFamily(identity);
  if (family.members.length === 0) return { killed: false, leftovers: family.doubtful.map((process) => doubtSentence(process)) };

  if (policy.signal !== "SIGKILL") {
    await signalFamily(options, family, policy.signal);
    family = await waitUntilGone(options, family);
  }
  const killed = family.members.length > 0;
  const deadlineMs = clock.now() + killDeadlineMs;
  for (let pauseMs = 2; family.members.length > 0 && clock.now() < deadlineMs; pauseMs = Math.min(pauseMs * 2, 100)) {
    await signalFamily(options, family, "SIGKILL");
    await clock.sleep(pauseMs);
    family = await watch.readFamily(identity);
  }
  const stuck = family.members.map((process) => stuckSentence(process));
  return { killed, leftovers: [...stuck, ...family.doubtful.map((process) => doubtSentence(process))] };
}

/** Waits for the grace to pass or the family to end, and gives back what is left then. */
async function waitUntilGone(options: StopOptions, before: Family): Promise<Family> {
  const { identity, policy, watch, clock } = options;
  const deadlineMs = clock.now() + policy.graceMs;
  let family = before;
  for (let pauseMs = 5; clock.now() < deadlineMs; pauseMs = Math.min(pauseMs * 1.5, 50)) {
    await clock.sleep(Math.min(pauseMs, Math.max(1, deadlineMs - clock.now())));
    if (await anyAlive(family.members)) continue;
    family = await watch.readFamily(identity);
    if (family.members.length === 0) return family;
  }
  return watch.readFamily(identity);
}

async function anyAlive(members: readonly ProcessInfo[]): Promise<boolean> {
  for (const member of members) if (await isStill(member)) return true;
  return false;
}

/** Whether it is this very process that has the number now. */
export async function isStill(member: ProcessInfo): Promise<boolean> {
  const now = await readProcess(member.pid);
  return typeof now === "object" && now.alive && now.startTime === member.startTime;
}

/**
 * A group whose every process is ours gets the signal as one, which no fork can slip through; anybody else gets it alone.
 * What is halted is continued, or it would never act on the signal.
 */
async function signalFamily(options: StopOptions, family: Family, signal: NodeJS.Signals): Promise<void> {
  const machine = await options.watch.readMachine();
  const ours = new Map(family.members.map((member) => [member.pid, member.startTime]));
  const now = familyOf(options.identity, machine, ours).members;
  const groups = Map.groupBy(now, (member) => member.pgid);
  for (const [pgid, members] of groups) {
    if (isWhollyOurs(pgid, members, machine) && (await leadsStill(pgid, members))) {
      sendSignal(-pgid, signal);
      if (signal !== "SIGKILL" && members.some((member) => member.halted)) sendSignal(-pgid, "SIGCONT");
      continue;
    }
    for (const member of members) {
      if (!(await isStill(member))) continue;
      sendSignal(member.pid, signal);
      if (signal !== "SIGKILL" && member.halted) sendSignal(member.pid, "SIGCONT");
    }
  }
}

function isWhollyOurs(pgid: number, members: readonly ProcessInfo[], machine: Machine): boolean {
  const ours = new Set(members.map((member) => member.pid));
  return machine.processes.every((process) => process.pgid !== pgid || !process.alive || ours.has(process.pid));
}

/** While one proven process is in the group, its number cannot name another group. */
async function leadsStill(pgid: number, members: readonly ProcessInfo[]): Promise<boolean> {
  for (const member of members) {
    const now = await readProcess(member.pid);
    if (typeof now === "object" && now.startTime === member.startTime && now.pgid === pgid) return true;
  }
  return false;
}

function stuckSentence(process: ProcessInfo): string {
  return `Process ${process.pid} (${process.name}) did not end even by SIGKILL: it belongs to another user or hangs in the kernel.`;
}

function doubtSentence(process: ProcessInfo): string {
  return `Process ${process.pid} (${process.name}) sits in the session of this service but cannot be proven to be its own; it was left alone.`;
}
