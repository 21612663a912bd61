// Services as plain processes of this machine. What is ours is decided in process-family.ts.
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import { createLogFiles, type LogFiles } from "../../os/log-files/log-files.ts";
import { readBootId, sendSignal } from "../../os/process-identity.ts";
import { readProcess } from "../../os/process-table.ts";
import type { RuntimeDriver, ServiceInstance, ServiceSpec } from "../runtime-driver.ts";
import { findInstances } from "./find-instances.ts";
import { type InstanceIdentity, markText, markVariable, parseInstanceIdentity } from "./instance-identity.ts";
import { launchService } from "./launch-service.ts";
import { createMachineWatch } from "./machine-watch.ts";
import { createInstanceObserver } from "./observe-instance.ts";
import { observeListener } from "./observe-listener.ts";
import { pauseVerbs } from "./pause-family.ts";
import { stopFamily } from "./stop-family.ts";

export interface ProcessDriverOptions {
  clock: Clock;
  /** A log that passes this length is moved to `<log>.1`. */
  rotateLogBytes?: number;
  /** Those that other drivers of the same machine write to; default: its own. */
  logs?: LogFiles;
}

/** How often an instance is looked at that no event tells about: an adopted one, or what a first process left behind. */
const lookEveryMs = 1000;

export function createProcessDriver({ clock, rotateLogBytes, logs: shared }: ProcessDriverOptions): RuntimeDriver {
  const bootId = readBootId();
  const watch = createMachineWatch(() => clock.now());
  const logs = shared ?? createLogFiles({ clock, rotateBytes: rotateLogBytes ?? 10 * 1024 * 1024 });
  const observer = createInstanceObserver({ watch, logs, bootId });

  return {
    name: "process",
    features: { adoption: true, exitCodes: true, adoptedExitCodes: false, detaches: true, listeners: true, pause: true },

    async start(spec) {
      const startedAtMs = clock.now();
      const child = launchService(spec);
      const identity = await identify(spec, child.pid, bootId);
      const { environmentId, service, generation } = spec;
      const instance: ServiceInstance = {
        driver: "process",
        environmentId,
        service,
        generation,
        pid: child.pid,
        startedAtMs,
        identity: { ...identity },
      };
      observer.addChild(instance, identity, child);
      return instance;
    },

    marks: (spec) => ({ [markVariable]: markText(spec) }),

    observe: observer.observe,

    async waitForEnd(instance, abort) {
      abort.throwIfAborted();
      const child = observer.child(instance);
      if (child) await exitOf(child, abort);
      for (;;) {
        const observation = await observer.observe(instance);
        if (observation.state === "ended") return { code: observation.code, signal: observation.signal };
        await clock.sleep(lookEveryMs, abort);
      }
    },

    async waitForCommand(instance, abort) {
      abort.throwIfAborted();
      const child = observer.child(instance);
      if (child) {
        await exitOf(child, abort);
        const signal = child.signalCode === null ? null : String(child.signalCode);
        return { code: signal === null ? child.exitCode : null, signal };
      }
      for (;;) {
        const observation = await observer.observe(instance);
        if (observation.state !== "alive" || observation.detached) return { code: null, signal: null };
        await clock.sleep(lookEveryMs, abort);
      }
    },

    async stop(instance, policy) {
      const identity = parseInstanceIdentity(instance.identity);
      if (!identity) {
        return { killed: false, leftovers: [`Service ${instance.service} was left alone: its record was not written by this driver.`] };
      }
      if (identity.bootId !== (await bootId)) return { killed: false, leftovers: [] };
      const result = await stopFamily({ identity, policy, watch, clock });
      if (result.leftovers.length === 0) observer.noteEnded(identity);
      return result;
    },

    ...pauseVerbs({ watch, clock, bootId }),

    find: async (mark) => findInstances({ mark, machine: await watch.readMachine(), bootId: await bootId }),

    async listener(instance, port) {
      const identity = parseInstanceIdentity(instance.identity);
      const isOfThisBoot = identity !== null && identity.bootId === (await bootId);
      const family = isOfThisBoot ? await watch.readFamily(identity) : null;
      return observeListener(port, family?.members.map((member) => member.pid) ?? []);
    },

    logs: (query, abort) => logs.read(query, abort),
    async removeLogs(logPath) {
      try {
        logs.remove(logPath);
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new WtError({
          kind: "machine",
          code: "log_not_removed",
          message: `The log ${logPath} cannot be deleted (${reason}).`,
          cause,
        });
      }
    },
    close: async () => logs.close(),
  };
}

async function identify(spec: ServiceSpec, pid: number, bootId: Promise<string>): Promise<InstanceIdentity> {
  const info = await readProcess(pid);
  if (typeof info === "object") {
    return { pid, startTime: info.startTime, bootId: await bootId, mark: markText(spec), logPath: spec.logPath, leaderLost: false };
  }
  // It was not reaped yet, so the number is still this child's.
  sendSignal(-pid, "SIGKILL");
  throw new WtError({
    kind: "machine",
    code: "process_unreadable",
    message: `Service ${spec.service} was ended at once: the system does not show its process, so it could never be recognised again.`,
    hints: ["Check that /proc is mounted and readable, then run `wt doctor`."],
    details: { service: spec.service },
  });
}

/** Resolves when the child has exited, rejects when aborted. Only while somebody waits does the child keep this process from exiting. */
async function exitOf(child: Bun.Subprocess, abort: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(abort.reason);
  abort.addEventListener("abort", onAbort, { once: true });
  child.ref();
  try {
    await Promise.race([child.exited, aborted.promise]);
  } finally {
    child.unref();
    abort.removeEventListener("abort", onAbort);
  }
}
