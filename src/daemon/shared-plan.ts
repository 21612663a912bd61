// How a shared service is started, waited for, restarted and stopped, by what the compose file says. Pure.
import { goDurationMs } from "../config/duration.ts";
import type { ServicePlan } from "../environment/service-plan.ts";
import { livesIn } from "../runtime/compose/model-part.ts";
import { type ComposeModel, type ComposeObject, isObject } from "../runtime/compose/transform/compose-model.ts";
import { sharedName } from "./shared-names.ts";

export interface SharedServiceInFile {
  /** As Compose reads it: with all services, those of environments too. */
  model: ComposeModel;
  service: string;
  /** Those that run once. */
  shared: readonly string[];
  /** By which the host reaches it; null: it publishes none. */
  port: number | null;
}

export type SharedPlan = Pick<ServicePlan, "ready" | "readyTimeoutMs" | "needs" | "restart"> & { graceMs: number };

const readyWithinMs = 120_000;
/** What fills a bucket or a database takes longer than a start. */
const jobWithinMs = 600_000;
const usualGraceMs = 10_000;

export function sharedPlan({ model, service, shared, port }: SharedServiceInFile): SharedPlan {
  const described = model.services[service] ?? {};
  const needs = [...neededBy(described)].filter((name) => name !== service && shared.includes(name)).map(sharedName);
  const grace = typeof described.stop_grace_period === "string" ? goDurationMs(described.stop_grace_period) : null;
  const common = { needs, graceMs: grace ?? usualGraceMs };
  const restart = restartOf(described);
  if (isAwaited(model, service)) return { ...common, ready: { kind: "completed" }, readyTimeoutMs: jobWithinMs, restart };
  const ready = hasHealthcheck(described) ? ({ kind: "healthcheck" } as const) : ({ kind: port === null ? "none" : "tcp" } as const);
  // Whoever serves is to be there whatever it ended with (PostgreSQL that somebody stops ends with 0); anything else may have done its work.
  return { ...common, ready, readyTimeoutMs: readyWithinMs, restart: ready.kind === "none" ? restart : "always" };
}

function neededBy(service: ComposeObject): Set<string> {
  const { depends_on, links } = service;
  const waits = isObject(depends_on) ? Object.keys(depends_on) : [];
  const linked = (Array.isArray(links) ? links : []).flatMap((link) => String(link).split(":")[0] ?? []);
  return new Set([...waits, ...linked, ...livesIn(service)]);
}

/** Another service waits until it has come to its end. */
function isAwaited({ services }: ComposeModel, service: string): boolean {
  return Object.values(services).some(({ depends_on }) => {
    const condition = isObject(depends_on) ? depends_on[service] : undefined;
    return isObject(condition) && condition.condition === "service_completed_successfully";
  });
}

function restartOf({ restart, deploy }: ComposeObject): ServicePlan["restart"] {
  const swarm = isObject(deploy) && isObject(deploy.restart_policy) ? deploy.restart_policy.condition : undefined;
  const word = String(restart ?? swarm ?? "").replace(/:.*$/, "");
  if (word === "on-failure") return "on-failure";
  return word === "always" || word === "unless-stopped" || word === "any" ? "always" : "never";
}

function hasHealthcheck({ healthcheck }: ComposeObject): boolean {
  if (!isObject(healthcheck)) return false;
  const test = Array.isArray(healthcheck.test) ? healthcheck.test[0] : healthcheck.test;
  return healthcheck.disable !== true && test !== undefined && test !== "NONE";
}
