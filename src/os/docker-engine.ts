// The part of the Docker Engine API that worldtree uses, over the engine's unix socket. Paths carry no version: the engine answers in its own newest, and what is
// read here has been the same since 1.24. Podman's service answers the same paths.
import { type LogFrame, readLogFrames } from "./docker-log-frames.ts";
import { createEngineCaller, type EngineCaller, type EnginePatience, refusal, textOf } from "./engine-caller.ts";
import { type EngineRequest, requestEngine } from "./engine-connection.ts";
import { EngineRefusal } from "./engine-refusal.ts";

/** Label → value it must have; null: any. */
export type LabelFilter = Readonly<Record<string, string | null>>;

export interface ContainerSummary {
  Id: string;
  Names: string[];
  Image: string;
  Labels: Record<string, string>;
  State: string;
}

export interface ContainerDetails {
  Id: string;
  Name: string;
  /** Id of its image. */
  Image: string;
  State: {
    Status: string;
    Running: boolean;
    Paused: boolean;
    OOMKilled?: boolean;
    Pid: number;
    ExitCode: number;
    Error?: string;
    StartedAt: string;
    Health?: { Status: string } | null;
  };
  Config: { Image: string; Labels: Record<string, string> | null; Tty: boolean; StopSignal?: string };
  HostConfig: { LogConfig?: { Type: string } };
  Mounts?: { Type: string; Name?: string; Destination: string }[] | null;
  NetworkSettings: {
    Ports?: Record<string, { HostIp: string; HostPort: string }[] | null> | null;
    Networks?: Record<string, { NetworkID: string; Aliases: string[] | null }> | null;
  };
}

export interface NetworkDetails {
  Id: string;
  Name: string;
  Labels: Record<string, string> | null;
  IPAM?: { Config?: { Subnet?: string }[] | null };
  Containers?: Record<string, { Name: string }> | null;
}

export interface VolumeSummary {
  Name: string;
  Labels: Record<string, string> | null;
}

export interface ImageSummary {
  Id: string;
  RepoTags: string[] | null;
  Labels: Record<string, string> | null;
}

export interface EngineVersion {
  Version: string;
  ApiVersion: string;
  Components?: { Name: string }[];
}

export interface NetworkAttachment {
  network: string;
  container: string;
  aliases: readonly string[];
}

export interface LogQueryOptions {
  /** Nanoseconds since 1970; entries of that very nanosecond are included. */
  since: bigint;
  follow: boolean;
  tty: boolean;
}

/** What does not exist is null, false or nothing to do; what the engine refuses is thrown (`EngineRefusal`), and that it does not answer too (`WtError`). */
export interface NewVolume {
  name: string;
  driver: string;
  options: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
}

export interface DockerEngine {
  readonly socketPath: string;
  version(abort?: AbortSignal): Promise<EngineVersion>;
  containers(filter: LabelFilter, abort?: AbortSignal): Promise<ContainerSummary[]>;
  inspect(id: string, abort?: AbortSignal): Promise<ContainerDetails | null>;
  /** Bytes in use without what the kernel could drop at once; null when it does not run. */
  memoryBytes(id: string, abort?: AbortSignal): Promise<number | null>;
  /** Nothing changes for one that runs. */
  start(id: string, abort?: AbortSignal): Promise<void>;
  /** False: it did not run any more. */
  kill(id: string, signal: string, abort?: AbortSignal): Promise<boolean>;
  pause(id: string, abort?: AbortSignal): Promise<void>;
  unpause(id: string, abort?: AbortSignal): Promise<void>;
  /** Resolves once it does not run, or is gone if asked so; takes as long as that takes. */
  wait(id: string, abort: AbortSignal, until?: "not-running" | "removed"): Promise<void>;
  logs(id: string, options: LogQueryOptions, abort: AbortSignal): AsyncGenerator<LogFrame[]>;
  /** Unpacks a tar archive at the top of the container's files, whether it runs or not. */
  unpack(id: string, archive: Uint8Array, abort?: AbortSignal): Promise<void>;
  removeContainer(id: string, abort?: AbortSignal): Promise<void>;
  networks(filter: LabelFilter, abort?: AbortSignal): Promise<NetworkDetails[]>;
  network(id: string, abort?: AbortSignal): Promise<NetworkDetails | null>;
  removeNetwork(id: string, abort?: AbortSignal): Promise<void>;
  connect(attachment: NetworkAttachment, abort?: AbortSignal): Promise<void>;
  disconnect(network: string, container: string, abort?: AbortSignal): Promise<void>;
  volumes(filter: LabelFilter, abort?: AbortSignal): Promise<VolumeSummary[]>;
  /** The volume of that name, with the labels it has; what is given counts only when there was none. */
  createVolume(volume: NewVolume, abort?: AbortSignal): Promise<VolumeSummary>;
  removeVolume(name: string, abort?: AbortSignal): Promise<void>;
  images(filter: LabelFilter, abort?: AbortSignal): Promise<ImageSummary[]>;
  hasImage(name: string, abort?: AbortSignal): Promise<boolean>;
  /** Places for which the image wants a volume (`VOLUME`). */
  imageVolumes(id: string, abort?: AbortSignal): Promise<string[]>;
  removeImage(id: string, abort?: AbortSignal): Promise<void>;
  /** Makes an image of an archive of files. */
  importImage(name: string, archive: Uint8Array, abort?: AbortSignal): Promise<void>;
  /** `body` as the engine's API has it; gives the id. */
  createContainer(body: object, abort?: AbortSignal): Promise<string>;
}

export function createDockerEngine(socketPath: string, patience?: EnginePatience): DockerEngine {
  const call = createEngineCaller(socketPath, patience);
  return {
    socketPath,
    version: async (abort) => (await call.json<EngineVersion>("/version", abort)) ?? { Version: "", ApiVersion: "" },
    containers: (filter, abort) => call.list<ContainerSummary>(`/containers/json?all=1&${filters(filter)}`, abort),
    inspect: (id, abort) => call.json<ContainerDetails>(`/containers/${id}/json`, abort),
    async memoryBytes(id, abort) {
      return memoryOf(await call.json<Stats>(`/containers/${id}/stats?stream=0&one-shot=1`, abort, { slow: true }));
    },
    async start(id, abort) {
      await call.act({ method: "POST", path: `/containers/${id}/start` }, abort, { absent: "throw" });
    },
    async kill(id, signal, abort) {
      const status = await call.act({ method: "POST", path: `/containers/${id}/kill?signal=${signal}` }, abort, { accept: [409] });
      return status < 300;
    },
    async pause(id, abort) {
      await call.act({ method: "POST", path: `/containers/${id}/pause` }, abort);
    },
    async unpause(id, abort) {
      await call.act({ method: "POST", path: `/containers/${id}/unpause` }, abort);
    },
    async wait(id, abort, until = "not-running") {
      await textOf(await requestEngine(socketPath, waiting(id, until), abort));
    },
    logs: (id, options, abort) => readLogs(socketPath, { ...options, id }, abort),
    async unpack(id, archive, abort) {
      const path = `/containers/${id}/archive?path=${encodeURIComponent("/")}`;
      await call.act({ method: "PUT", path, body: archive }, abort, { absent: "throw" });
    },
    async removeContainer(id, abort) {
      const status = await call.act({ method: "DELETE", path: `/containers/${id}?force=1&v=1` }, abort, { accept: [409] });
      // Somebody removes it already, and is not done yet.
      if (status === 409) await waitFor(socketPath, { id, until: "removed", withinMs: removedWithinMs }, abort);
    },
    ...networkVerbs(call),
    async volumes(filter, abort) {
      return (await call.json<{ Volumes: VolumeSummary[] | null }>(`/volumes?${filters(filter)}`, abort))?.Volumes ?? [];
    },
    async createVolume({ name, driver, options, labels }, abort) {
      const body = { Name: name, Driver: driver, DriverOpts: options, Labels: labels };
      await call.act({ method: "POST", path: "/volumes/create", body }, abort, { absent: "throw" });
      return (await call.json<VolumeSummary>(`/volumes/${encodeURIComponent(name)}`, abort)) ?? { Name: name, Labels: null };
    },
    async removeVolume(name, abort) {
      await call.act({ method: "DELETE", path: `/volumes/${encodeURIComponent(name)}` }, abort);
    },
    images: (filter, abort) => call.list<ImageSummary>(`/images/json?${filters(filter)}`, abort, { slow: true }),
    hasImage: async (name, abort) => (await call.json(`/images/${encodeURI(name)}/json`, abort)) !== null,
    async imageVolumes(id, abort) {
      const path = `/images/${encodeURI(id)}/json`;
      const image = await call.json<{ Config?: { Volumes?: Record<string, unknown> | null } | null }>(path, abort);
      return Object.keys(image?.Config?.Volumes ?? {});
    },
    async removeImage(id, abort) {
      await call.act({ method: "DELETE", path: `/images/${encodeURIComponent(id)}?force=1` }, abort);
    },
    async importImage(name, archive, abort) {
      const path = `/images/create?fromSrc=-&repo=${encodeURIComponent(name)}`;
      await call.act({ method: "POST", path, body: archive }, abort, { absent: "throw" });
    },
    async createContainer(body, abort) {
      const { Id } = await call.make<{ Id: string }>({ method: "POST", path: "/containers/create", body }, abort);
      return Id;
    },
  };
}

/** From when somebody else removes a container until it is gone. */
const removedWithinMs = 30_000;

function waiting(id: string, until: "not-running" | "removed"): EngineRequest {
  return { method: "POST", path: `/containers/${id}/wait?condition=${until}`, idle: true };
}

/** Returns also when that takes too long: whoever waits looks again. */
async function waitFor(
  socketPath: string,
  { id, until, withinMs }: { id: string; until: "not-running" | "removed"; withinMs: number },
  abort: AbortSignal | undefined,
): Promise<void> {
  const limit = AbortSignal.timeout(withinMs);
  try {
    await textOf(await requestEngine(socketPath, waiting(id, until), abort ? AbortSignal.any([abort, limit]) : limit));
  } catch (error) {
    if (!limit.aborted || abort?.aborted) throw error;
  }
}

type NetworkVerbs = Pick<DockerEngine, "networks" | "network" | "removeNetwork" | "connect" | "disconnect">;

function networkVerbs(call: EngineCaller): NetworkVerbs {
  return {
    networks: (filter, abort) => call.list<NetworkDetails>(`/networks?${filters(filter)}`, abort),
    network: (id, abort) => call.json<NetworkDetails>(`/networks/${encodeURIComponent(id)}`, abort),
    async removeNetwork(id, abort) {
      await call.act({ method: "DELETE", path: `/networks/${encodeURIComponent(id)}` }, abort);
    },
    async connect({ network, container, aliases }, abort) {
      const body = { Container: container, EndpointConfig: { Aliases: aliases } };
      await call.act({ method: "POST", path: `/networks/${encodeURIComponent(network)}/connect`, body }, abort, { absent: "throw" });
    },
    async disconnect(network, container, abort) {
      const body = { Container: container, Force: true };
      try {
        await call.act({ method: "POST", path: `/networks/${encodeURIComponent(network)}/disconnect`, body }, abort);
      } catch (error) {
        if (!(error instanceof EngineRefusal && /is not connected to/.test(error.message))) throw error;
      }
    },
  };
}

function filters(filter: LabelFilter): string {
  const label = Object.entries(filter).map(([key, value]) => (value === null ? key : `${key}=${value}`));
  return `filters=${encodeURIComponent(JSON.stringify({ label }))}`;
}

interface Stats {
  memory_stats?: { usage?: number; stats?: { inactive_file?: number; total_inactive_file?: number } };
}

function memoryOf(stats: Stats | null): number | null {
  const { usage, stats: parts } = stats?.memory_stats ?? {};
  if (usage === undefined) return null;
  return Math.max(0, usage - (parts?.total_inactive_file ?? parts?.inactive_file ?? 0));
}

async function* readLogs(socketPath: string, query: LogQueryOptions & { id: string }, abort: AbortSignal): AsyncGenerator<LogFrame[]> {
  const since = `${query.since / 1_000_000_000n}.${String(query.since % 1_000_000_000n).padStart(9, "0")}`;
  const path = `/containers/${query.id}/logs?stdout=1&stderr=1&timestamps=1&follow=${query.follow ? 1 : 0}&since=${since}`;
  const answer = await requestEngine(socketPath, { method: "GET", path, idle: true }, abort);
  if (answer.status === 404) {
    await textOf(answer);
    return;
  }
  if (answer.status >= 300) throw refusal(answer.status, await textOf(answer));
  yield* readLogFrames(answer.body, query.tty);
}
