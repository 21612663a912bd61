import type { ServiceView } from "../api/environment.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { hostSuffix, serviceUrl } from "../environment/routes.ts";
import type { ServiceRunner } from "./service-runner.ts";
import type { World } from "./world.ts";

/** The services of an environment as the supervisor knows them, in the order of the config they were started from. */
export function serviceViews(world: World, environmentId: string): ServiceView[] {
  const environment = world.ledger.environment(environmentId);
  if (!environment) return [];
  if (world.supervisor.runners(environmentId).length === 0) return neverStarted(world, environment);
  return world.supervisor.runners(environmentId).map((runner) => {
    const port = runner.plan?.spec.port ?? null;
    return {
      name: runner.name,
      state: runner.status.phase,
      port,
      url: port === null ? null : serviceUrl(environment, runner.name, hostSuffix(world.gateway.port)),
      pid: runner.instance?.pid ?? null,
      restarts: runner.status.restarts,
    };
  });
}

function neverStarted(world: World, environment: EnvironmentRecord): ServiceView[] {
  const project = world.ledger.project(environment.projectId);
  const names = project ? world.configured.names(project, environment) : [];
  return names.map((name) => ({ name, state: "Stopped", port: null, url: null, pid: null, restarts: 0 }));
}

/** With everything `wt status` shows. */
export async function detailedServiceViews(world: World, environmentId: string): Promise<ServiceView[]> {
  const views = serviceViews(world, environmentId);
  return Promise.all(
    views.map(async (view) => {
      const runner = world.supervisor.runner(environmentId, view.name);
      return runner ? { ...view, ...(await details(world, runner)) } : view;
    }),
  );
}

async function details(world: World, runner: ServiceRunner): Promise<Partial<ServiceView>> {
  const { plan, instance, status } = runner;
  const observation = instance ? await world.driver.observe(instance) : null;
  const unhealthy = observation?.state === "alive" && observation.health === "unhealthy" ? "Its health check says unhealthy." : null;
  const reason = status.reason ?? unhealthy;
  return {
    ...(reason ? { reason } : {}),
    routes: plan?.routes ?? [],
    directUrl: plan?.spec.port ? `http://127.0.0.1:${plan.spec.port}` : null,
    ...(plan ? { logPath: plan.spec.logPath } : {}),
    memoryBytes: observation?.state === "alive" ? observation.memoryBytes : null,
    startedAt: instance ? new Date(instance.startedAtMs).toISOString() : null,
  };
}
