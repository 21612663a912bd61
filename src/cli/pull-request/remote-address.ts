// The address of a remote, taken apart as far as telling repositories apart needs it.

export interface RemoteAddress {
  /** Lower case, with the port only where a web address would have it too. */
  host: string;
  /** `owner/name`, without `.git`. */
  path: string;
  /** The address of another repository there, written in the same way; passwords are left out. */
  withPath(path: string): string;
}

/** Null for a directory or anything else that is on no host. */
export function parseRemoteAddress(url: string): RemoteAddress | null {
  const scp = /^(?<user>[^@/:\s]+@)?(?<host>[^/:\s]+):(?!\/\/)(?<path>\S+)$/.exec(url)?.groups;
  if (scp) {
    const { user = "", host = "" } = scp;
    return { host: host.toLowerCase(), path: cleanPath(scp.path ?? ""), withPath: (path) => `${user}${host}:${path}.git` };
  }
  if (!URL.canParse(url)) return null;
  const { protocol, host, hostname, pathname, username } = new URL(url);
  if (!/^(https?|ssh|git|git\+ssh):$/.test(protocol) || hostname === "") return null;
  const ssh = protocol.includes("ssh");
  const user = ssh && username !== "" ? `${username}@` : "";
  return {
    host: (ssh ? hostname : host).toLowerCase(),
    path: cleanPath(pathname),
    withPath: (path) => `${protocol}//${user}${host}/${path}.git`,
  };
}

function cleanPath(path: string): string {
  return path.replace(/^\/+|\/+$/g, "").replace(/\.git$/, "");
}
