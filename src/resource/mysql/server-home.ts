// Where one server lives, and how its programs are run there. As root they run as a user without privileges, for whom the way to the data is
// closed: in a mount namespace of their own, in which the server's home is the directory `/mnt`.
import { chownSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../os/exec.ts";
import { type ProcessInfo, readProcessTable } from "../../os/process-table.ts";
import { type ServerUser, serverUser } from "../../os/server-user.ts";

export interface ServerHome {
  /** Everything that the server reaches. */
  home: string;
  data: string;
  /** Of this server alone: at its start it takes temporary tables of before away. */
  temporary: string;
  /** Where the identity of the running server is kept. */
  identity: string;
  log: string;
}

export function serverHome(directory: string): ServerHome {
  const home = join(directory, "server");
  return {
    home,
    data: join(home, "data"),
    temporary: join(home, "tmp"),
    identity: join(directory, "server.json"),
    log: join(directory, "server.log"),
  };
}

/** Name of the socket in `home`. */
export const socketName = "s";

/** Whom a server runs as. */
export type Runner =
  | { kind: "self" }
  /** In a namespace of its own, as a user without privileges. */
  | { kind: "apart"; user: ServerUser }
  /** We are root where not even root may make namespaces, as in most containers. */
  | { kind: "root" };

const inside = "/mnt";
const searched = "/usr/bin:/bin:/usr/sbin:/sbin";

export function findRunner(path: string): Runner {
  if (process.getuid?.() !== 0) return { kind: "self" };
  if (process.platform !== "linux") return { kind: "root" };
  const probe = Bun.spawnSync(["unshare", "--mount", "--propagation", "slave", "--", "mount", "--bind", "/tmp", inside], {
    env: { PATH: searched },
    stdio: ["ignore", "ignore", "ignore"],
  });
  const user = probe.exitCode === 0 ? serverUser(path, { title: "MySQL", user: "mysql" }) : null;
  return user ? { kind: "apart", user } : { kind: "root" };
}

/** Makes what is missing of it and hands it to the user that the server runs as. */
export async function ensureHome({ home, temporary }: ServerHome, runner: Runner): Promise<void> {
  for (const place of [home, temporary]) {
    await mkdir(place, { recursive: true, mode: 0o700 });
    own(place, runner);
  }
}

/** The server's user may write to this file or directory. */
export function own(path: string, runner: Runner): void {
  if (runner.kind === "apart") chownSync(path, runner.user.uid, runner.user.gid);
}

export interface HomeCommand {
  place: ServerHome;
  runner: Runner;
  /** Given the home as the program sees it. */
  command: (home: string) => string[];
  /** A descriptor, or "pipe". */
  output: number | "pipe";
  /** In a session of its own: it outlives us. */
  detached?: boolean;
}

/** Runs a program in the data directory. Its process is the program itself, whatever came before it. */
export function spawnInHome({ place, runner, command, output, detached = false }: HomeCommand): Bun.Subprocess {
  const apart = runner.kind === "apart" ? ["unshare", "--mount", "--propagation", "slave", "--", "/bin/sh", "-c", enter, place.home] : [];
  const as = runner.kind === "apart" ? runner.user.prefix : [];
  const child = Bun.spawn([...apart, ...as, ...command(runner.kind === "apart" ? inside : place.home)], {
    cwd: place.data,
    env: { PATH: searched, LC_ALL: "C", TZ: "UTC" },
    stdio: ["ignore", output, output],
    detached,
  });
  if (detached) child.unref();
  return child;
}

const enter = `mount --bind "$0" ${inside} && cd ${inside}/data && exec "$@"`;

/** The servers that work in this data directory. Proven by the directory's inode, not by a number in a file. */
export async function findServers(data: string): Promise<ProcessInfo[]> {
  const place = statSync(data, { throwIfNoEntry: false });
  if (!place) return [];
  const table = await readProcessTable();
  const macPids = process.platform === "linux" ? null : await readDarwinWorkers(data);
  return table.filter((info) => {
    if (!info.alive || !/^(mariadbd|mysqld)/.test(info.name)) return false;
    if (macPids) return macPids.has(info.pid);
    try {
      const at = statSync(`/proc/${info.pid}/cwd`);
      return at.ino === place.ino && at.dev === place.dev;
    } catch {
      return false;
    }
  });
}

/** `lsof -d cwd`: a line `p<pid>`, then `n<path>`. */
async function readDarwinWorkers(data: string): Promise<Set<number>> {
  const command = ["/usr/sbin/lsof", "-a", "-d", "cwd", "-c", "mariadbd", "-c", "mysqld", "-Fpn"];
  const result = await exec(command, { cwd: "/", env: { LC_ALL: "C" } });
  const pids = new Set<number>();
  let pid = 0;
  for (const line of result.stdout.split("\n")) {
    if (line.startsWith("p")) pid = Number(line.slice(1));
    else if (line === `n${data}` || line === `n/private${data}`) pids.add(pid);
  }
  return pids;
}
