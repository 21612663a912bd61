import { WtError } from "../../errors/wt-error.ts";
import type { DockerEngine } from "../../os/docker-engine.ts";
import { EngineRefusal } from "../../os/engine-refusal.ts";
import type { RuntimeDriver, ServiceInstance } from "../runtime-driver.ts";
import { parseContainerIdentity } from "./container-identity.ts";

/** `pause` and `resume` of `RuntimeDriver`: the engine's freezer, which holds what a container starts meanwhile too. */
export function containerPauseVerbs(engineAt: (socketPath: string) => DockerEngine): Pick<RuntimeDriver, "pause" | "resume"> {
  const set = async (instance: ServiceInstance, paused: boolean): Promise<void> => {
    const identity = parseContainerIdentity(instance.identity);
    if (!identity) return;
    const engine = engineAt(identity.endpoint);
    const isDone = async () => {
      const details = await engine.inspect(identity.container);
      if (!details?.State.Running || details.State.StartedAt !== identity.startedAt) return true;
      return details.State.Paused === paused;
    };
    if (await isDone()) return;
    try {
      await (paused ? engine.pause(identity.container) : engine.unpause(identity.container));
    } catch (error) {
      if (!(error instanceof EngineRefusal)) throw error;
      // Somebody else was faster, or it has ended.
      if (await isDone()) return;
      const verb = paused ? "held" : "let go on";
      throw new WtError({
        kind: "machine",
        code: "pause_failed",
        message: `The container of service ${instance.service} cannot be ${verb} (${error.message}).`,
        hints: ["Run `wt doctor`."],
        cause: error,
      });
    }
  };
  return { pause: (instance) => set(instance, true), resume: (instance) => set(instance, false) };
}
