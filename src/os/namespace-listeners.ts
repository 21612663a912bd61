// Who listens inside the network namespace of another process (a container's), as far as the kernel shows it to us.
import { readFileSync } from "node:fs";

/** `reachable`: on an address that others of its network reach. `loopback`: only on the namespace's own loopback. Null: it cannot be seen. */
export type NamespaceListening = "reachable" | "loopback" | "nobody" | null;

/** `proof`: a text that must stand in the process's cgroup, as its number may mean another process by now (or one in another machine). */
export function readNamespaceListening(pid: number, proof: string, port: number): NamespaceListening {
  try {
    if (pid <= 1 || !readFileSync(`/proc/${pid}/cgroup`, "latin1").includes(proof)) return null;
    const tables = [readFileSync(`/proc/${pid}/net/tcp`, "latin1"), readTable6(pid)];
    const addresses = tables.flatMap((table) => listeningAddresses(table, port));
    if (addresses.length === 0) return "nobody";
    return addresses.every(isLoopback) ? "loopback" : "reachable";
  } catch {
    return null;
  }
}

/** Absent without IPv6. */
function readTable6(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/net/tcp6`, "latin1");
  } catch {
    return "";
  }
}

/** Local addresses of `/proc/net/tcp` or `tcp6` that listen on `port` (proc_net(5)), as the kernel writes them. */
export function listeningAddresses(table: string, port: number): string[] {
  return table
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = "", , state]) => state === "0A" && Number.parseInt(local.split(":")[1] ?? "", 16) === port)
    .map(([, local = ""]) => local.split(":")[0] ?? "");
}

/** 127.0.0.0/8 and ::1; words in the machine's byte order (little-endian wherever Bun runs). */
function isLoopback(hex: string): boolean {
  if (hex.length === 8) return hex.endsWith("7F");
  return hex === "00000000000000000000000001000000" || (hex.startsWith("0000000000000000FFFF0000") && hex.endsWith("7F"));
}
