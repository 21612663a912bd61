import { objectOf, textOf } from "../compose-model.ts";
import { volumesOf } from "../mounts.ts";
import { isShared, refuse, type StackEdit, sectionOf, servicesOf, warn } from "../stack-edit.ts";
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
