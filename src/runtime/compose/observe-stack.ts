import type { ContainerDetails, ContainerSummary, DockerEngine, ImageSummary, LabelFilter } from "../../os/docker-engine.ts";
import type { StackContainer, StackMark, StackObservation } from "./compose-stack.ts";
import { composeLabels, labels } from "./labels.ts";

/** What a mark selects; null: everything of this world. */
export function filterOf(mark: StackMark | null, state: string): LabelFilter {
  return mark ? { [labels.environment]: mark.environmentId, [labels.nonce]: mark.nonce } : { [labels.state]: state };
}

/** Of the containers that a filter selects, those that Compose made. */
export function containersOf(engine: DockerEngine, filter: LabelFilter, abort: AbortSignal): Promise<ContainerSummary[]> {
  return engine.containers({ [composeLabels.oneOff]: null, ...filter }, abort);
}

/** Images built for an environment. One that somebody built upon ours has its labels too, but another name. */
export async function imagesOf(engine: DockerEngine, filter: LabelFilter, abort: AbortSignal): Promise<ImageSummary[]> {
  const images = await engine.images(filter, abort);
  return images.filter((image) => namesOf(image).length === 0 || ownTags(image).length > 0);
}

/** Compose names what it builds `<project>-<service>`. */
export function ownTags(image: ImageSummary): string[] {
  const name = `${image.Labels?.[composeLabels.project]}-${image.Labels?.[composeLabels.service]}`;
  // Podman puts `localhost/` before it.
  return namesOf(image).filter((tag) => tag.slice(0, tag.lastIndexOf(":")).replace(/^localhost\//, "") === name);
}

function namesOf({ RepoTags }: ImageSummary): string[] {
  return (RepoTags ?? []).filter((tag) => !tag.startsWith("<none>"));
}

export async function observeStack(engine: DockerEngine, filter: LabelFilter, abort: AbortSignal): Promise<StackObservation> {
  const [summaries, networks, volumes, images] = await Promise.all([
    containersOf(engine, filter, abort),
    engine.networks(filter, abort),
    engine.volumes(filter, abort),
    imagesOf(engine, filter, abort),
  ]);
  const details = await Promise.all(summaries.map(({ Id }) => engine.inspect(Id, abort)));
  return {
    containers: details.filter((each) => each !== null).map(containerOf),
    networks: networks.map((each) => ({
      id: each.Id,
      name: each.Name,
      mark: markOf(each.Labels),
      subnets: (each.IPAM?.Config ?? []).map(({ Subnet }) => Subnet ?? "").filter((subnet) => subnet !== ""),
    })),
    volumes: volumes.map((each) => ({ name: each.Name, mark: markOf(each.Labels) })),
    images: images.map((each) => ({ id: each.Id, tags: ownTags(each), mark: markOf(each.Labels) })),
  };
}

function markOf(found: Record<string, string> | null): StackMark {
  return { environmentId: found?.[labels.environment] ?? "", nonce: found?.[labels.nonce] ?? "" };
}

/** What it holds in volumes that Docker made up a name for; they are its alone, as long as nobody else has one. */
export function unnamedVolumes({ Mounts, Config }: Pick<ContainerDetails, "Mounts" | "Config">): { name: string; destination: string }[] {
  const named = (Config.Labels?.[labels.namedVolumes] ?? "").split(",");
  return (Mounts ?? []).flatMap(({ Type, Name = "", Destination }) =>
    Type === "volume" && isMadeUp(Name) && !named.includes(Name) ? [{ name: Name, destination: Destination }] : [],
  );
}

export function isMadeUp(volume: string): boolean {
  return /^[0-9a-f]{64}$/.test(volume);
}

export function containerOf({ Id, Name, State, Config, NetworkSettings, Mounts = [] }: ContainerDetails): StackContainer {
  const ports = Object.entries(NetworkSettings.Ports ?? {}).flatMap(([key, bindings]) =>
    (bindings ?? []).map(({ HostPort }) => ({ target: Number.parseInt(key, 10), hostPort: Number(HostPort) })),
  );
  const health = State.Health?.Status;
  return {
    id: Id,
    name: Name.replace(/^\//, ""),
    ref: { project: Config.Labels?.[composeLabels.project] ?? "", service: Config.Labels?.[composeLabels.service] ?? "" },
    role: Config.Labels?.[labels.role] ?? "",
    mark: markOf(Config.Labels),
    state: State.Status as StackContainer["state"],
    exitCode: State.Running || State.Status === "created" ? null : State.ExitCode,
    health: health === "starting" || health === "healthy" || health === "unhealthy" ? health : null,
    image: Config.Image,
    ports,
    networks: Object.keys(NetworkSettings.Networks ?? {}),
    networkIds: Object.values(NetworkSettings.Networks ?? {}).flatMap(({ NetworkID }) => (NetworkID ? [NetworkID] : [])),
    volumes: (Mounts ?? []).flatMap(({ Type, Name }) => (Type === "volume" && Name ? [Name] : [])),
    unnamedVolumes: unnamedVolumes({ Mounts, Config }).length > 0,
  };
}
