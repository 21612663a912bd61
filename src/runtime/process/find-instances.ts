import { readFileSync, readlinkSync } from "node:fs";
import type { ProcessInfo } from "../../os/process-table.ts";
import type { ServiceInstance } from "../runtime-driver.ts";
import { type InstanceIdentity, parseMark } from "./instance-identity.ts";
import type { Machine } from "./process-family.ts";

export interface FindOptions {
  mark: { environmentId: string; nonce: string };
  machine: Machine;
  bootId: string;
}

/** Instances of an environment by nothing but the marks of live processes. */
export function findInstances(options: FindOptions): ServiceInstance[] {
  const { mark, machine, bootId } = options;
  const marked = machine.processes.filter((process) => process.alive && process.pid !== machine.ownPid && machine.marks.has(process.pid));
  const instances: ServiceInstance[] = [];
  for (const [text, processes] of Map.groupBy(marked, (process) => machine.marks.get(process.pid) ?? "")) {
    const parsed = parseMark(text);
    if (parsed?.environmentId !== mark.environmentId || parsed.nonce !== mark.nonce) continue;
    const oldest = processes.reduce((first, process) => (process.startTime < first.startTime ? process : first));
    // The first process led its session. When it is gone or has hidden its mark, nothing proves that session: whoever carries the mark is ours, no more.
    const leader = processes.find((process) => process.pid === oldest.sid);
    const first = leader ?? oldest;
    const identity: InstanceIdentity = {
      pid: first.pid,
      startTime: first.startTime,
      bootId,
      mark: text,
      logPath: readOutputPath(first),
      leaderLost: leader === undefined,
    };
    instances.push({
      driver: "process",
      environmentId: parsed.environmentId,
      service: parsed.service,
      generation: parsed.generation,
      pid: first.pid,
      startedAtMs: readStartMs(first),
      identity: { ...identity },
    });
  }
  return instances;
}

/** Where the process writes to: its log, unless it was redirected. */
function readOutputPath(process: ProcessInfo): string | null {
  try {
    const path = readlinkSync(`/proc/${process.pid}/fd/2`);
    return path.endsWith(".log") ? path : null;
  } catch {
    return null;
  }
}

/** Ticks of 1/100 s since boot on Linux (the unit is fixed for user programs), seconds of the epoch elsewhere. */
function readStartMs(info: ProcessInfo): number {
  if (process.platform !== "linux") return info.startTime * 1000;
  const bootSeconds = /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "latin1"))?.[1];
  return Number(bootSeconds ?? 0) * 1000 + info.startTime * 10;
}
