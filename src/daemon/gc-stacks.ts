// Containers, networks, volumes and images with this world's labels that no row of the ledger stands for: what a lost ledger, or a removal that nobody
// carried on, has left.
import type { GcItem } from "../api/gc.ts";
import { WtError } from "../errors/wt-error.ts";
import type { StackMark, StackObservation } from "../runtime/compose/compose-stack.ts";
import { labels } from "../runtime/compose/labels.ts";
import { isLedgerTrusted, type Leftovers, removing } from "./gc-leftovers.ts";
import { keptOf } from "./kept-environment.ts";
import { usesContainers } from "./stack-leases.ts";
import { sharedMark } from "./stack-model.ts";
import type { World } from "./world.ts";
import { isOwnNonce } from "./world-nonce.ts";

/** Name of what could not be looked at. */
export const unseenStacks = "of every environment";

export async function collectStacks({ world, dryRun, abort }: Leftovers): Promise<GcItem[]> {
  if (!usesContainers(world.ledger)) return [];
  const found = await observed(world, abort);
  if ("problem" in found)
    return [{ kind: "containers", name: unseenStacks, path: null, bytes: null, outcome: "reported", reason: found.problem }];
  // After the look: what is made meanwhile has its row before.
  const orphans = orphanedMarks(found, knownNonces(world));
  const items: GcItem[] = [];
  for (const { mark, names } of orphans) {
    const item = { kind: "containers" as const, name: names.slice(0, 3).join(", "), path: null, bytes: null };
    if (!isLedgerTrusted(world)) {
      items.push({ ...item, outcome: "reported", reason: "The ledger does not know their environment, but it may have been lost." });
      continue;
    }
    if (!isOwnNonce(world.ledger, mark.nonce)) {
      items.push({ ...item, outcome: "reported", reason: unproven(mark) });
      continue;
    }
    const remove = async () => {
      const leftovers = await world.stack.remove(mark, { volumes: true, images: true }, abort);
      if (leftovers.length > 0) throw new WtError({ kind: "machine", code: "containers_remain", message: leftovers.join(" ") });
    };
    items.push(await removing({ ...item, reason: "Their environment is gone; their labels prove that they were ours." }, dryRun, remove));
  }
  const main = new Set(world.ledger.environments().flatMap((environment) => (environment.main ? [sharedMark(environment).nonce] : [])));
  return [...items, ...unusedVolumes(found, main).map(unusedVolume)];
}

/** Nobody else would name them: they belong to no environment, so none takes them along. What they hold is a person's to give up. */
function unusedVolume(name: string): GcItem {
  const reason = `All environments share it, and no container has it any more. Where nobody needs what it holds: docker volume rm ${name}`;
  return { kind: "volume", name, path: null, bytes: null, outcome: "reported", reason };
}

/** Volumes of these marks that no container has. Pure. */
export function unusedVolumes(
  { containers, volumes }: Pick<StackObservation, "containers" | "volumes">,
  nonces: ReadonlySet<string>,
): string[] {
  const used = new Set(containers.flatMap((container) => container.volumes));
  return volumes.flatMap(({ name, mark }) => (nonces.has(mark.nonce) && !used.has(name) ? [name] : []));
}

function unproven({ nonce }: StackMark): string {
  const filter = `--filter label=${labels.nonce}=${nonce}`;
  return `This ledger never made their environment: a world with the same state directory did, on another machine or before its ledger was lost. Remove by hand what nobody needs: docker ps --all ${filter}; docker volume ls ${filter}`;
}

async function observed(world: World, abort: AbortSignal): Promise<StackObservation | { problem: string }> {
  try {
    return await world.stack.observe(null, abort);
  } catch (error) {
    abort.throwIfAborted();
    const failure = WtError.from(error);
    if (failure.kind === "internal") throw failure;
    return { problem: `They could not be looked at: ${failure.message}` };
  }
}

function knownNonces({ ledger }: World): Set<string> {
  const all = [...ledger.environments(), ...ledger.deleted().map((record) => keptOf(record).environment)];
  return new Set(all.flatMap((environment) => [environment.nonce, sharedMark(environment).nonce]));
}

/** By mark, with the names of what is there. Pure. */
export function orphanedMarks(found: StackObservation, known: ReadonlySet<string>): { mark: StackMark; names: string[] }[] {
  const all = [
    ...found.containers,
    ...found.networks,
    ...found.volumes,
    ...found.images.map(({ mark, tags, id }) => ({ mark, name: tags[0] ?? id })),
  ].filter(({ mark }) => !known.has(mark.nonce));
  return [...Map.groupBy(all, ({ mark }) => `${mark.environmentId} ${mark.nonce}`).values()].flatMap((ours) =>
    ours[0] ? [{ mark: ours[0].mark, names: ours.map(({ name }) => name) }] : [],
  );
}
