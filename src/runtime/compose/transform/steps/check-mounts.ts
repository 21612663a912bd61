import { listOf, objectOf, textOf } from "../compose-model.ts";
import { isClockFile, isInside, portablePath, reachesEngine } from "../host-path.ts";
import { type Mount, mountsOf } from "../mounts.ts";
import { isPrivatePlace } from "../private-place.ts";
import { editService, privatePlaces, refuse, type StackEdit, sectionOf, serviceOf, servicesOf, warn } from "../stack-edit.ts";

/** Everything of the host that a container or a build gets to see. */
export function checkMounts(stack: StackEdit): void {
  for (const [service, definition] of servicesOf(stack)) {
    for (const mount of mountsOf(definition)) if (mount.type === "bind" && mount.source !== null) checkBind(stack, service, mount);
    checkBuild(stack, service);
  }
  for (const section of ["secrets", "configs"] as const) {
    // Compose mounts them: a secret that is a socket is the socket.
    for (const [key, { file }] of sectionOf(stack, section)) checkFile(stack, { service: null, key: `${section}.${key}.file` }, file);
  }
}

function checkBind(stack: StackEdit, service: string, mount: Mount): void {
  const source = mount.source ?? "";
  const { worktree, repositoryRoot, home } = stack.request;
  if (isInside(source, worktree)) {
    if (reachesEngine(source)) refuseSocket(stack, service, source);
    return;
  }
  const shown = portablePath(source, { worktree, home: home ?? null });
  const inMain = isInside(source, repositoryRoot);
  const where = inMain ? "in the main worktree" : "outside of the worktree";
  if (reachesEngine(source)) {
    refuseSocket(stack, service, source);
  } else if (isClockFile(source)) {
    readOnly(stack, service, mount);
  } else if (!inMain && isPrivatePlace(source, privatePlaces(stack))) {
    const message = `${service} gets ${shown}, where keys, passwords or sockets of other programs lie.`;
    refuse(stack, { rule: "credentials", service, key: "volumes", details: [shown, source], message });
  } else if (mount.readOnly) {
    const message = `${service} reads ${shown}, which is ${where} and the same for every environment.`;
    warn(stack, { rule: "outside-mount-read-only", service, key: "volumes", message });
  } else {
    const message = `${service} can write to ${shown}, which is ${where} and the same for every environment.`;
    refuse(stack, { rule: "outside-mount", service, key: "volumes", details: [shown, source], message });
  }
}

function refuseSocket(stack: StackEdit, service: string, source: string): void {
  const message = `${service} gets ${source} and with it the container engine: all environments and, as root, the host.`;
  refuse(stack, { rule: "engine-socket", service, key: "volumes", details: [source], message });
}

function readOnly(stack: StackEdit, service: string, mount: Mount): void {
  if (mount.readOnly) return;
  const volumes = serviceOf(stack, service)?.volumes;
  if (!Array.isArray(volumes)) return;
  const { source, target } = mount;
  const changed = volumes.map((entry, index) =>
    index === mount.index ? { type: "bind", source, target, ...objectOf(entry), read_only: true } : entry,
  );
  const shown = { from: `${source}:${target}`, to: `${source}:${target}:ro` };
  editService(stack, { service, key: ["volumes"], rule: "host-clock", shown }, changed);
}

function checkBuild(stack: StackEdit, service: string): void {
  const build = objectOf(serviceOf(stack, service)?.build);
  checkFile(stack, { service, key: "build.context" }, build.context);
  for (const [name, context] of Object.entries(objectOf(build.additional_contexts)))
    checkFile(stack, { service, key: `build.additional_contexts.${name}` }, context);
  for (const cache of listOf(build.cache_from)) {
    const source = /^(?=.*\btype=local\b).*\bsrc=([^,]+)/.exec(String(cache))?.[1];
    checkFile(stack, { service, key: "build.cache_from" }, source);
  }
}

interface FilePlace {
  service: string | null;
  key: string;
}

/** A file or directory that is handed in as it is, to be read. */
function checkFile(stack: StackEdit, place: FilePlace, value: unknown): void {
  const path = textOf(value);
  const { worktree, home } = stack.request;
  if (path === null || !path.startsWith("/")) return;
  const subject = `${place.key}${place.service === null ? "" : ` of ${place.service}`}`;
  const shown = portablePath(path, { worktree, home: home ?? null });
  if (reachesEngine(path)) {
    const message = `${subject} is ${shown}, from which the container engine can be reached: all environments and, as root, the host.`;
    refuse(stack, { rule: "engine-socket", ...place, details: [shown, path], message });
  } else if (isInside(path, worktree)) {
    return;
  } else if (!isInside(path, stack.request.repositoryRoot) && isPrivatePlace(path, privatePlaces(stack))) {
    const message = `${subject} is ${shown}, where keys, passwords or sockets of other programs lie.`;
    refuse(stack, { rule: "credentials", ...place, details: [shown, path], message });
  } else {
    warn(stack, {
      rule: "outside-file",
      ...place,
      message: `${subject} is ${shown}, outside of the worktree: every environment uses the same.`,
    });
  }
}
