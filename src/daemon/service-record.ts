// A service runner's memory in the ledger.
import type { ServiceRecord } from "../environment/ledger.ts";
import type { ServicePlan } from "../environment/service-plan.ts";
import type { JsonValue } from "../errors/wt-error.ts";
import type { ServiceInstance } from "../runtime/runtime-driver.ts";
import type { ServiceRunner } from "./service-runner.ts";

export function serviceRecord(runner: ServiceRunner): ServiceRecord {
  const { generation, wanted, restarts, phase } = runner.status;
  const completed = phase === "Completed";
  const { environmentId, name: service, plan, instance } = runner;
  return { environmentId, service, generation, wanted, restarts, completed, plan: asJson(plan), instance: asJson(instance) };
}

export function instanceOf(record: ServiceRecord): ServiceInstance | null {
  return record.instance as ServiceInstance | null;
}

/** The key of a process lease. */
export function processKey({
  environmentId,
  service,
  generation,
}: Pick<ServiceInstance, "environmentId" | "service" | "generation">): string {
  return `${environmentId}/${service}/${generation}`;
}

export function serviceOfKey(key: string): string {
  return key.slice(key.indexOf("/") + 1, key.lastIndexOf("/"));
}

/** Plans and instances are plain JSON by their types; TypeScript's interfaces have no index signature to say so. */
function asJson(value: ServicePlan | ServiceInstance | null): { [key: string]: JsonValue } | null {
  return value as unknown as { [key: string]: JsonValue } | null;
}
