import { readHeldSockets, readListeners } from "../../os/listeners.ts";
import { readCommand, readSocketHolder } from "../../os/ports.ts";
import type { ListenerObservation } from "../runtime-driver.ts";

/** Who listens on `port`, seen from an instance whose processes are `members`. */
export async function observeListener(port: number, members: readonly number[]): Promise<ListenerObservation> {
  const listeners = await readListeners(port);
  if (listeners === null) return { owner: "unknown" };
  if (listeners.length === 0) return { owner: "nobody" };
  let unreadable = false;
  let holder: number | null = null;
  const foreign = listeners.filter((listener) => {
    const inodes = new Set(listener.inode === null ? [] : [listener.inode]);
    const ours = members.find((pid) => {
      const held = readHeldSockets(pid, inodes);
      unreadable ||= held === null;
      return listener.holders.includes(pid) || (held !== null && held.size > 0);
    });
    holder ??= ours ?? null;
    return ours === undefined;
  });
  // One family ours and the other a stranger's counts as foreign: a part of the requests would reach the stranger.
  if (foreign.length === 0) return { owner: "ours", pid: holder };
  const pid = await readSocketHolder(foreign, members);
  if (pid === null && unreadable) return { owner: "unknown" };
  return { owner: "foreign", pid, command: pid === null ? null : await readCommand(pid) };
}
