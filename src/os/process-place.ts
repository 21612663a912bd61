// Where a process works and how it was called, as far as the system tells: Linux only.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface ProcessPlace {
  directory: string;
  argv: string[];
}

/** Null for a process that is gone or somebody else's, and where the system does not tell. */
export function readProcessPlace(pid: number): ProcessPlace | null {
  if (process.platform !== "linux") return null;
  try {
    const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    if (argv.at(-1) === "") argv.pop();
    // What follows the name of a directory that is gone.
    return { directory: readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, ""), argv };
  } catch {
    return null;
  }
}

/** Processes that work in a directory of their own choice: not in the root, where what the system starts works. Empty where the system does not tell. */
export function readWorkingProcesses(): { pid: number; directory: string }[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid)) return [];
    try {
      const directory = readlinkSync(`/proc/${pid}/cwd`);
      return directory === "/" ? [] : [{ pid, directory }];
    } catch {
      return [];
    }
  });
}
