import { type ComposeObject, objectOf, textOf } from "../compose-model.ts";
import { isInside, portablePath, reachesEngine } from "../host-path.ts";
import { volumesOf } from "../mounts.ts";
import { isShared, refuse, type StackEdit, sectionOf, servicesOf, warn } from "../stack-edit.ts";

const networkDisks = /^(nfs\d?|cifs|smb\w*|sshfs|glusterfs|ceph)$/;

/** Named volumes: an environment's own, or those that all use together. */
export function ownVolumes(stack: StackEdit): void {
  const { request, editor } = stack;
  for (const [key, volume] of sectionOf(stack, "volumes")) {
    const together = request.sharedVolumes.includes(key);
    if (volume.external === true) {
      if (!together) refuseExternal(stack, key, textOf(volume.name) ?? key);
    } else if (together && request.role === "environment") {
      const name = sharedVolumeName(stack, key);
      const shown = { from: textOf(volume.name) ?? key, to: name };
      editor.edit({ path: ["volumes", key], value: { name, external: true }, rule: "shared-volume", shown });
    } else {
      const name = together ? sharedVolumeName(stack, key) : `${request.project}_${key}`;
      editor.edit({ path: ["volumes", key, "name"], value: name, rule: together ? "shared-volume" : "volume-name" });
      if (together) refuseEngine(stack, key, volume);
      else checkPlace(stack, key, volume);
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

/** That all environments may write to it says nothing of a place from which the engine can be reached. */
function refuseEngine(stack: StackEdit, key: string, volume: Readonly<ComposeObject>): void {
  const device = textOf(objectOf(volume.driver_opts).device);
  if (device === null || !device.startsWith("/") || !reachesEngine(device)) return;
  const message = `The volume ${key} is ${device} of the host, from which the container engine can be reached.`;
  refuse(stack, { rule: "engine-socket", service: null, key: `volumes.${key}.driver_opts.device`, details: [device], message });
}

/** A name of its own gives no data of its own where the options say the place. */
function checkPlace(stack: StackEdit, key: string, volume: Readonly<ComposeObject>): void {
  const { worktree, home } = stack.request;
  const options = objectOf(volume.driver_opts);
  const driver = textOf(volume.driver) ?? "local";
  const hint = `list ${key} in compose.shared_volumes if all environments may write to it`;
  if (driver !== "local") {
    if (Object.keys(options).length === 0) return;
    const message = `The volume ${key} is kept by the plugin ${driver} at a place of its options, the same for every environment; ${hint}.`;
    refuse(stack, { rule: "remote-volume", service: null, key: `volumes.${key}.driver`, details: [driver], message });
    return;
  }
  const device = textOf(options.device);
  const type = textOf(options.type) ?? "";
  if (device === null || type === "tmpfs") return;
  const place = { service: null, key: `volumes.${key}.driver_opts.device` };
  if (networkDisks.test(type) || !device.startsWith("/") || device.startsWith("//")) {
    if (/^\.{0,2}$|^\.{1,2}\//.test(device)) return;
    const message = `The volume ${key} is ${device} of a network disk, the same for every environment; ${hint}.`;
    refuse(stack, { rule: "remote-volume", ...place, details: [device], message });
  } else if (!isInside(device, worktree)) {
    const message = `The volume ${key} is ${device} of the host, the same for every environment; ${hint}.`;
    const details = [portablePath(device, { worktree, home: home ?? null }), device];
    refuse(stack, { rule: reachesEngine(device) ? "engine-socket" : "outside-mount", ...place, details, message });
  }
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
