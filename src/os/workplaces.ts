// Which processes work in which directories, and whether a person's terminal stands behind them.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { exec } from "./exec.ts";

export interface Workplace {
  pid: number;
  /** The program's name, as the system shortens it. */
  name: string;
  /** The directory it works in, links resolved; of one that is gone, where it was. */
  directory: string;
  /** It has a controlling terminal. */
  terminal: boolean;
  /** The directory was removed under it (as far as the system tells). */
  removed: boolean;
}

/** Of every process whose directory may be read; null where the system does not tell at all. */
export async function observeWorkplaces(): Promise<Workplace[] | null> {
  if (process.platform === "linux") return readLinuxWorkplaces();
  if (process.platform === "darwin") return readMacWorkplaces();
  return null;
}

/** Those in `directory` or below it. */
export function workingIn(workplaces: readonly Workplace[], directory: string): Workplace[] {
  return workplaces.filter((one) => one.directory === directory || one.directory.startsWith(`${directory}/`));
}

function readLinuxWorkplaces(): Workplace[] | null {
  try {
    return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? readLinuxWorkplace(Number(name)) : []));
  } catch {
    return null;
  }
}

/** Empty for one that has ended, a thread of the kernel, or a stranger's. */
function readLinuxWorkplace(pid: number): Workplace[] {
  try {
    const place = readlinkSync(`/proc/${pid}/cwd`);
    const directory = place.replace(/ \(deleted\)$/, "");
    const stat = parseStatTerminal(readFileSync(`/proc/${pid}/stat`, "utf8"));
    return stat ? [{ pid, directory, removed: directory !== place, ...stat }] : [];
  } catch {
    return [];
  }
}

/** What `/proc/<pid>/stat` says of name and terminal; the name may hold spaces and brackets. Null for what has ended. */
export function parseStatTerminal(text: string): { name: string; terminal: boolean } | null {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  const [state = "", , , , tty = ""] = text.slice(close + 2).split(" ");
  if (open < 0 || close < open || !/^-?\d+$/.test(tty) || /[ZXx]/.test(state)) return null;
  return { name: text.slice(open + 1, close), terminal: tty !== "0" };
}

/** The directories from lsof, the terminals from ps: neither tells both. */
async function readMacWorkplaces(): Promise<Workplace[] | null> {
  const options = { cwd: "/", env: { LC_ALL: "C" } };
  const [open, table] = await Promise.all([
    exec(["/usr/sbin/lsof", "-n", "-P", "-w", "-a", "-d", "cwd", "-F", "pcn"], options).catch(() => null),
    exec(["/bin/ps", "-ax", "-o", "pid=,tty="], options).catch(() => null),
  ]);
  if (!open || !table || open.stdout === "" || table.code !== 0) return null;
  const terminals = new Set(
    table.stdout.split("\n").flatMap((line) => {
      const [, pid, tty] = /^\s*(\d+)\s+(\S+)/.exec(line) ?? [];
      return pid && tty && !/^\?+$/.test(tty) ? [Number(pid)] : [];
    }),
  );
  return parseLsofDirectories(open.stdout).map((one) => ({ ...one, removed: false, terminal: terminals.has(one.pid) }));
}

/** What `lsof -d cwd -F pcn` prints: a line a field, its first letter says which. */
export function parseLsofDirectories(text: string): Pick<Workplace, "pid" | "name" | "directory">[] {
  const found: Pick<Workplace, "pid" | "name" | "directory">[] = [];
  let pid = 0;
  let name = "";
  for (const line of text.split("\n")) {
    const value = line.slice(1);
    if (line.startsWith("p")) pid = Number(value);
    else if (line.startsWith("c")) name = value;
    else if (line.startsWith("n") && pid > 0) found.push({ pid, name, directory: value });
  }
  return found;
}
