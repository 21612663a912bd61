import { WtError } from "../../errors/wt-error.ts";
import type { DockerEngine } from "../../os/docker-engine.ts";
import { EngineRefusal } from "../../os/engine-refusal.ts";
import type { StopPolicy, StopResult } from "../runtime-driver.ts";
import type { ContainerIdentity } from "./container-identity.ts";
import { composeLabels } from "./labels.ts";

/** From SIGKILL until it must be gone. */
const killWithinMs = 20_000;
/** Where no policy of a service says more. */
const byIdGraceMs = 10_000;

export interface StopRequest {
  identity: ContainerIdentity;
  policy: StopPolicy;
  service: string;
}

/** Ends this start of the container; see `RuntimeDriver.stop`. A stop signal that its image or compose file names takes the place of SIGTERM. */
export async function stopContainer(engine: DockerEngine, { identity, policy, service }: StopRequest): Promise<StopResult> {
  const { container, startedAt } = identity;
  let killed = false;
  try {
    const details = await engine.inspect(container);
    if (!details?.State.Running || details.State.StartedAt !== startedAt) return { killed, leftovers: [] };
    const signal = policy.signal === "SIGTERM" ? details.Config.StopSignal || policy.signal : policy.signal;
    killed = signal === "SIGKILL";
    await kill(engine, identity, signal);
    // The signal waits in a paused one.
    if (details.State.Paused) await unpause(engine, container);
    if (await hasStopped(engine, identity, killed ? killWithinMs : policy.graceMs)) return { killed, leftovers: [] };
    killed = await kill(engine, identity, "SIGKILL");
    if (await hasStopped(engine, identity, killWithinMs)) return { killed, leftovers: [] };
    return { killed, leftovers: [`The container ${details.Name.replace("/", "")} of service ${service} does not end.`] };
  } catch (error) {
    if (!(error instanceof WtError || error instanceof EngineRefusal)) throw error;
    return { killed, leftovers: [`The container of service ${service} cannot be ended: ${error.message.replace(/\.$/, "")}.`] };
  }
}

/** Ends whatever start of it runs. Gives what is left, in sentences. */
export async function stopById(engine: DockerEngine, id: string, nonce: string): Promise<string[]> {
  const details = await engine.inspect(id);
  if (!details?.State.Running) return [];
  const { StartedAt: startedAt } = details.State;
  const identity = { endpoint: engine.socketPath, container: id, generation: 0, startedAt, nonce, logPath: null };
  const service = details.Config.Labels?.[composeLabels.service] ?? details.Name;
  return (await stopContainer(engine, { identity, policy: { signal: "SIGTERM", graceMs: byIdGraceMs }, service })).leftovers;
}

/** False: it did not run any more; engines tell that in several ways. */
async function kill(engine: DockerEngine, identity: ContainerIdentity, signal: string): Promise<boolean> {
  try {
    return await engine.kill(identity.container, signal);
  } catch (error) {
    if (error instanceof EngineRefusal && (await isOver(engine, identity))) return false;
    throw error;
  }
}

async function isOver(engine: DockerEngine, { container, startedAt }: ContainerIdentity): Promise<boolean> {
  const details = await engine.inspect(container);
  return !details?.State.Running || details.State.StartedAt !== startedAt;
}

async function unpause(engine: DockerEngine, container: string): Promise<void> {
  try {
    await engine.unpause(container);
  } catch (error) {
    // The signal has let it go on already.
    if (!(error instanceof EngineRefusal)) throw error;
  }
}

async function hasStopped(engine: DockerEngine, identity: ContainerIdentity, withinMs: number): Promise<boolean> {
  const limit = AbortSignal.timeout(withinMs);
  try {
    await engine.wait(identity.container, limit);
  } catch (error) {
    if (!limit.aborted) throw error;
  }
  return isOver(engine, identity);
}
