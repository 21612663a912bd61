import type { JsonValue } from "../../errors/wt-error.ts";
import { asObject } from "./stamp-model.ts";
import type { ComposeModel } from "./transform/compose-model.ts";

/**
 * Of a transformed model these services and those whose namespaces or volumes they take. Without their order, which is ours to keep: Compose would see
 * another container in one that waits for what is not in this part. Pure.
 */
export function modelPart(model: ComposeModel, services: readonly string[]): ComposeModel {
  const kept = new Set<string>();
  const keep = (name: string) => {
    if (kept.has(name) || model.services[name] === undefined) return;
    kept.add(name);
    for (const other of livesIn(asObject(model.services[name]))) keep(other);
  };
  for (const name of services) keep(name);
  const part = Object.entries(model.services).filter(([name]) => kept.has(name));
  return { ...model, services: Object.fromEntries(part.map(([name, { depends_on: _, ...service }]) => [name, service])) };
}

/** Services without which its container cannot be. */
export function livesIn({ network_mode, pid, ipc, uts, volumes_from }: { [key: string]: JsonValue }): string[] {
  const joined = [network_mode, pid, ipc, uts].flatMap((value) => /^service:(.+)$/.exec(String(value ?? ""))?.[1] ?? []);
  const mounted = (Array.isArray(volumes_from) ? volumes_from : []).flatMap((entry) => {
    const [name = ""] = String(entry).split(":");
    return name === "container" ? [] : [name];
  });
  return [...new Set([...joined, ...mounted])];
}
