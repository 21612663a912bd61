// What of a prepared worktree has to be done again for the files and the config that it has now. What is dropped here is made by the plan that follows.
import { resolveCommandReferences } from "../config/command-references.ts";
import type { Config } from "../config/config.ts";
import { isMainShared } from "../config/resource-references.ts";
import { isMadeLate } from "../environment/plan.ts";
import { type RenewedStep, stepsToRedo } from "../environment/pool.ts";
import { referenceLookup } from "../environment/variables.ts";
import type { ResourceSpec } from "../resource/resource-driver.ts";
import { filledStamp } from "./environment-observer.ts";
import { contractInput, type EnvironmentSession } from "./environment-session.ts";
import type { PoolWork } from "./pool-steps.ts";
import { wantedOptions } from "./resource-options.ts";
import { driverOf, followWorktree, type LeasedResource, leasedResources, removeResource } from "./resources.ts";
import { stampKey } from "./setup-inputs.ts";
import { sourceSignature } from "./source-signature.ts";
import type { StepContext } from "./steps.ts";
import type { World } from "./world.ts";

export async function renewMember(context: StepContext, work: PoolWork): Promise<void> {
  const { world, session } = context;
  const { environment, config } = session;
  const { member, commit, refill } = work;
  if (!member) throw new Error("a renewal without a member");
  await followWorktree(world, environment);
  const stale: string[] = [];
  for (const leased of leasedResources(world, environment.id)) {
    context.abort.throwIfAborted();
    const { name } = leased.spec;
    if (await isCurrent(world, session, { leased, work })) continue;
    stale.push(name);
    await removeResource(world, environment, name);
  }
  // A setup command may have filled, or asked, what was made before it.
  const everything = refill || stale.some((name) => name in config.resources && !isMadeLate(config, name));
  const steps = renewedSteps(world, session);
  for (const step of stepsToRedo(steps, { member, commit, claimed: work.from !== null, everything })) {
    world.ledger.putSetupStamp({ environmentId: environment.id, step, hash: "" });
  }
  if (refill) world.ledger.putSetupStamp({ environmentId: environment.id, step: filledStamp, hash: "" });
}

function renewedSteps(world: World, session: EnvironmentSession): RenewedStep[] {
  const commands = resolvedCommands(world, session);
  return session.config.setup.map((step) => {
    const key = stampKey(step);
    return { key, hasInputs: step.inputs.length > 0, command: commands[key] ?? "" };
  });
}

/** Setup step (its stamp's key) → its command as it would run now; one whose references have no value yet is its text. */
export function resolvedCommands(world: World, session: EnvironmentSession): Record<string, string> {
  const lookup = referenceLookup(contractInput(world, session));
  return Object.fromEntries(
    session.config.setup.map((step) => {
      // A service's port by slot is known only when it is leased; then the reference stays one, and counts as another command.
      const resolve = () => resolveCommandReferences(step.run, lookup, `${step.place}.run`);
      return [stampKey(step), step.run.includes("${{") ? attempt(resolve, step.run) : step.run];
    }),
  );
}

function attempt(work: () => string, otherwise: string): string {
  try {
    return work();
  } catch {
    return otherwise;
  }
}

/** What was made is what would be made now. */
async function isCurrent(
  world: World,
  session: EnvironmentSession,
  { leased, work }: { leased: LeasedResource; work: PoolWork },
): Promise<boolean> {
  const { type, spec, connection } = leased;
  const resource = session.config.resources[spec.name];
  if (!resource || resource.type !== type || connection === null) return false;
  const content = await contentOf(world, session, spec.name);
  if (content === null || content !== work.member?.resources[spec.name]) return false;
  const driver = driverOf(world, type);
  const parsed = driver.parseOptions(wantedOptions(world, session, spec.name));
  if (!("options" in parsed) || JSON.stringify(parsed.options) !== JSON.stringify(spec.options)) return false;
  const { state } = await driver.observe({ ...spec, worktree: session.environment.path });
  return state === "ready" || state === "asleep" || state === "shared";
}

/**
 * What decides the content of a resource, as text; null: it has to be made anew in any case. A driver with templates knows its inputs. Else commands may read any file, so
 * the commit counts; and what is copied from the main worktree counts by its size and time.
 */
export async function contentOf(world: World, session: EnvironmentSession, name: string): Promise<string | null> {
  const resource = session.config.resources[name];
  // Nobody can tell what a command of the repository did with the environment's name, and another environment's content moves on.
  if (!resource || resource.type === "exec" || resource.fork !== undefined) return null;
  const leased = leasedResources(world, session.environment.id).find(({ spec }) => spec.name === name);
  if (!leased) return null;
  if (isMainShared(resource)) return "shared";
  const spec: ResourceSpec = { ...leased.spec, worktree: session.environment.path };
  const needed = await driverOf(world, leased.type).templates?.need(spec);
  // Without a key there is no template yet for what the inputs say now, so what was made is of other ones.
  if (needed) return needed.key;
  const source = await sourceSignature(leased.type, spec);
  return source === null ? null : JSON.stringify([hasCommands(session.config, name) ? await headOf(session) : "", source]);
}

function hasCommands({ resources }: Config, name: string): boolean {
  const options = resources[name]?.options ?? {};
  return ["migrate", "seed", "mask"].some((key) => key in options);
}

async function headOf({ git, environment }: EnvironmentSession): Promise<string> {
  return (await git.run(environment.path, ["rev-parse", "HEAD"])).trim();
}
