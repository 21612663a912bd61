// Where a path of the host lies, by its text alone: what is a link on the disk is for the caller to see.
import { posix } from "node:path";

export interface HostPlaces {
  worktree: string;
  home?: string | null;
}

const sockets = /(^|\/)(docker|podman|containerd|crio|buildkitd)\.sock$/;
/** Directories that hold a container engine's socket, and their parents. */
const engineDirectories = [
  "/run/docker.sock",
  "/run/podman/podman.sock",
  "/run/containerd/containerd.sock",
  "/run/user/0/docker.sock",
  "/var/run/docker.sock",
  "/var/run/podman/podman.sock",
  "/var/run/containerd/containerd.sock",
];
const clockFiles = new Set(["/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo"]);

export function isInside(path: string, directory: string): boolean {
  const relative = posix.relative(normal(directory), normal(path));
  return relative === "" || !(relative === ".." || relative.startsWith("../") || posix.isAbsolute(relative));
}

/** Whether who has this path can talk to the container engine. A read-only mount of a socket takes requests all the same. */
export function reachesEngine(path: string): boolean {
  const plain = normal(path);
  return sockets.test(plain) || /^\/(var\/)?run\/user\/\d+$/.test(plain) || engineDirectories.some((socket) => isInside(socket, plain));
}

export function isClockFile(path: string): boolean {
  return clockFiles.has(normal(path));
}

/** The path as wt.yaml can hold it for all people and worktrees: from the home, or from the worktree where it is a neighbour of it. */
export function portablePath(path: string, places: HostPlaces): string {
  const plain = normal(path);
  const relative = posix.relative(normal(places.worktree), plain);
  if (/^\.\.(\/[^.]|$)/.test(relative) && posix.dirname(normal(places.worktree)) !== "/") return relative;
  if (places.home && isInside(plain, places.home)) return posix.join("~", posix.relative(normal(places.home), plain));
  return plain;
}

function normal(path: string): string {
  const plain = posix.normalize(path);
  return plain.length > 1 && plain.endsWith("/") ? plain.slice(0, -1) : plain;
}
