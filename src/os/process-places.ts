// Which processes work in a directory, as far as the system tells.
import { readlinkSync } from "node:fs";
import { type ProcessInfo, readProcessTable } from "./process-table.ts";

/** By their working directory; null where the system does not tell it. */
export async function processesWithin(directories: readonly string[]): Promise<ProcessInfo[] | null> {
  if (process.platform !== "linux") return null;
  const inside = (place: string) => directories.some((directory) => place === directory || place.startsWith(`${directory}/`));
  return (await readProcessTable()).filter(({ pid, alive }) => {
    try {
      return alive && inside(readlinkSync(`/proc/${pid}/cwd`));
    } catch {
      // Gone by now, or another user's.
      return false;
    }
  });
}
