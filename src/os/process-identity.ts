// Process numbers are used again, so a number alone proves nothing: a process is the one we mean only if its start time and the boot agree.
import { readFileSync } from "node:fs";
import { exec } from "./exec.ts";
import { readProcess } from "./process-table.ts";

export interface ProcessIdentity {
  pid: number;
  /** See `ProcessInfo.startTime`. */
  startTime: number;
  bootId: string;
}

/** Names the current boot of the machine; start times of different boots cannot be compared. */
export async function readBootId(): Promise<string> {
  try {
    if (process.platform === "linux") return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    const result = await exec(["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"], { cwd: "/", env: { LC_ALL: "C" } });
    return result.stdout.trim() || noBootId;
  } catch {
    return noBootId;
  }
}

/** Where the system names no boot, the start time is the whole proof. */
const noBootId = "none";

/** The identity of a live process; null when there is none or the system does not say. */
export async function readProcessIdentity(pid: number): Promise<ProcessIdentity | null> {
  const info = await readProcess(pid);
  if (typeof info !== "object" || !info.alive) return null;
  return { pid, startTime: info.startTime, bootId: await readBootId() };
}

/** Whether this very process still runs. `unknown`: the system does not say, so treat it as neither ours nor gone. */
export async function observeProcess(identity: ProcessIdentity): Promise<"alive" | "ended" | "unknown"> {
  if (identity.bootId !== (await readBootId())) return "ended";
  const info = await readProcess(identity.pid);
  if (info === "unreadable") return "unknown";
  return info !== "gone" && info.alive && info.startTime === identity.startTime ? "alive" : "ended";
}

export type SignalOutcome = "sent" | "ended" | "unknown" | "denied";

/** Signals this very process and no other: its identity is checked in the moment before. */
export async function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): Promise<SignalOutcome> {
  const state = await observeProcess(identity);
  return state === "alive" ? sendSignal(identity.pid, signal) : state;
}

/** `target` as in kill(2): negative for a whole group. The caller has proven it this very moment. Never throws. */
export function sendSignal(target: number, signal: NodeJS.Signals): SignalOutcome {
  // 0, 1 and -1 would reach our own group, the first process, or everything.
  if (!Number.isSafeInteger(target) || Math.abs(target) <= 1 || target === process.pid) return "unknown";
  try {
    process.kill(target, signal);
    return "sent";
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ESRCH") return "ended";
    return code === "EPERM" ? "denied" : "unknown";
  }
}
