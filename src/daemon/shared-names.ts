import type { World } from "./world.ts";

/** Name under which a shared service is kept with the main environment; no service of an environment can be called so. */
export function sharedName(service: string): string {
  return `shared:${service}`;
}

export function isSharedName(name: string): boolean {
  return name.startsWith("shared:");
}

/** As people call it: without the mark of a shared one. */
export function spokenName(name: string): string {
  return isSharedName(name) ? name.slice(sharedName("").length) : name;
}

export function sharedViews(world: World, mainId: string): { name: string; state: string }[] {
  return world.shared.runners(mainId).map(({ name, status }) => ({ name: spokenName(name), state: status.phase }));
}
