// Paths of the host as the engine will see them. A link may lead anywhere, and whoever judges a model judges its text.
import { readlinkSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { posix } from "node:path";
import type { JsonValue } from "../../errors/wt-error.ts";
import type { ComposeModel, ComposeObject } from "./transform/compose-model.ts";
import { isObject } from "./transform/compose-model.ts";
import { isInside, reachesEngine } from "./transform/host-path.ts";
import { isPrivatePlace } from "./transform/private-place.ts";

export interface RealPathsOptions {
  /** The repository's own links are all followed that lead out of it. */
  worktree: string;
  /** Directories of wt itself. */
  own?: readonly string[];
}

/**
 * Of mounts, devices, volumes with a place, builds, secrets and configs: what lies in the worktree by its name and elsewhere in truth has its true place. So has a path elsewhere whose name is
 * harmless and whose true place is not: another worktree has links, too. All other paths stay as they are written.
 */
export function withRealPaths(model: ComposeModel, options: RealPathsOptions): ComposeModel {
  const real = (value: JsonValue) => (typeof value === "string" && value.startsWith("/") ? truePlace(value, options) : value);
  const at = (holder: ComposeObject, keys: readonly string[]): ComposeObject => ({
    ...holder,
    ...Object.fromEntries(Object.entries(holder).flatMap(([key, value]) => (keys.includes(key) ? [[key, real(value)] as const] : []))),
  });
  const section = (key: "volumes" | "secrets" | "configs", change: (entry: ComposeObject) => ComposeObject) =>
    model[key] === undefined ? {} : { [key]: mapObjects(model[key], change) };
  const each = (list: JsonValue | undefined, key: string, only: (entry: ComposeObject) => boolean) =>
    Array.isArray(list) ? { [key]: list.map((entry) => (isObject(entry) && only(entry) ? at(entry, ["source"]) : entry)) } : {};
  return {
    ...model,
    services: mapObjects(model.services, (service) => ({
      ...service,
      ...each(service.volumes, "volumes", ({ type }) => type === "bind"),
      ...each(service.devices, "devices", () => true),
      ...(isObject(service.build) ? { build: buildOf(service.build, at) } : {}),
    })),
    ...section("volumes", (volume) =>
      isObject(volume.driver_opts) ? { ...volume, driver_opts: at(volume.driver_opts, ["device"]) } : volume,
    ),
    ...section("secrets", (secret) => at(secret, ["file"])),
    ...section("configs", (config) => at(config, ["file"])),
  };
}

/** The Dockerfile is seen from the context, and may be a link of its own. */
function buildOf(build: ComposeObject, at: (holder: ComposeObject, keys: readonly string[]) => ComposeObject): ComposeObject {
  const { context, dockerfile, additional_contexts } = build;
  const changed = at(build, ["context"]);
  if (isObject(additional_contexts)) changed.additional_contexts = at(additional_contexts, Object.keys(additional_contexts));
  if (typeof context !== "string" || !context.startsWith("/") || typeof dockerfile !== "string") return changed;
  const full = posix.resolve(String(changed.context), dockerfile);
  const { dockerfile: place } = at({ dockerfile: full }, ["dockerfile"]);
  return place === undefined || place === full ? changed : { ...changed, dockerfile: place };
}

function truePlace(path: string, { worktree, own = [] }: RealPathsOptions): string {
  const place = realOf(path);
  if (isInside(path, worktree)) return isInside(place, realOf(worktree)) ? path : place;
  const home = homedir();
  const isHarmless = (one: string) => !reachesEngine(one) && ![home, realOf(home)].some((each) => isPrivatePlace(one, { home: each, own }));
  return place !== path && isHarmless(path) && !isHarmless(place) ? place : path;
}

function mapObjects(
  held: { [key: string]: ComposeObject | null },
  change: (entry: ComposeObject) => ComposeObject,
): { [key: string]: ComposeObject } {
  return Object.fromEntries(Object.entries(held).map(([key, entry]) => [key, entry === null ? (entry as never) : change(entry)]));
}

const mostLinks = 40;

/** Of what is not there yet: by the directories around it that are, and by the link that it is. */
function realOf(path: string, links = 0): string {
  try {
    return realpathSync(path);
  } catch {
    const led = links < mostLinks ? linkTo(path) : null;
    if (led !== null) return realOf(led, links + 1);
    const at = path.lastIndexOf("/");
    return at <= 0 ? path : `${realOf(path.slice(0, at), links).replace(/\/$/, "")}${path.slice(at)}`;
  }
}

/** null: it is no link. */
function linkTo(path: string): string | null {
  try {
    return posix.resolve(posix.dirname(path), readlinkSync(path));
  } catch {
    return null;
  }
}
