import { posix } from "node:path";
import { objectOf, textOf } from "../compose-model.ts";
import { isInside } from "../host-path.ts";
import { volumesOf } from "../mounts.ts";
import { isShared, refuse, type StackEdit, sectionOf, servicesOf, warn } from "../stack-edit.ts";
import type { TransformRequest } from "../transform-request.ts";
import type { SharedVolumeOptions } from "../transform-result.ts";
import { checkVolume } from "./check-volume.ts";

/** Named volumes: an environment's own, or those that all use together. */
export function ownVolumes(stack: StackEdit): void {
  const { request, editor } = stack;
  for (const [key, volume] of sectionOf(stack, "volumes")) {
    const together = request.sharedVolumes.includes(key);
    if (volume.external !== true) checkVolume(stack, { key, volume, together });
    if (volume.external === true) {
      if (!together) refuseExternal(stack, key, textOf(volume.name) ?? key);
    } else if (together && request.role === "environment") {
      const name = sharedVolumeName(stack, key);
      const shown = { from: textOf(volume.name) ?? key, to: name };
      editor.edit({ path: ["volumes", key], value: { name, external: true }, rule: "shared-volume", shown });
    } else {
      const name = together ? sharedVolumeName(stack, key) : `${request.project}_${key}`;
      editor.edit({ path: ["volumes", key, "name"], value: name, rule: together ? "shared-volume" : "volume-name" });
    }
  }
  if (request.role === "environment") tellSplitVolumes(stack);
}

function sharedVolumeName(stack: StackEdit, key: string): string {
  return `${stack.request.sharedProject}_${key}`;
}

/** As the compose file has them; a place in the worktree is the same place in the main one, which no branch takes away. */
export function sharedVolumesOf(stack: StackEdit): SharedVolumeOptions[] {
  const { request, original } = stack;
  if (request.role === "shared") return [];
  return sectionOf(stack, "volumes").flatMap(([key, { name }]) => {
    const written = objectOf(original.volumes?.[key]);
    if (!request.sharedVolumes.includes(key) || written.external === true) return [];
    const options = Object.entries(objectOf(written.driver_opts)).map(([option, value]) => [option, inMain(request, textOf(value) ?? "")]);
    return [{ key, name: String(name ?? key), driver: textOf(written.driver) ?? "local", options: Object.fromEntries(options) }];
  });
}

function inMain({ worktree, repositoryRoot }: TransformRequest, value: string): string {
  if (!value.startsWith("/") || !isInside(value, worktree)) return value;
  return posix.join(repositoryRoot, posix.relative(worktree, value));
}

function refuseExternal(stack: StackEdit, key: string, name: string): void {
  const message = `The volume ${key} (${name}) exists outside of the project; list ${key} in compose.shared_volumes if all environments may write to it.`;
  refuse(stack, { rule: "external-volume", service: null, key: `volumes.${key}.external`, details: [name], message });
}

/** Media that one service writes and a shared one serves: they no longer meet, and nobody would see why. */
function tellSplitVolumes(stack: StackEdit): void {
  const { original, request } = stack;
  for (const [key] of sectionOf(stack, "volumes")) {
    if (request.sharedVolumes.includes(key)) continue;
    const mine = servicesOf(stack).flatMap(([service, definition]) => (volumesOf(definition).includes(key) ? [service] : []));
    const theirs = Object.keys(original.services).filter(
      (service) => isShared(stack, service) && volumesOf(objectOf(original.services[service])).includes(key),
    );
    if (mine.length === 0 || theirs.length === 0) continue;
    const message = `The volume ${key} of ${mine.join(", ")} is not the one that ${theirs.join(", ")} (shared) has; list ${key} in compose.shared_volumes if they must meet.`;
    warn(stack, { rule: "volume-split", service: null, key: `volumes.${key}`, message });
  }
}
