// Shared services while they run: started under the supervisor of their own, and waited for.
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Door } from "../environment/container-variables.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import type { ServicePlan } from "../environment/service-plan.ts";
import { WtError } from "../errors/wt-error.ts";
import { mountedVolumes } from "../runtime/compose/mounted-volumes.ts";
import type { ComposeModel } from "../runtime/compose/transform/compose-model.ts";
import { lastLines } from "./health.ts";
import type { ServiceRunner } from "./service-runner.ts";
import { isReady } from "./service-waits.ts";
import { sharedName, spokenName } from "./shared-names.ts";
import { sharedPlan } from "./shared-plan.ts";
import { sharedMark } from "./stack-model.ts";
import type { World } from "./world.ts";

export interface SharedService {
  main: EnvironmentRecord;
  /** Compose project. */
  name: string;
  service: string;
  /** As Compose reads it, and as it is made. */
  model: ComposeModel;
  made: ComposeModel;
  /** All that run once. */
  shared: readonly string[];
  doors: readonly Door[];
}

/** Changes when its container has to be made anew. */
export function sharedDefinition(model: ComposeModel, service: string): string {
  return createHash("sha256")
    .update(JSON.stringify([model.services[service] ?? null, mountedVolumes(model, service)]))
    .digest("hex");
}

/** Supervised like services; what runs keeps running. */
export function startShared(world: World, services: readonly SharedService[]): void {
  const plans = services.map((service) => servicePlanOf(world, service));
  // All of them first: one waits only for needs that are known.
  for (const plan of plans) world.shared.announce(plan.spec.environmentId, plan);
  for (const plan of plans) world.shared.start(plan.spec.environmentId, plan);
}

function servicePlanOf(world: World, shared: SharedService): ServicePlan {
  const { main, name, service, made, doors } = shared;
  const port = doors.find((door) => door.service === service)?.port ?? null;
  const { graceMs, ...life } = sharedPlan({ ...shared, port });
  return {
    spec: {
      environmentId: main.id,
      nonce: sharedMark(main).nonce,
      service: sharedName(service),
      command: "",
      directory: main.path,
      env: {},
      port,
      logPath: join(world.paths.environments, main.id, `shared-${service}.log`),
      stop: { signal: "SIGTERM", graceMs },
      container: { project: name, service },
    },
    ...life,
    successCodes: [],
    routes: [],
    definition: sharedDefinition(made, service),
  };
}

/** Throws `WtError` (`unhealthy`, `shared_unhealthy`) with reasons and last log lines when one does not become ready. */
export async function awaitShared(
  world: World,
  main: EnvironmentRecord,
  wait: { services: readonly string[]; abort: AbortSignal },
): Promise<void> {
  await world.shared.whenSettled(main.id, wait.services.map(sharedName), wait.abort);
  const sick = wait.services.flatMap((service) => {
    const runner = world.shared.runner(main.id, sharedName(service));
    return runner && !isReady(runner) ? [{ service, runner }] : [];
  });
  if (sick.length === 0) return;
  const logs = await Promise.all(sick.map(async ({ service, runner }) => ({ service, lines: await lastLines(world, runner) })));
  throw new WtError({
    kind: "unhealthy",
    code: "shared_unhealthy",
    message: sick
      .map(({ service, runner }) => `The shared service ${service} is ${runner.status.phase}: ${reasonOf(world, runner)}`)
      .join(" "),
    hints: [
      ...logs.flatMap(({ service, lines }) => lines.map((line) => `  ${service} | ${line}`)),
      "Mend it, then try again: wt shared up",
    ],
  });
}

function reasonOf(world: World, runner: ServiceRunner): string {
  const needed = world.shared.vainNeed(runner);
  return needed
    ? `It waits for ${spokenName(needed.name)}, which is ${needed.status.phase}.`
    : (runner.status.reason ?? "no reason is known.");
}
