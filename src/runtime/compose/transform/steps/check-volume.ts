import { type ComposeObject, objectOf, textOf } from "../compose-model.ts";
import { isInside, portablePath, reachesEngine } from "../host-path.ts";
import { isPrivatePlace } from "../private-place.ts";
import { privatePlaces, refuse, type StackEdit } from "../stack-edit.ts";

const networkDisks = /^(nfs\d?|cifs|smb\w*|sshfs|glusterfs|ceph)$/;

export interface VolumePlace {
  key: string;
  volume: Readonly<ComposeObject>;
  /** All environments may write to it: then one place for all is what is meant, but not every place. */
  together: boolean;
}

/** A name of its own gives no data of its own where the options say the place; and by them the engine, which is root, mounts anything of the host. */
export function checkVolume(stack: StackEdit, place: VolumePlace): void {
  const { volume } = place;
  const options = objectOf(volume.driver_opts);
  const driver = textOf(volume.driver) ?? "local";
  if (driver !== "local") {
    checkPlugin(stack, place, driver);
    return;
  }
  const device = textOf(options.device);
  const type = textOf(options.type) ?? "";
  if (device === null || (type === "tmpfs" && !isBind(options))) return;
  if (isBind(options) || type === "" || type === "none") checkDirectory(stack, place, device);
  else if (networkDisks.test(type)) refuseNetwork(stack, place, device);
  else refuseFileSystem(stack, place, type);
}

/** The kernel looks at nothing else of the options then. */
function isBind(options: Readonly<ComposeObject>): boolean {
  return /(^|,)\s*r?bind\s*(,|$)/.test(textOf(options.o) ?? "");
}

function checkPlugin(stack: StackEdit, place: VolumePlace, driver: string): void {
  const { key, volume, together } = place;
  const options = objectOf(volume.driver_opts);
  for (const [option, value] of Object.entries(options)) {
    const path = textOf(value) ?? "";
    if (path.startsWith("/")) refuseDangerous(stack, { key: `volumes.${key}.driver_opts.${option}`, name: key, path });
  }
  if (together || Object.keys(options).length === 0) return;
  const message = `The volume ${key} is kept by the plugin ${driver} at a place of its options, the same for every environment; ${hint(key)}.`;
  refuse(stack, { rule: "remote-volume", service: null, key: `volumes.${key}.driver`, details: [driver], message });
}

function checkDirectory(stack: StackEdit, { key, together }: VolumePlace, device: string): void {
  const { worktree, home } = stack.request;
  const at = { service: null, key: `volumes.${key}.driver_opts.device` };
  if (!device.startsWith("/")) {
    const message = `The volume ${key} is ${device === "" ? "no path" : device} as the container engine sees it from its own directory, which is the whole host.`;
    refuse(stack, { rule: "outside-mount", ...at, details: [device], message });
    return;
  }
  if (isInside(device, worktree) && !reachesEngine(device)) return;
  if (refuseDangerous(stack, { key: at.key, name: key, path: device }) || together) return;
  const message = `The volume ${key} is ${device} of the host, the same for every environment; ${hint(key)}.`;
  const details = [portablePath(device, { worktree, home: home ?? null }), device];
  refuse(stack, { rule: "outside-mount", ...at, details, message });
}

/** True: it is a place that no listing under `shared_volumes` accepts. */
function refuseDangerous(stack: StackEdit, { key, name, path }: { key: string; name: string; path: string }): boolean {
  const { worktree, home } = stack.request;
  const details = [portablePath(path, { worktree, home: home ?? null }), path];
  if (reachesEngine(path)) {
    const message = `The volume ${name} is ${path} of the host, from which the container engine can be reached.`;
    refuse(stack, { rule: "engine-socket", service: null, key, details, message });
    return true;
  }
  if (!isPrivatePlace(path, privatePlaces(stack))) return false;
  const message = `The volume ${name} is ${path} of the host, where keys, passwords or sockets of other programs lie.`;
  refuse(stack, { rule: "credentials", service: null, key, details, message });
  return true;
}

function refuseNetwork(stack: StackEdit, { key, together }: VolumePlace, device: string): void {
  if (together) return;
  const message = `The volume ${key} is ${device} of a network disk, the same for every environment; ${hint(key)}.`;
  refuse(stack, { rule: "remote-volume", service: null, key: `volumes.${key}.driver_opts.device`, details: [device], message });
}

/** `type: overlay` with `lowerdir=/` is the whole host, `ext4` a disk or an image that the kernel would read as root. */
function refuseFileSystem(stack: StackEdit, { key }: VolumePlace, type: string): void {
  const message = `The volume ${key} is a file system of the kind ${type}, by whose options the engine mounts anything of the host.`;
  refuse(stack, { rule: "device", service: null, key: `volumes.${key}.driver_opts.type`, details: [type], message });
}

function hint(key: string): string {
  return `list ${key} in compose.shared_volumes if all environments may write to it`;
}
