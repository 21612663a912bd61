// Which sockets listen on a port that loopback reaches, and which process holds each.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { exec } from "./exec.ts";

export interface Listener {
  /** As the kernel writes it; for people. */
  address: string;
  /** Linux: what `/proc/<pid>/fd` shows. Null where holders are known directly (macOS). */
  inode: string | null;
  /** Processes known to hold it without a further look; empty on Linux. */
  holders: number[];
}

/** Null: the machine does not tell. */
export async function readListeners(port: number): Promise<Listener[] | null> {
  try {
    if (process.platform !== "linux") return await readLsofListeners(port);
    return ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((path) => parseTcpTable(readTcpTable(path), port));
  } catch {
    return null;
  }
}

/** Absent without IPv6. */
function readTcpTable(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (path.endsWith("6")) return "";
    throw error;
  }
}

/** The rows of `/proc/net/tcp` or `tcp6` that listen on `port` on loopback or on every address (proc_net(5)). */
export function parseTcpTable(text: string, port: number): Listener[] {
  const listeners: Listener[] = [];
  for (const line of text.split("\n").slice(1)) {
    const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
    const [address = "", hexPort = ""] = local.split(":");
    if (state !== "0A" || Number.parseInt(hexPort, 16) !== port || !reachesLoopback(address)) continue;
    listeners.push({ address, inode, holders: [] });
  }
  return listeners;
}

/** Addresses are 32-bit words in the machine's byte order (little-endian wherever Bun runs). */
function reachesLoopback(hex: string): boolean {
  const v4 = (word: string) => word === "00000000" || word.endsWith("7F");
  if (hex.length === 8) return v4(hex);
  if (hex.startsWith("0000000000000000FFFF0000")) return v4(hex.slice(24));
  return /^0{32}$/.test(hex) || hex === "00000000000000000000000001000000";
}

/** Whether a process holds one of these sockets; null: its files may not be read. */
export function readHeldSockets(pid: number, inodes: ReadonlySet<string>): Set<string> | null {
  const held = new Set<string>();
  let names: string[];
  try {
    names = readdirSync(`/proc/${pid}/fd`);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === "ENOENT" || code === "ESRCH" ? held : null;
  }
  for (const name of names) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1];
      if (inode !== undefined && inodes.has(inode)) held.add(inode);
    } catch {
      // Closed meanwhile.
    }
  }
  return held;
}

async function readLsofListeners(port: number): Promise<Listener[]> {
  const result = await exec(["/usr/sbin/lsof", "-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpn"], { cwd: "/", env: { LC_ALL: "C" } });
  return parseLsof(result.stdout);
}

/** `lsof -Fpn`: a line per field, `p` starts a process, `n` names a socket: `n127.0.0.1:8080`, `n*:8080`, `n[::1]:8080`. */
export function parseLsof(text: string): Listener[] {
  const listeners: Listener[] = [];
  let pid = 0;
  for (const line of text.split("\n")) {
    if (line.startsWith("p")) pid = Number(line.slice(1));
    if (!line.startsWith("n") || pid <= 0) continue;
    const address = line.slice(1).replace(/:\d+$/, "");
    if (/^(\*|127\.[\d.]+|0\.0\.0\.0|\[::\]|\[::1\]|\[::ffff:127\.[\d.]+\])$/.test(address)) {
      listeners.push({ address, inode: null, holders: [pid] });
    }
  }
  return listeners;
}
