// Containers of an environment: made right before they start, when everything they get is known, and removed with all that stands beside them.
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import type { StackMark } from "../runtime/compose/compose-stack.ts";
import { modelPart } from "../runtime/compose/model-part.ts";
import { type Call, never } from "./journaled-run.ts";
import { stackCall } from "./prepare-stack.ts";
import { connectShared, disconnectShared, dropStale } from "./shared-connections.ts";
import { projectLease, releaseStack, stackLeases, updateProjectLease } from "./stack-leases.ts";
import { containerServices, markOf, refuseUnsafe, sharedMark, stackOf, transformFor } from "./stack-model.ts";
import type { StepContext } from "./steps.ts";
import type { World } from "./world.ts";

/** Those of the services that are containers and do not run. Each is connected to the shared services before it starts. */
export async function makeContainers(context: StepContext, names: readonly string[]): Promise<void> {
  const { world, session } = context;
  const { environment, project, stack } = session;
  const all = containerServices(session.config);
  const missing = all.filter(({ name }) => names.includes(name) && !world.supervisor.runner(environment.id, name)?.status.live);
  if (!stack || missing.length === 0) return;
  // All of them: one may be in the network of another that runs already, or have its mounts.
  const wanted = { stack, services: all.map(({ name }) => name), variables: missing.map(({ name }) => name) };
  const { model, refusals, aliases } = transformFor(world, session, wanted);
  refuseUnsafe(refusals);
  const known = all.map(({ container }) => container.service);
  const anew = await dropStale(world, { mark: markOf(environment), services: known, model }, context.abort);
  const services = missing.map(({ container }) => container.service);
  await world.stack.create(stackOf(session, stack, modelPart(model, services)), stackCall(context, "start"), { services, anew });
  await connectShared(world, project, { aliases, abort: context.abort });
}

/** Also those that somebody has started by hand. An engine that does not answer keeps nobody from being down: it is told. */
export async function stopContainers(world: World, environment: EnvironmentRecord, call: Call): Promise<void> {
  if (!projectLease(world, environment.id, "environment")) return;
  await world.stack.stop(markOf(environment), "environment", call.abort).catch((error: unknown) => {
    const failure = WtError.from(error);
    if (failure.kind !== "machine") throw error;
    call.emit({
      type: "note",
      message: `Whether a container of ${environment.slug} runs that was started by hand is not known: ${failure.message}`,
    });
  });
}

/** Verified; `volumes` false: what they hold stays, under its lease. Idempotent. */
export async function removeContainers(world: World, environment: EnvironmentRecord, { volumes }: { volumes: boolean }): Promise<void> {
  if (stackLeases(world, environment.id, null).length === 0) return;
  await disconnectShared(world, environment, never()).catch((error: unknown) => {
    // Such as a full disk, which what is removed now gives room. The networks themselves are verified, and cannot go while something is in them.
    if (WtError.from(error).kind !== "machine") throw error;
  });
  const marks = [markOf(environment), ...(environment.main ? [sharedMark(environment)] : [])];
  for (const mark of marks) await removeMarked(world, { slug: environment.slug, mark, volumes });
  if (!volumes) await noteKept(world, environment);
  releaseStack(world, environment.id, { volumes });
}

/** Some stay for what they hold: see `RemoveOptions.volumes`. */
async function noteKept(world: World, environment: EnvironmentRecord): Promise<void> {
  const { containers } = await world.stack.observe(markOf(environment), never());
  const lease = projectLease(world, environment.id, "environment");
  if (lease) updateProjectLease(world, lease, { holding: containers.map(({ ref }) => ref.service) });
}

/** Throws `WtError` (`machine`, `containers_remain`) that says what is still there. */
export async function removeMarked(world: World, going: { slug: string; mark: StackMark; volumes: boolean }): Promise<void> {
  const leftovers = await world.stack.remove(going.mark, { volumes: going.volumes, images: true }, never());
  if (leftovers.length === 0) return;
  throw new WtError({
    kind: "machine",
    code: "containers_remain",
    message: `Not all containers of ${going.slug} could be removed: ${leftovers.join(" ")}`,
    hints: ["Try again; see what holds them: docker ps --all"],
  });
}
