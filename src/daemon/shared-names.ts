import type { ProjectRecord } from "../environment/ledger.ts";
import type { World } from "./world.ts";

/** Name under which a shared service is kept with the main environment; no service of an environment can be called so. */
export function sharedName(service: string): string {
  return `shared:${service}`;
}

export function isSharedName(name: string): boolean {
  return name.startsWith("shared:");
}

/** Name of the lease of a port by which the host reaches a shared service. */
export function doorName(service: string, target: number): string {
  return `${sharedName(service)}:${target}`;
}

/** Null for the name of any other port. */
export function serviceOfDoor(name: string): { service: string; target: number } | null {
  const [, service, target] = /^shared:(.+):(\d+)$/.exec(name) ?? [];
  return service === undefined ? null : { service, target: Number(target) };
}

/** Held while shared services are made, started, stopped or removed; after the lock of an environment, never before it. */
export function sharedLock({ id }: ProjectRecord): string {
  return `shared:${id}`;
}

/** As people call it: without the mark of a shared one. */
export function spokenName(name: string): string {
  return isSharedName(name) ? name.slice(sharedName("").length) : name;
}

export function sharedViews(world: World, mainId: string): { name: string; state: string }[] {
  return world.shared.runners(mainId).map(({ name, status }) => ({ name: spokenName(name), state: status.phase }));
}
