import { isObject, textOf } from "../compose-model.ts";
import { type StackEdit, servicesOf, warn } from "../stack-edit.ts";

const slowMs = 10_000;
const dockersInterval = "30s";
const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001, ns: 0.000001 };

/** Health checks stay as they are; one that first runs late is named, because `wt create` waits for it. */
export function checkReadiness(stack: StackEdit): void {
  for (const [service, { healthcheck }] of servicesOf(stack)) {
    if (!isObject(healthcheck) || healthcheck.disable === true || healthcheck.test === undefined) continue;
    const interval = textOf(healthcheck.interval) ?? dockersInterval;
    if (durationMs(interval) < slowMs || (healthcheck.start_interval !== undefined && healthcheck.start_period !== undefined)) continue;
    const message = `The health check of ${service} first runs after ${interval}, so the service is ready that late; healthcheck.start_period and start_interval make it sooner.`;
    warn(stack, { rule: "slow-healthcheck", service, key: "healthcheck", message });
  }
}

/** `1m30s` in milliseconds. */
function durationMs(text: string): number {
  let total = 0;
  for (const [, count = "", unit = ""] of text.matchAll(/([\d.]+)(h|ms|m|us|ns|s)/g)) total += Number(count) * (unitMs[unit] ?? 0);
  return total;
}
