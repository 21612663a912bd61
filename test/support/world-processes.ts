// The processes of a hermetic world, as the kernel knows them.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Linux: every process whose environment names the world's state directory, or that works in it (a database server has no variable of ours). */
export function processesOf(directory: string): number[] {
  const wanted = `XDG_STATE_HOME=${directory}/state`;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(
      (pid) =>
        pid !== process.pid &&
        (environOf(pid).includes(wanted) || workingDirectory(pid).startsWith(`${directory}/state/`)) &&
        !isZombie(pid),
    );
}

function environOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}

function workingDirectory(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

function isZombie(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "(gone)";
  }
}

/** Until none is left: one that is ended may have started another. */
export async function endAll(directory: string): Promise<void> {
  const endMs = Date.now() + 10_000;
  for (;;) {
    const pids = processesOf(directory);
    for (const pid of pids) endQuietly(pid);
    if (pids.length === 0 || Date.now() > endMs) return;
    await Bun.sleep(25);
  }
}

function endQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended in the meantime.
  }
}
