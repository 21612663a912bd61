// Compose takes over what bears the names of its project, whoever made it: another container is made in its place, and a volume is used as it is.
import { WtError } from "../../errors/wt-error.ts";
import type { DockerEngine } from "../../os/docker-engine.ts";
import type { StackMark, StackModel } from "./compose-stack.ts";
import { composeLabels, labels } from "./labels.ts";
import { asObject } from "./stamp-model.ts";

/** Throws `WtError` (`refused`, `stack_foreign`) when something on this engine that has the stack's names was made by somebody else. */
export async function refuseForeign(engine: DockerEngine, stack: StackModel, abort: AbortSignal): Promise<void> {
  const { project, mark } = stack;
  const ofProject = { [composeLabels.project]: project };
  const wanted = volumeNames(stack);
  const [containers, networks, volumes] = await Promise.all([
    engine.containers({ ...ofProject, [composeLabels.oneOff]: "False" }, abort),
    engine.networks(ofProject, abort),
    wanted.size === 0 ? [] : engine.volumes({}, abort),
  ]);
  const foreign = [
    ...containers.filter((one) => !isOwn(one, mark)).map(({ Id, Names }) => ({ kind: "container", name: Names[0]?.slice(1) ?? Id })),
    ...networks.filter((one) => !isOwn(one, mark)).map(({ Name }) => ({ kind: "network", name: Name })),
    ...volumes.filter((one) => wanted.has(one.Name) && !isOwn(one, mark)).map(({ Name }) => ({ kind: "volume", name: Name })),
  ];
  const [first, ...more] = foreign;
  if (!first) return;
  const others = more.length === 0 ? "" : ` (and ${more.map(({ kind, name }) => `the ${kind} ${name}`).join(", ")})`;
  throw new WtError({
    kind: "refused",
    code: "stack_foreign",
    message: `The ${first.kind} ${first.name}${others} bears a name that the containers of ${project} need, and wt did not make it.`,
    hints: [
      `See what it is: docker compose -p ${project} ps --all; docker ${first.kind} inspect ${first.name}`,
      "Remove it if nobody needs it, then try again; or delete this environment and create it again: it gets other names.",
    ],
    details: { project, foreign },
  });
}

function isOwn({ Labels }: { Labels: Record<string, string> | null }, { environmentId, nonce }: StackMark): boolean {
  return Labels?.[labels.environment] === environmentId && Labels?.[labels.nonce] === nonce;
}

/** Of those that Compose would make. */
function volumeNames({ project, model }: StackModel): Set<string> {
  const entries = Object.entries(asObject(model.volumes)).map(([key, volume]) => ({ key, volume: asObject(volume) }));
  return new Set(entries.flatMap(({ key, volume }) => (volume.external ? [] : [String(volume.name ?? `${project}_${key}`)])));
}
