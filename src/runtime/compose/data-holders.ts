// Which containers hold what nobody makes again. An image that wants a volume (`VOLUME`) says so itself: databases, caches and queues do.
import type { ContainerDetails, ContainerSummary, DockerEngine, LabelFilter } from "../../os/docker-engine.ts";
import { composeLabels, labels } from "./labels.ts";
import { containersOf, unnamedVolumes } from "./observe-stack.ts";

/** Those whose image wants a volume, and that have none with a name there: what they write goes with them. */
export async function keepingData(
  engine: DockerEngine,
  containers: readonly ContainerDetails[],
  abort: AbortSignal,
): Promise<ContainerDetails[]> {
  return having(engine, { containers, volumes: (one) => unnamedVolumes(one).map(({ destination }) => destination) }, abort);
}

/** Services whose containers have a volume where their image wants one, and volumes that no container has. */
export async function dataHolders(engine: DockerEngine, filter: LabelFilter, abort: AbortSignal): Promise<string[]> {
  const containers = await inspected(engine, await containersOf(engine, filter, abort), abort);
  const volumes = ({ Mounts }: ContainerDetails) => (Mounts ?? []).filter(({ Type }) => Type === "volume");
  const holding = await having(engine, { containers, volumes: (one) => volumes(one).map(({ Destination }) => Destination) }, abort);
  const mounted = new Set(containers.flatMap((one) => volumes(one).map(({ Name }) => Name)));
  const alone = (await engine.volumes(filter, abort)).filter(({ Name }) => !mounted.has(Name)).map(({ Name }) => Name);
  const services = holding.map(({ Name, Config }) => Config.Labels?.[composeLabels.service] ?? Name.replace(/^\//, ""));
  return [...new Set([...services, ...alone])].sort();
}

export async function inspected(
  engine: DockerEngine,
  containers: readonly ContainerSummary[],
  abort: AbortSignal,
): Promise<ContainerDetails[]> {
  const all = await Promise.all(containers.map(({ Id }) => engine.inspect(Id, abort)));
  return all.filter((details) => details !== null);
}

async function having(
  engine: DockerEngine,
  { containers, volumes }: { containers: readonly ContainerDetails[]; volumes: (container: ContainerDetails) => string[] },
  abort: AbortSignal,
): Promise<ContainerDetails[]> {
  const found = await Promise.all(
    containers.map(async (container) => {
      const places = container.Config.Labels?.[labels.role] === "one-off" ? [] : volumes(container);
      if (places.length === 0) return [];
      const wanted = await engine.imageVolumes(container.Image, abort);
      return places.some((place) => wanted.includes(place)) ? [container] : [];
    }),
  );
  return found.flat();
}
