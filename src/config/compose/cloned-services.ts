// Which services of the compose file every environment gets of its own, and under which names.
import type { ComposeConfig } from "../config.ts";
import { projectName } from "../project-name.ts";
import type { ComposeOutline, ComposeServiceOutline } from "./compose-outline.ts";

/** A name of the compose file as wt uses it: a part of host names. `celery_worker` → `celery-worker`. */
export function serviceName(composeName: string): string {
  return projectName(composeName);
}

/**
 * By wt's name, in the order of the compose file: what is active and neither shared nor run as a process on the host instead.
 * Of two that would have the same name the first is there; a rule reports the other.
 */
export function clonedServices(
  outline: ComposeOutline,
  compose: Pick<ComposeConfig, "shared">,
  processes: ReadonlySet<string>,
): Map<string, ComposeServiceOutline> {
  const cloned = new Map<string, ComposeServiceOutline>();
  for (const service of outline.services) {
    const name = serviceName(service.name);
    if (!service.active || compose.shared.includes(service.name) || processes.has(name) || cloned.has(name)) continue;
    cloned.set(name, service);
  }
  return cloned;
}
