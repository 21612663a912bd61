// Marks that processes carry in their environment: they pass to every child, also to one that leaves its session and its parent.
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { exec } from "./exec.ts";
import type { ProcessInfo } from "./process-table.ts";

export interface MarkReader {
  /** Value of the variable per process number, for those of `processes` that carry it and whose environment may be read. */
  read(processes: readonly ProcessInfo[]): Promise<Map<number, string>>;
}

/** How long a process may still become another program with another environment after it was first seen. */
const settledMs = 5000;

/** How often and how far apart an environment that reads as empty is looked at again. */
const emptyLooks = 5;
const emptyPauseMs = 2;

/** Reads one variable of many processes; what was read once about a process is remembered while it lives. */
export function createMarkReader(variable: string, now: () => number): MarkReader {
  let remembered = new Map<number, { startTime: number; mark: string | null; readAtMs: number; firstMs: number }>();
  return {
    async read(processes) {
      if (process.platform !== "linux") return readPsMarks(variable);
      const marks = new Map<number, string>();
      const next: typeof remembered = new Map();
      const empty: ProcessInfo[] = [];
      for (const info of processes) {
        const { pid, startTime } = info;
        if (!info.alive) continue;
        const before = remembered.get(pid);
        const same = before?.startTime === startTime ? before : undefined;
        const settled = same && (same.mark !== null || same.readAtMs - same.firstMs > settledMs);
        const readAtMs = now();
        const read = settled ? same.mark : readProcMark(pid, variable);
        if (read === "empty" && !same) empty.push(info);
        const mark = read === "empty" ? null : read;
        next.set(pid, settled ? same : { startTime, mark, readAtMs, firstMs: same?.firstMs ?? readAtMs });
        if (mark !== null) marks.set(pid, mark);
      }
      remembered = next;
      for (const [pid, mark] of await readAgain(empty, variable)) {
        marks.set(pid, mark);
        const entry = next.get(pid);
        if (entry) entry.mark = mark;
      }
      return marks;
    },
  };
}

/** While a process becomes another program (exec), its environment reads as empty for a moment. */
async function readAgain(processes: readonly ProcessInfo[], variable: string): Promise<Map<number, string>> {
  const marks = new Map<number, string>();
  // Kernel threads are the children of process 2 and have none.
  let left = processes.filter((info) => info.ppid !== 2 && info.pid !== 2);
  for (let look = 0; look < emptyLooks && left.length > 0; look++) {
    await setTimeout(emptyPauseMs);
    left = left.filter(({ pid }) => {
      const mark = readProcMark(pid, variable);
      if (mark !== null && mark !== "empty") marks.set(pid, mark);
      return mark === "empty";
    });
  }
  return marks;
}

function readProcMark(pid: number, variable: string): string | "empty" | null {
  try {
    const block = readFileSync(`/proc/${pid}/environ`);
    return block.length === 0 ? "empty" : parseEnviron(block, variable);
  } catch {
    return null;
  }
}

/** The environment a process was started with, as `parseEnviron` reads it; empty where the system does not tell (Linux only). */
export function readEnviron(pid: number): Buffer {
  try {
    return readFileSync(`/proc/${pid}/environ`);
  } catch {
    return Buffer.alloc(0);
  }
}

/** Value of a variable in a block of `KEY=value` strings that end with a zero byte; the first one counts, as in getenv(3). */
export function parseEnviron(block: Buffer, variable: string): string | null {
  const wanted = Buffer.from(`${variable}=`);
  for (let at = block.indexOf(wanted); at !== -1; at = block.indexOf(wanted, at + 1)) {
    if (at > 0 && block[at - 1] !== 0) continue;
    const end = block.indexOf(0, at);
    return block.toString("utf8", at + wanted.length, end === -1 ? block.length : end);
  }
  return null;
}

/** macOS shows the environment of one's own programs only, and of protected ones (such as /bin/sh) not at all. */
async function readPsMarks(variable: string): Promise<Map<number, string>> {
  const result = await exec(["/bin/ps", "-axwwE", "-o", "pid=,command="], { cwd: "/", env: { LC_ALL: "C" } });
  return parsePsMarks(result.stdout, variable);
}

/** What `ps -axwwE -o pid=,command=` prints: the arguments, then the environment, all divided by spaces. */
export function parsePsMarks(text: string, variable: string): Map<number, string> {
  const marks = new Map<number, string>();
  for (const line of text.split("\n")) {
    const pid = /^\s*(\d+)\s/.exec(line)?.[1];
    const at = line.lastIndexOf(` ${variable}=`);
    if (pid === undefined || at === -1) continue;
    const value = line.slice(at + variable.length + 2).split(" ")[0];
    if (value) marks.set(Number(pid), value);
  }
  return marks;
}
