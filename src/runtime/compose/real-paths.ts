// Paths of the repository as the engine will see them. A link of the repository may lead anywhere, and whoever judges a model judges its text.
import { realpathSync } from "node:fs";
import type { JsonValue } from "../../errors/wt-error.ts";
import type { ComposeModel, ComposeObject } from "./transform/compose-model.ts";
import { isObject } from "./transform/compose-model.ts";
import { isInside } from "./transform/host-path.ts";

/** Of mounts, volumes with a place, builds, secrets and configs: what lies in the directory by its name and elsewhere in truth has its true place; the rest stays as it is. */
export function withRealPaths(model: ComposeModel, directory: string): ComposeModel {
  const root = realOf(directory);
  const real = (value: JsonValue): JsonValue => {
    if (typeof value !== "string" || !value.startsWith("/") || !isInside(value, directory)) return value;
    const place = realOf(value);
    return isInside(place, root) ? value : place;
  };
  const at = (holder: ComposeObject, keys: readonly string[]): ComposeObject => ({
    ...holder,
    ...Object.fromEntries(Object.entries(holder).flatMap(([key, value]) => (keys.includes(key) ? [[key, real(value)] as const] : []))),
  });
  const section = (key: "volumes" | "secrets" | "configs", change: (entry: ComposeObject) => ComposeObject) =>
    model[key] === undefined ? {} : { [key]: mapObjects(model[key], change) };
  return {
    ...model,
    services: mapObjects(model.services, (service) => ({
      ...service,
      ...(Array.isArray(service.volumes)
        ? { volumes: service.volumes.map((mount) => (isObject(mount) && mount.type === "bind" ? at(mount, ["source"]) : mount)) }
        : {}),
      ...(isObject(service.build) ? { build: at(service.build, ["context", "dockerfile"]) } : {}),
    })),
    ...section("volumes", (volume) =>
      isObject(volume.driver_opts) ? { ...volume, driver_opts: at(volume.driver_opts, ["device"]) } : volume,
    ),
    ...section("secrets", (secret) => at(secret, ["file"])),
    ...section("configs", (config) => at(config, ["file"])),
  };
}

function mapObjects(
  held: { [key: string]: ComposeObject | null },
  change: (entry: ComposeObject) => ComposeObject,
): { [key: string]: ComposeObject } {
  return Object.fromEntries(Object.entries(held).map(([key, entry]) => [key, entry === null ? (entry as never) : change(entry)]));
}

/** Of what is not there yet: by the directories around it that are. */
function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const at = path.lastIndexOf("/");
    return at <= 0 ? path : `${realOf(path.slice(0, at)).replace(/\/$/, "")}${path.slice(at)}`;
  }
}
