// Holding an instance still and letting it go on. See `RuntimeDriver.pause`.
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import { sendSignal } from "../../os/process-identity.ts";
import type { ProcessInfo } from "../../os/process-table.ts";
import type { RuntimeDriver, ServiceInstance } from "../runtime-driver.ts";
import { type InstanceIdentity, parseInstanceIdentity } from "./instance-identity.ts";
import type { MachineWatch } from "./machine-watch.ts";
import { isStill } from "./stop-family.ts";

/** A process that waits for the disk halts when it has got what it waits for. */
const patienceMs = 5_000;

interface PauseOptions {
  identity: InstanceIdentity;
  /** For the error. */
  service: string;
  watch: MachineWatch;
  clock: Clock;
}

export function pauseVerbs(driver: {
  watch: MachineWatch;
  clock: Clock;
  bootId: Promise<string>;
}): Pick<RuntimeDriver, "pause" | "resume"> {
  const { watch, clock, bootId } = driver;
  const identityOf = async (instance: ServiceInstance) => {
    const identity = parseInstanceIdentity(instance.identity);
    return identity?.bootId === (await bootId) ? identity : null;
  };
  return {
    async pause(instance) {
      const identity = await identityOf(instance);
      if (identity) await pauseFamily({ identity, service: instance.service, watch, clock });
    },
    async resume(instance) {
      const identity = await identityOf(instance);
      if (identity) await resumeFamily({ identity, watch });
    },
  };
}

/** Halts one process after another: unlike a group, a single proven process is never anybody else's. */
async function pauseFamily(options: PauseOptions): Promise<void> {
  const { identity, watch, clock } = options;
  const deadlineMs = clock.now() + patienceMs;
  try {
    // Two looks that find all halted: a child born just before its parent halted is seen by the second at the latest.
    for (let quietLooks = 0; quietLooks < 2; ) {
      const { members } = await watch.readFamily(identity);
      if (members.length === 0) return;
      const moving = members.filter((member) => !member.halted);
      quietLooks = moving.length === 0 ? quietLooks + 1 : 0;
      const [first] = moving;
      if (!first) continue;
      if (clock.now() > deadlineMs) throw notPaused(options.service, first);
      for (const member of moving) if (await isStill(member)) sendSignal(member.pid, "SIGSTOP");
      await clock.sleep(1);
    }
  } catch (error) {
    await resumeFamily(options);
    throw error;
  }
}

async function resumeFamily({ identity, watch }: Pick<PauseOptions, "identity" | "watch">): Promise<void> {
  const { members } = await watch.readFamily(identity);
  for (const member of members) if (member.halted && (await isStill(member))) sendSignal(member.pid, "SIGCONT");
}

function notPaused(service: string, process: ProcessInfo): WtError {
  return new WtError({
    kind: "machine",
    code: "service_not_paused",
    message: `Service ${service} cannot be held still: process ${process.pid} (${process.name}) does not halt.`,
    hints: ["Stop the services first: wt down"],
    details: { service, pid: process.pid },
  });
}
