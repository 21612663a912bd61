// Lines that wt itself writes into a service's log, so that the log tells why it breaks off.
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import type { ServiceEffect, ServiceEvent, ServiceStatus } from "../environment/service-machine.ts";
import { entryAt } from "../os/files.ts";

const prefix = "[wt] ";

/** What the log has to say about a change; null for most. Pure. */
export function logMark(
  event: ServiceEvent,
  change: { before: ServiceStatus; after: ServiceStatus; effects: readonly ServiceEffect[] },
): string | null {
  const { before, after, effects } = change;
  if (event.type === "ended" && before.live && !after.live) {
    const pause = effects.find((effect) => effect.type === "pause");
    if (after.phase === "Waiting") return `${prefix}It came to its end unseen, and is started again.`;
    if (pause) return `${prefix}${after.reason ?? "It ended."} It is started again in ${pause.ms / 1000} s.`;
    return `${prefix}${after.reason ?? "It came to its end."}${after.phase === "Completed" ? "" : " It is not started again."}`;
  }
  if (event.type !== "stopped" || !before.live || event.leftovers.length > 0) return null;
  return `${prefix}${after.phase === "Stopped" ? "It was stopped." : "It was stopped, and is started again."}`;
}

/** Whether wt wrote the line. */
export function isLogMark(line: string): boolean {
  return line.startsWith(prefix);
}

/** On a line of its own, whatever the program left unfinished. Nothing where there is no log. Throws when the disk refuses. */
export function appendLogMark(path: string, mark: string): void {
  if (entryAt(path) === null) return;
  const file = openSync(path, constants.O_RDWR | constants.O_APPEND);
  try {
    const { size } = fstatSync(file);
    const last = Buffer.alloc(1);
    const unfinished = size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a;
    writeSync(file, `${unfinished ? "\n" : ""}${mark}\n`);
  } finally {
    closeSync(file);
  }
}
