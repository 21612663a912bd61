import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { exec } from "./exec.ts";
import { type Listener, readHeldSockets, readListeners } from "./listeners.ts";
import { readProcess, readProcessTable } from "./process-table.ts";

/**
 * Whether a server could listen on this port now, on either loopback family or on every address: tried by real binds, each given back at once.
 * For the fraction of a millisecond that it takes, the port is held by us, so a port is not probed while a service of ours is about to bind it.
 */
export async function isPortFree(port: number): Promise<boolean> {
  for (const host of ["127.0.0.1", "::1", "0.0.0.0", "::"]) {
    if (!(await canBind(host, port))) return false;
  }
  return true;
}

function canBind(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      // A machine without IPv6 (or IPv4) has nobody there to collide with.
      resolve(error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT");
    });
    server.listen({ host, port, exclusive: true, ipv6Only: host.includes(":") }, () => server.close(() => resolve(true)));
  });
}

export interface PortHolder {
  /** Null when the holder belongs to somebody whose processes we may not look into. */
  pid: number | null;
  /** Its command line, or its name. */
  command: string | null;
}

/** Who listens on a port on loopback; null when nobody does or the machine does not tell. */
export async function observePortHolder(port: number): Promise<PortHolder | null> {
  const listeners = await readListeners(port);
  const first = listeners?.[0];
  if (!listeners || !first) return null;
  const pid = await readSocketHolder(listeners, []);
  return { pid, command: pid === null ? null : await readCommand(pid) };
}

/** The first process that holds one of the sockets, `besides` excepted; null when none can be seen. */
export async function readSocketHolder(listeners: readonly Listener[], besides: readonly number[]): Promise<number | null> {
  const direct = listeners.flatMap((listener) => listener.holders).find((pid) => !besides.includes(pid));
  if (direct !== undefined) return direct;
  const inodes = new Set(listeners.flatMap((listener) => listener.inode ?? []));
  if (inodes.size === 0) return null;
  for (const { pid } of await readProcessTable()) {
    if (!besides.includes(pid) && (readHeldSockets(pid, inodes)?.size ?? 0) > 0) return pid;
  }
  return null;
}

/** The command line of a process, at most 200 characters; null when there is no such process. */
export async function readCommand(pid: number): Promise<string | null> {
  const info = await readProcess(pid);
  if (typeof info !== "object") return null;
  try {
    const line =
      process.platform === "linux"
        ? readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
        : (await exec(["/bin/ps", "-ww", "-o", "command=", "-p", String(pid)], { cwd: "/", env: { LC_ALL: "C" } })).stdout;
    return line.trim().slice(0, 200) || info.name;
  } catch {
    return info.name;
  }
}
