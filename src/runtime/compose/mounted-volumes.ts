import { asObject } from "./stamp-model.ts";
import type { ComposeModel } from "./transform/compose-model.ts";

/** Names, as the engine knows them, of the volumes that a service of a transformed model mounts; in order. Compose sees no other container in one whose volume has another name. Pure. */
export function mountedVolumes(model: ComposeModel, service: string): string[] {
  const { volumes } = asObject(model.services[service]);
  const names = (Array.isArray(volumes) ? volumes : []).flatMap((mount) => {
    const { type, source } = asObject(mount);
    const { name } = type === "volume" && typeof source === "string" ? asObject(asObject(model.volumes)[source]) : {};
    return typeof name === "string" ? [name] : [];
  });
  return [...new Set(names)].sort();
}
