import type { DockerEngine, NetworkDetails } from "../../os/docker-engine.ts";
import { EngineRefusal } from "../../os/engine-refusal.ts";
import type { RemoveOptions, StackMark } from "./compose-stack.ts";
import { inspected, keepingData } from "./data-holders.ts";
import { composeLabels, labels } from "./labels.ts";
import { containersOf, filterOf, imagesOf, observeStack, ownTags, unnamedVolumes } from "./observe-stack.ts";
import { stopById } from "./stop-container.ts";

export interface RemoveRequest {
  mark: StackMark;
  options: RemoveOptions;
  /** State directory of this world. */
  state: string;
}

/** See `ComposeStack.remove`. What the engine refuses is left, with its reason; then all is looked at again. */
export async function removeStack(engine: DockerEngine, { mark, options, state }: RemoveRequest, abort: AbortSignal): Promise<string[]> {
  const filter = {
    ...filterOf(mark, state),
    ...(options.role === undefined ? {} : { [labels.role]: options.role }),
    ...(options.service === undefined ? {} : { [composeLabels.service]: options.service }),
  };
  const containersOnly = options.role !== undefined || options.service !== undefined;
  const reasons = new Map<string, string>();
  const attempt = async (id: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof EngineRefusal)) throw error;
      reasons.set(id, error.message);
    }
  };
  const containers = await inspected(engine, await containersOf(engine, filter, abort), abort);
  const keeping = containersOnly || options.volumes ? [] : await keepingData(engine, containers, abort);
  const kept = new Set(keeping.flatMap(({ Id, Image }) => [Id, Image]));
  const running = await Promise.all(keeping.map(({ Id }) => stopById(engine, Id, mark.nonce)));
  const going = containers.filter(({ Id }) => !kept.has(Id));
  await Promise.all(going.map(({ Id }) => attempt(Id, () => engine.removeContainer(Id, abort))));
  // After Compose has made a container anew they do not go with it. One that another container has stays.
  for (const { name } of going.flatMap(unnamedVolumes)) await attempt(name, () => engine.removeVolume(name, abort));
  if (!containersOnly) {
    if (options.volumes) {
      for (const { Name } of await engine.volumes(filter, abort)) await attempt(Name, () => engine.removeVolume(Name, abort));
    }
    if (options.images) {
      for (const image of await imagesOf(engine, filter, abort)) {
        if (kept.has(image.Id)) continue;
        // With its last name the image itself goes; a name that somebody else gave it keeps it.
        const tags = ownTags(image);
        for (const name of tags.length > 0 ? tags : [image.Id]) await attempt(image.Id, () => engine.removeImage(name, abort));
      }
    }
    // Last: on a full disk nothing can be detached before something is gone.
    for (const { Id } of await engine.networks(filter, abort)) {
      await attempt(Id, async () => {
        await detachOwn(engine, { network: await engine.network(Id, abort), state }, abort);
        await engine.removeNetwork(Id, abort);
      });
    }
  }
  const seen = await observeStack(engine, filter, abort);
  const isLeft = ({ id }: { id: string }) => !kept.has(id);
  const left = { ...seen, containers: seen.containers.filter(isLeft), images: seen.images.filter(isLeft) };
  const because = (id: string) => (reasons.has(id) ? ` (${reasons.get(id)})` : "");
  const sentences = left.containers.map(({ id, name }) => `The container ${name} is still there${because(id)}.`);
  if (containersOnly) return sentences;
  sentences.push(...running.flat());
  for (const { id, name } of left.networks) sentences.push(`The network ${name} is still there${because(id)}.`);
  if (options.volumes) for (const { name } of left.volumes) sentences.push(`The volume ${name} is still there${because(name)}.`);
  if (options.images) for (const { id, tags } of left.images) sentences.push(`The image ${tags[0] ?? id} is still there${because(id)}.`);
  return sentences;
}

/** Our own containers of other environments would keep the network alive; a stranger's container stays in it, and so does the network. */
async function detachOwn(
  engine: DockerEngine,
  { network, state }: { network: NetworkDetails | null; state: string },
  abort: AbortSignal,
): Promise<void> {
  if (!network) return;
  const attached = Object.keys(network.Containers ?? {});
  if (attached.length === 0) return;
  const own = new Set((await engine.containers({ [labels.state]: state }, abort)).map(({ Id }) => Id));
  for (const container of attached.filter((id) => own.has(id))) await engine.disconnect(network.Id, container, abort);
}
