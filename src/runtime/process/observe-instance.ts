import { WtError } from "../../errors/wt-error.ts";
import type { LogFiles } from "../../os/log-files/log-files.ts";
import { readProcess } from "../../os/process-table.ts";
import type { InstanceEnd, InstanceObservation, ServiceInstance } from "../runtime-driver.ts";
import { type InstanceIdentity, parseInstanceIdentity } from "./instance-identity.ts";
import type { MachineWatch } from "./machine-watch.ts";

export interface InstanceObserver {
  observe(instance: ServiceInstance): Promise<InstanceObservation>;
  /** Only the parent of a process learns its exit code. */
  addChild(instance: ServiceInstance, identity: InstanceIdentity, child: Bun.Subprocess): void;
  child(instance: ServiceInstance): Bun.Subprocess | null;
  /** It was seen to have ended: nothing of it is remembered but the exit code, and its log is complete. */
  noteEnded(identity: InstanceIdentity): void;
}

export interface ObserverOptions {
  watch: MachineWatch;
  logs: LogFiles;
  bootId: Promise<string>;
}

export function createInstanceObserver({ watch, logs, bootId }: ObserverOptions): InstanceObserver {
  /** The newest start of each service. */
  const children = new Map<string, { identity: InstanceIdentity; child: Bun.Subprocess }>();
  /** Marks of instances whose log is watched on their behalf. */
  const watched = new Set<string>();

  const childOf = (instance: ServiceInstance): Bun.Subprocess | null => {
    const entry = children.get(childKey(instance));
    return entry && Bun.deepEquals(entry.identity, parseInstanceIdentity(instance.identity)) ? entry.child : null;
  };

  const noteAlive = (identity: InstanceIdentity) => {
    if (identity.logPath === null || watched.has(identity.mark)) return;
    watched.add(identity.mark);
    logs.serviceStarted(identity.logPath);
  };

  const noteEnded = (identity: InstanceIdentity) => {
    watch.forget(identity);
    if (watched.delete(identity.mark) && identity.logPath !== null) logs.serviceEnded(identity.logPath);
  };

  const endOf = async (instance: ServiceInstance, identity: InstanceIdentity): Promise<InstanceEnd> => {
    const child = childOf(instance);
    noteEnded(identity);
    if (!child) return { code: null, signal: null };
    await child.exited;
    const signal = child.signalCode === null ? null : String(child.signalCode);
    return { code: signal === null ? child.exitCode : null, signal };
  };

  const look = async (instance: ServiceInstance, identity: InstanceIdentity): Promise<InstanceObservation> => {
    if (identity.bootId !== (await bootId)) return { state: "ended", ...(await endOf(instance, identity)) };
    const family = (await watch.readFamilyQuickly(identity)) ?? (await watch.readFamily(identity));
    const [first] = family.members;
    if (first) {
      noteAlive(identity);
      const memoryBytes = family.members.reduce((sum, member) => sum + member.rssBytes, 0);
      const pid = family.leaderAlive ? identity.pid : first.pid;
      return { state: "alive", pid, memoryBytes, detached: identity.leaderLost || !family.leaderAlive };
    }
    const [doubtful] = family.doubtful;
    if (doubtful) {
      const reason = `Process ${doubtful.pid} (${doubtful.name}) sits in the session of ${instance.service} but cannot be proven to be its own.`;
      return { state: "unknown", reason };
    }
    if ((await readProcess(identity.pid)) === "unreadable") {
      return { state: "unknown", reason: `The system does not show process ${identity.pid}.` };
    }
    return { state: "ended", ...(await endOf(instance, identity)) };
  };

  return {
    async observe(instance) {
      const identity = parseInstanceIdentity(instance.identity);
      if (!identity) return { state: "unknown", reason: `The record of service ${instance.service} was not written by this driver.` };
      try {
        return await look(instance, identity);
      } catch (error) {
        return { state: "unknown", reason: WtError.from(error).message };
      }
    },
    addChild(instance, identity, child) {
      children.set(childKey(instance), { identity, child });
      noteAlive(identity);
    },
    child: childOf,
    noteEnded,
  };
}

function childKey(instance: { environmentId: string; service: string }): string {
  return `${instance.environmentId}/${instance.service}`;
}
