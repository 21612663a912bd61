// Where a process works and how it was called, as far as the system tells: Linux only.
import { readFileSync, readlinkSync } from "node:fs";

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
