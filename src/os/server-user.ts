// Database servers refuse to run as root, or should not. Where we are root, their programs run as a user without privileges, which owns the data
// directories and cannot reach them by their paths (ours are closed to it): it is handed the open directory instead.
import { readFileSync } from "node:fs";
import { WtError } from "../errors/wt-error.ts";

export interface ServerUser {
  uid: number;
  gid: number;
  /** The command that becomes this user and then runs what follows. */
  prefix: string[];
}

export interface ServerKind {
  /** `PostgreSQL`, for errors. */
  title: string;
  /** The user its packages make. */
  user: string;
}

/** Who a server's programs run as; null: as ourselves, who are not root. Throws `WtError` where there is no way. */
export function serverUser(path: string, kind: ServerKind): ServerUser | null {
  if (process.getuid?.() !== 0) return null;
  if (process.platform !== "linux") throw noWay(kind, "on this system");
  const users = parsePasswd(readFileSync("/etc/passwd", "utf8"));
  const found = users.find((user) => user.name === kind.user && user.uid !== 0) ?? users.find((user) => user.name === "nobody");
  if (!found) throw noWay(kind, `and there is no user ${kind.user} or nobody to run it as`);
  const ways = [
    ["setpriv", `--reuid=${found.uid}`, `--regid=${found.gid}`, "--clear-groups", "--"],
    ["runuser", "-u", found.name, "--"],
  ];
  for (const [program = "", ...rest] of ways) {
    const full = Bun.which(program, { PATH: `${path}:/usr/bin:/bin:/usr/sbin:/sbin` });
    if (!full) continue;
    const prefix = [full, ...rest];
    if (Bun.spawnSync([...prefix, "true"], { env: { PATH: "/usr/bin:/bin" }, stdio: ["ignore", "ignore", "ignore"] }).exitCode === 0) {
      return { uid: found.uid, gid: found.gid, prefix };
    }
  }
  throw noWay(kind, "and neither setpriv nor runuser (util-linux) can become another user here");
}

/** The lines of passwd(5) that are whole. */
export function parsePasswd(text: string): { name: string; uid: number; gid: number }[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , uid = "", gid = ""] = line.split(":");
    return name && /^\d+$/.test(uid) && /^\d+$/.test(gid) ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
}

function noWay({ title, user }: ServerKind, why: string): WtError {
  return new WtError({
    kind: "machine",
    code: `${user}_as_root`,
    message: `${title} does not run as root ${why}.`,
    hints: ["Run `wt` as an ordinary user."],
  });
}
