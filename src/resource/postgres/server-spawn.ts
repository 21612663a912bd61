// Starting PostgreSQL's programs so that they reach a data directory whose parents are closed to them, and telling by the kernel whose they are.
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { exec } from "../../os/exec.ts";
import { isOverlay, overlayCommand } from "../../os/overlay-directory.ts";
import { type ProcessInfo, readProcessTable } from "../../os/process-table.ts";
import type { ServerUser } from "../../os/server-user.ts";

export interface Spawning {
  /** Absolute path of the program, then its arguments; the data directory's own argument is added. */
  command: string[];
  data: string;
  user: ServerUser | null;
  /** A descriptor, or "pipe". */
  output: number | "pipe";
  /** In a session of its own: it outlives us. */
  detached?: boolean;
}

/**
 * Runs `command -D <data>`. As root the data directory is handed over as an open descriptor (3): the user the program runs as cannot reach it
 * by its path, and need not. An overlay is mounted for the program alone; there too the descriptor 3 says whose process it is.
 */
export function spawnOnData({ command, data, user, output, detached = false }: Spawning): Bun.Subprocess {
  const overlay = isOverlay(data);
  const directory = user || overlay ? openSync(data, "r") : null;
  const plain = [...(user?.prefix ?? []), ...command, "-D"];
  try {
    const child = Bun.spawn(overlay ? overlayCommand([...plain, "/proc/self/fd/4"]) : [...plain, user ? "/proc/self/fd/3" : data], {
      cwd: user && !overlay ? "/" : data,
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
      stdio: ["ignore", output, output, ...(directory === null ? [] : [directory])],
      detached,
    });
    if (detached) child.unref();
    return child;
  } finally {
    if (directory !== null) closeSync(directory);
  }
}

/** What mounts an overlay and then becomes the server. Somebody's shell may well stand in the directory: only the descriptor tells. */
const starters = /^(unshare|sh|dash|bash|mount)$/;

/** The processes of PostgreSQL that work in this data directory. Proven by the directory's inode, not by a number in a file. */
export async function findServerProcesses(data: string): Promise<ProcessInfo[]> {
  const place = statSync(data, { throwIfNoEntry: false });
  if (!place) return [];
  const isHere = (path: string) => {
    try {
      const at = statSync(path);
      return at.ino === place.ino && at.dev === place.dev;
    } catch {
      return false;
    }
  };
  const table = await readProcessTable();
  const macPids = process.platform === "linux" ? null : await readDarwinWorkers(data);
  return table.filter((info) => {
    if (!info.alive) return false;
    if (starters.test(info.name)) return isHere(`/proc/${info.pid}/fd/3`);
    if (!/^(postgres|postmaster|initdb|setpriv|runuser)/.test(info.name)) return false;
    return macPids ? macPids.has(info.pid) : isHere(`/proc/${info.pid}/cwd`) || isHere(`/proc/${info.pid}/fd/3`);
  });
}

/** `lsof -d cwd`: a line `p<pid>`, then `n<path>`. */
async function readDarwinWorkers(data: string): Promise<Set<number>> {
  const result = await exec(["/usr/sbin/lsof", "-a", "-d", "cwd", "-c", "postgres", "-Fpn"], { cwd: "/", env: { LC_ALL: "C" } });
  const pids = new Set<number>();
  let pid = 0;
  for (const line of result.stdout.split("\n")) {
    if (line.startsWith("p")) pid = Number(line.slice(1));
    else if (line === `n${data}` || line === `n/private${data}`) pids.add(pid);
  }
  return pids;
}

/** The last lines of a log from a byte on; empty when there are none. */
export function lastLines(log: string, from: number, count = 12): string[] {
  try {
    return readFileSync(log).subarray(from).toString("utf8").trimEnd().split("\n").slice(-count);
  } catch {
    return [];
  }
}
