// Services in containers that `ComposeStack.create` has made. Only what carries the environment's labels is touched; a container's id and the time of its start are its identity.
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import type { ContainerDetails, DockerEngine } from "../../os/docker-engine.ts";
import { parseEngineTime } from "../../os/docker-log-frames.ts";
import { EngineRefusal } from "../../os/engine-refusal.ts";
import type { LogFiles } from "../../os/log-files/log-files.ts";
import { openLog } from "../../os/log-files/open-log.ts";
import type { InstanceEnd, InstanceObservation, RuntimeDriver, ServiceInstance, ServiceSpec } from "../runtime-driver.ts";
import { type ContainerIdentity, createStartRecords, parseContainerIdentity, type StartRecords } from "./container-identity.ts";
import { type ContainerLogs, createContainerLogs } from "./container-logs.ts";
import { containerSignal } from "./container-signal.ts";
import { engineRefusal } from "./engine-errors.ts";
import { composeLabels, labels } from "./labels.ts";
import { observePublishedPort } from "./observe-published-port.ts";
import { containerPauseVerbs } from "./pause-container.ts";
import { stopContainer } from "./stop-container.ts";

export interface ComposeDriverOptions {
  clock: Clock;
  /** The engine to start on; asked for at the first use, so that nothing needs Docker before. Throws `WtError` when there is none. */
  engine(): Promise<DockerEngine>;
  /** The engine at a socket that an earlier daemon started on. */
  engineAt(socketPath: string): DockerEngine;
  /** `<state>/environments`. */
  environments: string;
  /** Shared with the other drivers. */
  logs: LogFiles;
}

/** How often is asked again while the engine does not answer. */
const retryMs = 1000;
/** How long after a connection broke it is looked whether the engine is away. */
const brokenMs = 100;

interface Parts extends ComposeDriverOptions {
  records: StartRecords;
  containerLogs: ContainerLogs;
}

export function createComposeDriver(options: ComposeDriverOptions): RuntimeDriver {
  const { clock, engineAt, logs } = options;
  const parts: Parts = {
    ...options,
    records: createStartRecords(options.environments),
    containerLogs: createContainerLogs({ clock, logs, engineAt }),
  };
  const observe = (instance: ServiceInstance) => observeContainer(parts, instance);
  const waitForEnd: RuntimeDriver["waitForEnd"] = async (instance, abort, sight) => {
    for (let unseen = false; ; ) {
      abort.throwIfAborted();
      const observation = await observe(instance);
      if (observation.state === "ended") {
        const { state: _, ...end } = observation;
        return end;
      }
      abort.throwIfAborted();
      const identity = parseContainerIdentity(instance.identity);
      if (unseen !== (observation.state === "unknown")) sight?.(observation.state === "unknown" ? observation.reason : null);
      unseen = observation.state === "unknown";
      if (unseen || !identity) await clock.sleep(retryMs, abort);
      else await waitUntilStopped(engineAt(identity.endpoint), identity, { clock, abort });
    }
  };
  return {
    name: "compose",
    features: { adoption: true, exitCodes: true, adoptedExitCodes: true, detaches: false, listeners: true, pause: true },
    start: (spec) => startContainer(parts, spec),
    observe,
    waitForEnd,
    // A container has one command, and ends with it.
    waitForCommand: (instance, abort) => waitForEnd(instance, abort),
    async stop(instance, policy) {
      const identity = parseContainerIdentity(instance.identity);
      if (!identity) {
        return { killed: false, leftovers: [`Service ${instance.service} was left alone: its record was not written by this driver.`] };
      }
      const result = await stopContainer(engineAt(identity.endpoint), { identity, policy, service: instance.service });
      if (result.leftovers.length === 0) await parts.containerLogs.finish(identity);
      return result;
    },
    ...containerPauseVerbs(engineAt),
    find: (mark) => findContainers(parts, mark),
    async listener(instance, port) {
      const identity = parseContainerIdentity(instance.identity);
      if (!identity) return observePublishedPort(null, port);
      try {
        return await observePublishedPort(await inspectStart(engineAt(identity.endpoint), identity), port);
      } catch (error) {
        if (error instanceof WtError) return { owner: "unknown" };
        throw error;
      }
    },
    logs: (query, abort) => logs.read(query, abort),
    async removeLogs(logPath) {
      logs.remove(logPath);
    },
    async close() {
      await parts.containerLogs.close();
      logs.close();
    },
  };
}

async function startContainer(parts: Parts, spec: ServiceSpec): Promise<ServiceInstance> {
  const engine = await parts.engine();
  const subject = cannotStart(spec);
  const container = await containerOf(engine, spec);
  const { environmentId, service, generation, nonce, logPath } = spec;
  await parts.containerLogs.settled(container);
  const log = openLog(spec);
  log.close();
  try {
    parts.records.write(environmentId, container, { service, generation, logPath });
    await engine.start(container);
  } catch (error) {
    log.undo();
    if (!(error instanceof EngineRefusal)) {
      await undoStart(engine, container);
      throw error;
    }
    throw engineRefusal(subject, error.message, { code: "container_failed", hints: [`Run \`wt logs ${service}\`, and \`wt explain\`.`] });
  }
  const details = await engine.inspect(container).catch(async (error: unknown) => {
    await undoStart(engine, container);
    throw error;
  });
  if (!details) throw missing(spec, subject);
  const identity: ContainerIdentity = {
    endpoint: engine.socketPath,
    container,
    generation,
    startedAt: details.State.StartedAt,
    nonce,
    logPath,
  };
  parts.containerLogs.follow(identity, { fresh: true });
  return instanceOf({ environmentId, service, details }, identity);
}

/** The engine gave no answer to the start, or none after it: it may run, and nobody would know. Where the engine is away for longer, `find` has it later. */
async function undoStart(engine: DockerEngine, container: string): Promise<void> {
  await engine.kill(container, "SIGKILL").catch(() => false);
}

/** The container that was created for this service. Other containers of the same name, of other environments or of nobody, are never taken. */
async function containerOf(engine: DockerEngine, spec: ServiceSpec): Promise<string> {
  const subject = cannotStart(spec);
  if (!spec.container) throw missing(spec, subject);
  const found = await engine.containers({
    [labels.environment]: spec.environmentId,
    [labels.nonce]: spec.nonce,
    [composeLabels.project]: spec.container.project,
    [composeLabels.service]: spec.container.service,
    [composeLabels.oneOff]: "False",
  });
  const [first] = found.map((each) => each.Id).sort();
  if (first === undefined) throw missing(spec, subject);
  return first;
}

/** As the compose file calls it. */
function cannotStart({ service, container }: ServiceSpec): string {
  return `Service ${container?.service ?? service} cannot start`;
}

function missing(spec: ServiceSpec, subject: string): WtError {
  return new WtError({
    kind: "machine",
    code: "container_missing",
    message: `${subject}: its container is gone.`,
    hints: ["Run `wt up`; it is made again."],
    details: { service: spec.service },
  });
}

async function observeContainer(parts: Parts, instance: ServiceInstance): Promise<InstanceObservation> {
  const identity = parseContainerIdentity(instance.identity);
  if (!identity) return { state: "unknown", reason: `The record of service ${instance.service} was not written by this driver.` };
  const engine = parts.engineAt(identity.endpoint);
  try {
    const details = await engine.inspect(identity.container);
    if (details && details.State.StartedAt === identity.startedAt && details.State.Running) {
      parts.containerLogs.follow(identity, { fresh: false });
      const memoryBytes = await engine.memoryBytes(identity.container).catch(() => null);
      const health = healthOf(details);
      return { state: "alive", pid: null, memoryBytes, detached: false, ...(health ? { health } : {}) };
    }
    await parts.containerLogs.finish(identity);
    const isThisStart = details?.State.StartedAt === identity.startedAt;
    return { state: "ended", ...(isThisStart ? endOf(details) : { code: null, signal: null }) };
  } catch (error) {
    return { state: "unknown", reason: WtError.from(error).message };
  }
}

function healthOf(details: ContainerDetails): "starting" | "healthy" | "unhealthy" | null {
  const status = details.State.Health?.Status;
  return status === "starting" || status === "healthy" || status === "unhealthy" ? status : null;
}

/** The engine tells a death by signal as 128 and the signal's number, as shells do. */
function endOf({ State: { ExitCode, OOMKilled } }: ContainerDetails): InstanceEnd {
  const signal = ExitCode > 128 ? containerSignal(ExitCode - 128) : null;
  return { code: signal === null ? ExitCode : null, signal, ...(OOMKilled ? { outOfMemory: true as const } : {}) };
}

/** Null when the container is gone, or this start of it is over. */
async function inspectStart(engine: DockerEngine, { container, startedAt }: ContainerIdentity): Promise<ContainerDetails | null> {
  const details = await engine.inspect(container);
  return details?.State.StartedAt === startedAt ? details : null;
}

/** Also returns when the connection breaks: whoever waits looks again. */
async function waitUntilStopped(
  engine: DockerEngine,
  { container }: ContainerIdentity,
  { clock, abort }: { clock: Clock; abort: AbortSignal },
): Promise<void> {
  try {
    await engine.wait(container, abort);
  } catch {
    abort.throwIfAborted();
    await clock.sleep(brokenMs, abort);
  }
}

async function findContainers(parts: Parts, mark: { environmentId: string; nonce: string }): Promise<ServiceInstance[]> {
  const engine = await parts.engine();
  const filter = { [labels.environment]: mark.environmentId, [labels.nonce]: mark.nonce, [composeLabels.oneOff]: "False" };
  const marked = await engine.containers(filter);
  const instances: ServiceInstance[] = [];
  for (const { Id, Labels } of marked) {
    const details = await engine.inspect(Id);
    if (!details?.State.Running) continue;
    const record = parts.records.read(mark.environmentId, Id);
    const identity: ContainerIdentity = {
      endpoint: engine.socketPath,
      container: Id,
      generation: record?.generation ?? 0,
      startedAt: details.State.StartedAt,
      nonce: mark.nonce,
      logPath: record?.logPath ?? null,
    };
    const service = record?.service ?? Labels[labels.service] ?? Labels[composeLabels.service] ?? details.Name;
    instances.push(instanceOf({ environmentId: mark.environmentId, service, details }, identity));
  }
  return instances;
}

interface Found {
  environmentId: string;
  service: string;
  details: ContainerDetails;
}

function instanceOf({ environmentId, service, details }: Found, identity: ContainerIdentity): ServiceInstance {
  const { generation } = identity;
  const startedAtMs = Number((parseEngineTime(details.State.StartedAt) ?? 0n) / 1_000_000n);
  return { driver: "compose", environmentId, service, generation, pid: null, startedAtMs, identity: { ...identity } };
}
