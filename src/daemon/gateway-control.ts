// The gateway's place in the daemon: which port, which routes, what to say about a service that does not answer.
import type { ServiceView } from "../api/environment.ts";
import type { GatewayView } from "../api/operations.ts";
import type { Ledger } from "../environment/ledger.ts";
import { environmentRoutes, hostSuffix } from "../environment/routes.ts";
import { WtError } from "../errors/wt-error.ts";
import { type Gateway, type ServiceCondition, startGateway } from "../gateway/gateway.ts";
import { RouteTable } from "../gateway/route-table.ts";
import type { Clock } from "../os/clock.ts";
import { createRequestMemory } from "./activity.ts";
import { lastLines } from "./health.ts";
import { portHolderName } from "./port-holder.ts";
import { serviceViews } from "./service-views.ts";
import type { World } from "./world.ts";

const portSetting = "gateway.port";
const retryMs = 2_000;
/** Port 80 where the system allows it, else one stable high port. */
const candidates = [80, 7080, 7081, 7082, 7083, 7084, 7085, 7086, 7087, 7088, 7089];

export interface GatewayControl {
  /** The port every URL is built with; stable, also while a stranger holds it. */
  readonly port: number;
  /** Routes of an environment, from what the supervisor knows of its services. */
  sync(environmentId: string): void;
  forget(environmentId: string): void;
  serviceViews(environmentId: string): ServiceView[];
  view(): Promise<GatewayView>;
  stop(): Promise<void>;
}

export interface GatewayControlOptions {
  ledger: Ledger;
  clock: Clock;
  /** `WT_GATEWAY_PORT`. */
  wantedPort: number | null;
  /** The world this becomes a part of; read only after it was built. */
  world: () => World;
}

export async function startGatewayControl(options: GatewayControlOptions): Promise<GatewayControl> {
  const table = new RouteTable();
  const stopping = new AbortController();
  const requests = createRequestMemory(options.world);
  const start = (port: number) =>
    startGateway({
      onActivity: requests.note,
      port,
      table,
      condition: (environmentId, service) => condition(options.world(), environmentId, service),
      serves: (environmentId, service) => serves(options.world(), environmentId, service),
    });
  let { port, gateway } = await firstPort(options, start);
  const keepTrying = async () => {
    while (!gateway) {
      await options.clock.sleep(retryMs, stopping.signal);
      gateway = await start(port).catch(() => null);
    }
  };
  keepTrying().catch((error) => {
    if (!stopping.signal.aborted) options.world().report(error);
  });
  return {
    get port() {
      return port;
    },
    sync: (environmentId) => syncRoutes(options.world(), table, environmentId),
    forget: (environmentId) => table.remove(environmentId),
    serviceViews: (environmentId) => serviceViews(options.world(), environmentId),
    view: async () => ({
      state: gateway ? "listening" : "port_taken",
      port,
      urlSuffix: hostSuffix(port),
      holder: gateway ? null : await portHolderName(port),
      routes: table.all().map(({ environmentId: _, ...route }) => route),
      requests: gateway?.stats().requests ?? 0,
    }),
    stop: async () => {
      stopping.abort(new Error("the daemon stops"));
      await gateway?.stop();
      gateway = null;
      port = 0;
    },
  };
}

async function firstPort(
  { ledger, wantedPort }: GatewayControlOptions,
  start: (port: number) => Promise<Gateway>,
): Promise<{ port: number; gateway: Gateway | null }> {
  const kept = ledger.setting(portSetting);
  const fixed = wantedPort ?? (kept === null ? null : Number(kept));
  for (const port of fixed === null ? candidates : [fixed]) {
    try {
      const gateway = await start(port);
      ledger.putSetting(portSetting, String(port));
      return { port, gateway };
    } catch (error) {
      if (WtError.from(error).kind === "internal") throw error;
    }
  }
  return { port: fixed ?? 7080, gateway: null };
}

function syncRoutes(world: World, table: RouteTable, environmentId: string): void {
  const environment = world.ledger.environment(environmentId);
  const project = environment ? world.ledger.project(environment.projectId) : null;
  if (!environment || !project) {
    table.remove(environmentId);
    return;
  }
  const plans = world.supervisor.runners(environmentId).flatMap((runner) => (runner.plan ? [runner.plan] : []));
  const services = plans.map((plan) => ({ name: plan.spec.service, routes: plan.routes }));
  const ports = Object.fromEntries(plans.flatMap((plan) => (plan.spec.port === null ? [] : [[plan.spec.service, plan.spec.port]])));
  table.replace(environmentId, environmentRoutes({ project, environment, services, ports }));
}

/** A running service was seen to listen itself; any other may have lost its port to a stranger, so the listener is looked at. */
function serves(world: World, environmentId: string, service: string): boolean | Promise<boolean> {
  const { status, instance, plan } = world.supervisor.runner(environmentId, service) ?? {};
  if (!status?.live || !instance || plan?.spec.port == null) return false;
  if (status.phase === "Running" || !world.driver.features.listeners) return true;
  return world.driver.listener(instance, plan.spec.port).then(({ owner }) => owner === "ours" || owner === "unknown");
}

async function condition(world: World, environmentId: string, service: string): Promise<ServiceCondition> {
  const runner = world.supervisor.runner(environmentId, service);
  if (!runner) return { state: "Stopped", ready: false, starting: false, reason: null, logTail: [], retryAfterMs: null };
  const { phase, reason } = runner.status;
  const starting = phase === "Starting" || phase === "Waiting" || phase === "Restarting";
  return {
    state: phase,
    ready: phase === "Running",
    starting,
    reason: phase === "Stopped" ? null : reason,
    logTail: await lastLines(world, runner),
    retryAfterMs: starting ? 1_000 : null,
  };
}
