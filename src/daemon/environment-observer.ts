import { existsSync } from "node:fs";
import type { Config } from "../config/config.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import type { ObservedEnvironment, ObservedService } from "../environment/plan.ts";
import { isDoubtful } from "../environment/service-machine.ts";
import { leasedPorts } from "./port-leases.ts";
import { type LeasedResource, leasedResources } from "./resources.ts";
import type { ServiceRunner } from "./service-runner.ts";
import { isSetupDone } from "./setup-inputs.ts";
import { stackLeases } from "./stack-leases.ts";
import type { World } from "./world.ts";

/** Stamp that `copy:` and `clone:` were carried out in this worktree. */
export const filledStamp = "worldtree:files";
export const filledDone = "done";

export function markFilled({ world, session }: { world: World; session: { environment: EnvironmentRecord } }): void {
  world.ledger.putSetupStamp({ environmentId: session.environment.id, step: filledStamp, hash: filledDone });
}

/** Who does not say that it is gone within this time counts as there. */
const absenceLookMs = 2_000;

/** What is there of an environment now. `definitions` gives what each service would run by the present config. */
export async function observeEnvironment(
  world: World,
  environment: EnvironmentRecord,
  wanted: { config: Config | null; definitions: Readonly<Record<string, string>> },
): Promise<ObservedEnvironment> {
  const setupDone = await Promise.all((wanted.config?.setup ?? []).map((step) => isSetupDone(world, environment, step)));
  return {
    worktree: observeWorktree(world, environment),
    filled: environment.main || world.ledger.setupStamp(environment.id, filledStamp) === filledDone,
    setupDone,
    services: world.supervisor.runners(environment.id).map((runner) => observeService(runner, wanted.definitions[runner.name])),
    resources: await observeResources(world, environment, wanted.config),
    leasedPorts: validPortLeases(world, environment, wanted.config),
    stack: stackLeases(world, environment.id, environment.main ? null : "environment").length > 0,
  };
}

/** What is in doubt is started, which looks at it again; when it would run something else by now, it has to be stopped first. */
function observeService({ name, status, plan }: ServiceRunner, definition: string | undefined): ObservedService {
  const current = definition === undefined || plan?.definition === definition;
  const doubtful = isDoubtful(status) && current;
  return {
    name,
    live: (status.live || status.phase === "Waiting") && !doubtful,
    pausing: status.phase === "Restarting" || status.phase === "CrashLoopBackOff" || doubtful,
    current,
  };
}

/** One that did not come to its end, or that somebody removed, is made anew when it is wanted, and removed like any other. */
async function observeResources(world: World, environment: EnvironmentRecord, config: Config | null): Promise<string[]> {
  const leased = leasedResources(world, environment.id);
  if (config === null) return leased.map((one) => one.spec.name);
  const found = leased.map(async (one) => (one.connection !== null && !(await isAbsent(world, one)) ? [one.spec.name] : []));
  return (await Promise.all(found)).flat();
}

async function isAbsent(world: World, { type, spec }: LeasedResource): Promise<boolean> {
  const look = world.resources
    .get(type)
    ?.observe(spec)
    .catch(() => null);
  const seen = await Promise.race([look, world.clock.sleep(absenceLookMs).then(() => null)]);
  return seen?.state === "absent";
}

function observeWorktree(world: World, environment: EnvironmentRecord): ObservedEnvironment["worktree"] {
  const lease = world.ledger.leases({ environmentId: environment.id, kind: "worktree" })[0];
  if (lease?.data.takenBack === true) return "absent";
  if (lease?.state === "intended") return "partial";
  if (lease?.state === "removing") return "present";
  return existsSync(environment.path) || environment.ownsWorktree ? "present" : "absent";
}

/** A predictable port whose base was changed in the config counts as not leased yet. */
function validPortLeases(world: World, environment: EnvironmentRecord, config: Config | null): string[] {
  const policies = new Map((config?.services ?? []).map((service) => [service.name, service.port]));
  return Object.entries(leasedPorts(world, environment.id)).flatMap(([service, port]) => {
    const policy = policies.get(service);
    return policy?.kind === "slot" && policy.base + environment.slot !== port ? [] : [service];
  });
}
