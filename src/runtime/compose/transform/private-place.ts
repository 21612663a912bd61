// Places of the host that even a look gives away: keys and passwords, and sockets of programs that act for their user. By the text of a path alone.
import { posix } from "node:path";
import { isInside } from "./host-path.ts";

/** Below a home. Of some tools it is one file; a mount of the directory around it shows that file too. */
const ofHome = [
  ".aws",
  ".azure",
  ".bash_history",
  ".cargo/credentials",
  ".cargo/credentials.toml",
  ".colima",
  ".composer/auth.json",
  ".config",
  ".docker",
  ".gem/credentials",
  ".git-credentials",
  ".gnupg",
  ".gradle/gradle.properties",
  ".kube",
  ".lima",
  ".local",
  ".m2/settings.xml",
  ".mozilla",
  ".my.cnf",
  ".netrc",
  ".npmrc",
  ".orbstack",
  ".password-store",
  ".pgpass",
  ".pypirc",
  ".rd",
  ".ssh",
  ".terraform.d",
  ".terraformrc",
  ".vault-token",
  ".yarnrc.yml",
  ".zsh_history",
  "Library/Application Support",
  "Library/Cookies",
  "Library/Keychains",
];
/** `/run` is full of sockets, and a socket takes requests through a read-only mount all the same. */
const ofSystem = [
  "/etc/docker",
  "/etc/gshadow",
  "/etc/kubernetes",
  "/etc/shadow",
  "/etc/ssh",
  "/etc/ssl/private",
  "/etc/sudoers",
  "/etc/sudoers.d",
  "/proc",
  "/root",
  "/run",
  "/tmp/.X11-unix",
  "/var/lib/containerd",
  "/var/lib/containers",
  "/var/lib/docker",
  "/var/lib/kubelet",
  "/var/lib/rancher",
  "/var/run",
];
/** In whose home ever. */
const anywhere = /\/\.(ssh|gnupg|aws|azure|kube|docker|netrc|git-credentials|pgpass)(\/|$)/;
const sockets = /\.(sock|socket)$|\/s\.gpg-agent|^\/(private\/)?tmp\/(ssh-|com\.apple\.launchd\.)[^/]*/;

export interface PrivatePlaces {
  home: string | null;
  /** Directories of wt itself. */
  own: readonly string[];
}

/** Whether keys, passwords or sockets lie there, or somewhere below. */
export function isPrivatePlace(path: string, { home, own }: PrivatePlaces): boolean {
  // Some file systems make no difference between `.ssh` and `.SSH`.
  const plain = posix.normalize(path).toLowerCase();
  if (anywhere.test(plain) || sockets.test(plain)) return true;
  const places = [...ofSystem, ...own, ...(home === null ? [] : ofHome.map((name) => posix.join(home, name)))];
  return places.some((place) => isInside(plain, place.toLowerCase()) || isInside(place.toLowerCase(), plain));
}
