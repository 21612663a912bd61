// Marks that processes carry in their environment: they pass to every child, also to one that leaves its session and its parent.
import { readFileSync } from "node:fs";
import { exec } from "./exec.ts";
import type { ProcessInfo } from "./process-table.ts";

export interface MarkReader {
  /** Value of the variable per process number, for those of `processes` that carry it and whose environment may be read. */
  read(processes: readonly ProcessInfo[]): Promise<Map<number, string>>;
}

/** How long after its start a process may still become another program with another environment. */
const settledMs = 5000;

/** Reads one variable of many processes; what was read once about a process is remembered while it lives. */
export function createMarkReader(variable: string, now: () => number): MarkReader {
  let remembered = new Map<number, { startTime: number; mark: string | null; readAtMs: number; firstMs: number }>();
  return {
    async read(processes) {
      if (process.platform !== "linux") return readPsMarks(variable);
      const marks = new Map<number, string>();
      const next: typeof remembered = new Map();
      for (const { pid, startTime, alive } of processes) {
        if (!alive) continue;
        const before = remembered.get(pid);
        const same = before?.startTime === startTime ? before : undefined;
        const settled = same && (same.mark !== null || same.readAtMs - same.firstMs > settledMs);
        const readAtMs = now();
        const entry = settled ? same : { startTime, mark: readProcMark(pid, variable), readAtMs, firstMs: same?.firstMs ?? readAtMs };
        next.set(pid, entry);
        if (entry.mark !== null) marks.set(pid, entry.mark);
      }
      remembered = next;
      return marks;
    },
  };
}

function readProcMark(pid: number, variable: string): string | null {
  try {
    return parseEnviron(readFileSync(`/proc/${pid}/environ`), variable);
  } catch {
    return null;
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
