// The plan's step `stack`: the compose file read and rewritten, names and subnets leased, images built, the shared services running. No container yet: those
// get the variables of resources, which are made after this.
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import type { Config } from "../config/config.ts";
import { WtError } from "../errors/wt-error.ts";
import { entryAt } from "../os/files.ts";
import { readRoutes } from "../os/routes.ts";
import type { StackCall } from "../runtime/compose/compose-stack.ts";
import { requireVariables } from "../runtime/compose/given-files.ts";
import { imageIdOf } from "../runtime/compose/image-id-of.ts";
import { modelPart } from "../runtime/compose/model-part.ts";
import { mountedVolumes } from "../runtime/compose/mounted-volumes.ts";
import type { TransformResult, TransformWarning } from "../runtime/compose/transform/transform-result.ts";
import { composeProgress } from "./compose-progress.ts";
import { leaseFurtherPorts } from "./further-ports.ts";
import { mainEnvironment } from "./main-environment.ts";
import { ensureShared } from "./shared-stack.ts";
import {
  claimComposeProject,
  claimParts,
  claimSubnets,
  projectLease,
  releaseLostSubnets,
  type StackOwner,
  updateProjectLease,
} from "./stack-leases.ts";
import {
  composeSource,
  containerServices,
  markOf,
  projectDirectory,
  refuseUnsafe,
  type StackPlace,
  sharedMark,
  transformFor,
} from "./stack-model.ts";
import type { StepContext } from "./steps.ts";
import { together } from "./together.ts";
import type { World } from "./world.ts";

export async function prepareStack(context: StepContext): Promise<void> {
  const { world, session, abort } = context;
  const { environment, project, config } = session;
  if (!config.compose) return;
  const owner: StackOwner = { project, environment, role: "environment" };
  const isFirst = projectLease(world, environment.id, "environment") === null;
  const [, taken] = await Promise.all([world.stack.checkEngine(abort), takenProjects(world, owner, abort)]);
  const place = { project: claimComposeProject(world, owner, taken), sharedProject: await sharedProject(context) };
  const source = composeSource(world, session, place.project);
  const model = await world.stack.readModel(source, abort);
  const from = { directory: projectDirectory(source), env: await world.stack.readVariables(source, model, abort) };
  await leaseFurtherPorts(world, environment, { services: containerServices(config), model });
  const services = containerServices(config).map(({ name }) => name);
  const draft = transformFor(world, session, { stack: { ...place, model, doors: [] }, services, variables: [] });
  refuseUnsafe(draft.refusals);
  // Before anything is built. Later only what is made anew needs them, and another shell may not have them.
  if (isFirst) requireVariables(draft.model, from.env);
  claimParts(world, owner, draft.names);
  await leaseSubnets(world, owner, { draft, abort });
  await makeBinds(draft, environment.path);
  for (const warning of draft.warnings) if (!isAnswered(config, warning)) context.emit({ type: "note", message: warning.message });
  const stack = { ...from, project: place.project, model: draft.model, mark: markOf(environment) };
  const [, doors] = await together(abort, [
    (abort) => world.stack.ensureImages(stack, { ...stackCall(context), abort }),
    (abort) => ensureShared(world, session, { ...context, abort }),
  ] as const);
  await ensureSharedVolumes(context, place.sharedProject, draft);
  const { names, aliases, binds } = draft;
  session.stack = {
    ...place,
    ...from,
    model,
    names,
    aliases,
    binds,
    doors,
    definitions: await readDefinitions(context, { ...place, model, doors }),
  };
  const lease = projectLease(world, environment.id, "environment");
  if (lease) {
    updateProjectLease(world, lease, {
      aliases: aliases.map(({ service, networkName, aliases }) => ({ service, networkName, aliases })),
      binds: binds.map(({ service, source, target }) => ({ service, source, target })),
    });
  }
}

/** What wt.yaml says of a variable comes after the draft. */
export function isAnswered(config: Config, { rule, service, key }: Pick<TransformWarning, "rule" | "service" | "key">): boolean {
  if (rule !== "address-in-variable") return false;
  const own = containerServices(config).find(({ container }) => container.service === service);
  return Object.hasOwn({ ...config.env, ...own?.env }, key.replace(/^environment\./, ""));
}

/** What is done with images and containers, as lines of this step. */
export function stackCall({ emit, abort }: Pick<StepContext, "emit" | "abort">, step = "stack"): StackCall {
  return { abort, report: composeProgress((line) => emit({ type: "output", step, stream: "stdout", line })) };
}

/** Asked only while that owner's name has to be chosen. */
export async function takenProjects(world: World, { environment, role }: StackOwner, abort: AbortSignal): Promise<ReadonlySet<string>> {
  if (projectLease(world, environment.id, role)) return new Set();
  return new Set(await world.stack.takenProjects(abort));
}

async function sharedProject({ world, session, abort }: StepContext): Promise<string> {
  const { project, config } = session;
  const { shared, sharedVolumes } = config.compose ?? { shared: [], sharedVolumes: [] };
  if (shared.length === 0 && sharedVolumes.length === 0) return "";
  const main = mainEnvironment(world, session);
  if (main) {
    const owner: StackOwner = { project, environment: main, role: "shared" };
    return claimComposeProject(world, owner, await takenProjects(world, owner, abort));
  }
  throw new WtError({
    kind: "config",
    code: "main_worktree_missing",
    message: "compose.shared means what the main worktree's compose file has, and this repository has no main worktree.",
    hints: ["Take `shared` and `shared_volumes` out of wt.yaml, so that each environment has its own."],
  });
}

export async function leaseSubnets(world: World, owner: StackOwner, made: { draft: TransformResult; abort: AbortSignal }): Promise<void> {
  const { names } = made.draft;
  if (!names.networks.some(({ made }) => made)) return;
  const [networks, routes] = await Promise.all([world.stack.takenSubnets(made.abort), readRoutes()]);
  const own = new Set(names.networks.map(({ name }) => name));
  const there = new Set(networks.flatMap(({ network }) => (own.has(network) ? [network] : [])));
  const others = networks.filter(({ network }) => !there.has(network));
  releaseLostSubnets(world, owner, { names, there, taken: [...others.map(({ subnet }) => subnet), ...routes] });
  claimSubnets(world, owner, { names, taken: [...networks.map(({ subnet }) => subnet), ...routes] });
}

/** Those that no shared service mounts have nobody else to make them; the others are there by now, as the main worktree's files have them. */
async function ensureSharedVolumes({ world, session, abort }: StepContext, project: string, draft: TransformResult): Promise<void> {
  const main = mainEnvironment(world, session);
  if (!main) return;
  for (const volume of draft.sharedVolumes) {
    world.ledger.claim({ environmentId: main.id, kind: "volume", key: volume.name, data: { role: "shared", key: volume.key } });
    await world.stack.ensureVolume({ ...volume, project, mark: sharedMark(main) }, abort);
  }
}

/** What is missing of the host's directories, Docker would make as root. */
async function makeBinds({ binds }: TransformResult, worktree: string): Promise<void> {
  for (const { source } of binds) {
    if (source.startsWith(`${worktree}/`) && entryAt(source) === null) await mkdir(source, { recursive: true });
  }
}

/** With the images as they are now: one that was built anew means another container. */
async function readDefinitions({ world, session, abort }: StepContext, stack: StackPlace): Promise<Record<string, string>> {
  const services = containerServices(session.config).map(({ name }) => name);
  const { model, names } = transformFor(world, session, { stack, services, variables: [] });
  const { images } = await world.stack.observe(markOf(session.environment), abort);
  const imageOf = (service: string) => {
    const name = names.images.find((one) => one.service === service)?.name;
    return name === undefined ? null : imageIdOf(images, name);
  };
  const hash = (value: unknown) => createHash("sha256").update(JSON.stringify(value)).digest("hex");
  // One that lives in another's container needs another when that one does.
  const parts = (name: string) =>
    Object.entries(modelPart(model, [name]).services).map(([each, service]) => [service, imageOf(each), mountedVolumes(model, each)]);
  return Object.fromEntries(Object.keys(model.services).map((name) => [name, hash(parts(name))]));
}
