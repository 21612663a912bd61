// Shared services while they run: started under the supervisor of their own, and waited for.
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Door } from "../environment/container-variables.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import type { ServicePlan } from "../environment/service-plan.ts";
import { WtError } from "../errors/wt-error.ts";
import type { ComposeModel, ComposeObject } from "../runtime/compose/transform/compose-model.ts";
import { lastLines } from "./health.ts";
import { isReady } from "./service-waits.ts";
import { sharedName } from "./shared-names.ts";
import { sharedMark } from "./stack-model.ts";
import type { World } from "./world.ts";

export interface SharedService {
  main: EnvironmentRecord;
  /** Compose project. */
  name: string;
  service: string;
  /** As it is made. */
  model: ComposeModel;
  doors: readonly Door[];
}

/** Changes when its container has to be made anew. */
export function sharedDefinition(model: ComposeModel, service: string): string {
  return createHash("sha256")
    .update(JSON.stringify(model.services[service] ?? null))
    .digest("hex");
}

/** Supervised like a service; one that runs keeps running. */
export function startShared(world: World, shared: SharedService): void {
  const { main, name, service, model, doors } = shared;
  const described: ComposeObject = model.services[service] ?? {};
  const port = doors.find((door) => door.service === service)?.port ?? null;
  const plan: ServicePlan = {
    spec: {
      environmentId: main.id,
      nonce: sharedMark(main).nonce,
      service: sharedName(service),
      command: "",
      directory: main.path,
      env: {},
      port,
      logPath: join(world.paths.environments, main.id, `shared-${service}.log`),
      stop: { signal: "SIGTERM", graceMs: 10_000 },
      container: { project: name, service },
    },
    ready: hasHealthcheck(described) ? { kind: "healthcheck" } : port === null ? { kind: "none" } : { kind: "tcp" },
    readyTimeoutMs: 120_000,
    needs: [],
    restart: "always",
    successCodes: [],
    routes: [],
    definition: sharedDefinition(model, service),
  };
  world.shared.start(main.id, plan);
}

function hasHealthcheck({ healthcheck }: ComposeObject): boolean {
  if (typeof healthcheck !== "object" || healthcheck === null || Array.isArray(healthcheck)) return false;
  const test = Array.isArray(healthcheck.test) ? healthcheck.test[0] : healthcheck.test;
  return healthcheck.disable !== true && test !== undefined && test !== "NONE";
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
      .map(
        ({ service, runner }) =>
          `The shared service ${service} is ${runner.status.phase}: ${runner.status.reason ?? "no reason is known."}`,
      )
      .join(" "),
    hints: [
      ...logs.flatMap(({ service, lines }) => lines.map((line) => `  ${service} | ${line}`)),
      "Mend it, then try again: wt shared up",
    ],
  });
}
