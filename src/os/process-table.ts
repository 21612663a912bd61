// Which processes the machine runs, straight from the kernel: /proc on Linux, `ps` on macOS.
import { readdirSync, readFileSync } from "node:fs";
import { WtError } from "../errors/wt-error.ts";
import { exec } from "./exec.ts";

export interface ProcessInfo {
  pid: number;
  ppid: number;
  pgid: number;
  /** The session; where the system does not tell it (macOS), the process group stands in. */
  sid: number;
  /** When the kernel started it, in the kernel's own unit: only good for comparing two readings of the same boot. */
  startTime: number;
  /** False for what has ended and only waits to be reaped. */
  alive: boolean;
  /** Halted by a signal (SIGSTOP, SIGTSTP): it acts on no other signal than SIGKILL until it is continued. */
  halted: boolean;
  rssBytes: number;
  name: string;
}

/** One process; `gone`: there is none with this number; `unreadable`: the system does not say. */
export async function readProcess(pid: number): Promise<ProcessInfo | "gone" | "unreadable"> {
  if (process.platform === "linux") return readLinuxProcess(pid, pageBytes());
  const table = await readPsTable(["-p", String(pid)]);
  return table === null ? "unreadable" : (table[0] ?? "gone");
}

/** Every process that can be seen. Not a snapshot: a process that is born or dies meanwhile may be missing. Throws `WtError` where there is no list. */
export async function readProcessTable(): Promise<ProcessInfo[]> {
  if (process.platform !== "linux") return readPsTableOrThrow();
  const bytes = pageBytes();
  const processes: ProcessInfo[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const info = readLinuxProcess(pid, bytes);
    if (typeof info === "object") processes.push(info);
  }
  return processes;
}

function readLinuxProcess(pid: number, bytesPerPage: number): ProcessInfo | "gone" | "unreadable" {
  try {
    return parseProcStat(readFileSync(`/proc/${pid}/stat`, "latin1"), bytesPerPage) ?? "unreadable";
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === "ENOENT" || code === "ESRCH" ? "gone" : "unreadable";
  }
}

/** `/proc/<pid>/stat` (proc_pid_stat(5)). The name stands in parentheses and may itself hold spaces, parentheses and newlines. */
export function parseProcStat(text: string, bytesPerPage: number): ProcessInfo | null {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 1 || close < open) return null;
  const pid = Number(text.slice(0, open).trim());
  const fields = text
    .slice(close + 1)
    .trim()
    .split(/\s+/);
  const state = fields[0] ?? "";
  const [ppid, pgid, sid] = [Number(fields[1]), Number(fields[2]), Number(fields[3])];
  const [threads, startTime, rssPages] = [Number(fields[17]), Number(fields[19]), Number(fields[21])];
  if (![pid, ppid, pgid, sid, threads, startTime, rssPages].every(Number.isSafeInteger) || !/^[A-Za-z]$/.test(state)) return null;
  return {
    pid,
    ppid,
    pgid,
    sid,
    startTime,
    // A process whose first thread has ended reads as a zombie although its other threads work on.
    alive: !/[ZXx]/.test(state) || (state === "Z" && threads > 1),
    halted: /[Tt]/.test(state),
    rssBytes: Math.max(0, rssPages) * bytesPerPage,
    name: text.slice(open + 1, close),
  };
}

/** The page size as the kernel told this process at its start (the auxiliary vector, getauxval(3)). */
function pageBytes(): number {
  try {
    const vector = readFileSync("/proc/self/auxv");
    for (let at = 0; at + 16 <= vector.length; at += 16) {
      if (vector.readBigUInt64LE(at) === 6n) return Number(vector.readBigUInt64LE(at + 8));
    }
  } catch {
    return 4096;
  }
  return 4096;
}

async function readPsTableOrThrow(): Promise<ProcessInfo[]> {
  const processes = await readPsTable(["-ax"]);
  if (processes) return processes;
  throw new WtError({ kind: "machine", code: "processes_unreadable", message: "The list of processes cannot be read with ps." });
}

const psColumns = "pid=,ppid=,pgid=,stat=,rss=,lstart=,comm=";

async function readPsTable(which: string[]): Promise<ProcessInfo[] | null> {
  const result = await exec(["/bin/ps", ...which, "-o", psColumns], { cwd: "/", env: { LC_ALL: "C", TZ: "UTC" } });
  // With -p, a code of 1 only says that there is no such process.
  if (result.code > 1 || (result.code === 1 && which[0] !== "-p")) return null;
  return parsePsTable(result.stdout);
}

/** What `ps -o pid=,ppid=,pgid=,stat=,rss=,lstart=,comm=` prints in the C locale and UTC. */
export function parsePsTable(text: string): ProcessInfo[] {
  const processes: ProcessInfo[] = [];
  for (const line of text.split("\n")) {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\d+)\s+\w{3}\s+(\w{3}\s+\d+\s+[\d:]{8}\s+\d{4})\s+(.*)$/.exec(line);
    const startMs = Date.parse(`${match?.[6]} UTC`);
    if (!match || Number.isNaN(startMs)) continue;
    const state = match[4] ?? "";
    processes.push({
      pid: Number(match[1]),
      ppid: Number(match[2]),
      pgid: Number(match[3]),
      sid: Number(match[3]),
      startTime: startMs / 1000,
      alive: !state.startsWith("Z"),
      halted: state.startsWith("T"),
      rssBytes: Number(match[5]) * 1024,
      name: (match[7] ?? "").replace(/^.*\//, ""),
    });
  }
  return processes;
}
