// What `wt doctor` finds about the machine that the daemon runs on: room, clock, limits of the kernel.
import { readFileSync, statfsSync } from "node:fs";
import { uptime } from "node:os";
import type { Finding } from "./finding.ts";
import type { World } from "./world.ts";

const lowDiskBytes = 1024 ** 3;
const fewFiles = 10_000;
/** Below this, a few dev servers and an editor use all there is. */
const fewWatches = 65_536;
const fewInstances = 128;
const jumpMs = 60_000;

export function machineFindings(world: World): Finding[] {
  return [
    ...diskFindings(world),
    ...clockFindings(world),
    ...limitFindings({ watches: readLimit("max_user_watches"), instances: readLimit("max_user_instances") }),
  ];
}

/** Where the state is, and where the worktrees are; each file system once. */
function diskFindings(world: World): Finding[] {
  const places = [world.paths.state, ...world.ledger.projects().map(({ root }) => root)];
  const seen = new Set<string>();
  return places.flatMap((place): Finding[] => {
    try {
      const disk = statfsSync(place);
      const key = `${disk.type} ${disk.blocks} ${disk.bsize} ${disk.files} ${disk.bfree}`;
      if (seen.has(key)) return [];
      seen.add(key);
      return roomFindings(place, disk);
    } catch {
      // A repository that is gone is a finding of its own.
      return [];
    }
  });
}

export function roomFindings(place: string, disk: { bavail: number; bsize: number; files: number; ffree: number }): Finding[] {
  const free = disk.bavail * disk.bsize;
  if (free < lowDiskBytes) {
    const message = `Only ${Math.round(free / 1024 ** 2)} MB are free where ${place} is.`;
    return [{ code: "disk_low", level: "warning", message, fix: "wt gc --dry-run; df -h" }];
  }
  // Some file systems have no such limit and say 0.
  if (disk.files > 0 && disk.ffree < fewFiles) {
    const message = `Only ${disk.ffree} more files can be made where ${place} is.`;
    return [{ code: "files_low", level: "warning", message, fix: "wt gc --dry-run; df -i" }];
  }
  return [];
}

/** When the machine started, by the clock of now: it changes only when somebody sets the clock. Sleeping counts as running. */
export function bootTimeMs(nowMs: number): number {
  return nowMs - uptime() * 1000;
}

function clockFindings(world: World): Finding[] {
  const now = world.clock.now();
  const findings: Finding[] = [];
  const jumped = bootTimeMs(now) - world.bootTimeMs;
  if (Math.abs(jumped) > jumpMs) {
    const way = jumped > 0 ? "forward" : "back";
    const message = `The clock was set ${way} by ${Math.round(Math.abs(jumped) / 1000)} s since the daemon started; ages and pauses are off by as much.`;
    findings.push({ code: "clock_jumped", level: "warning", message, fix: "wt daemon stop" });
  }
  const future = world.ledger.environments().filter(({ createdAtMs }) => createdAtMs > now + jumpMs);
  if (future.length > 0) {
    const message = `The clock is behind: ${future.map(({ slug }) => slug).join(", ")} ${future.length === 1 ? "was" : "were"} made in its future.`;
    findings.push({ code: "clock_behind", level: "warning", message, fix: "date" });
  }
  return findings;
}

/** null: there is no such limit. */
export function limitFindings({ watches, instances }: { watches: number | null; instances: number | null }): Finding[] {
  const findings: Finding[] = [];
  if (watches !== null && watches < fewWatches) {
    findings.push({
      code: "inotify_watches_low",
      level: "warning",
      message: `Programs of one user may watch ${watches} directories together; dev servers of several worktrees need more.`,
      fix: "sudo sysctl fs.inotify.max_user_watches=524288",
    });
  }
  if (instances !== null && instances < fewInstances) {
    findings.push({
      code: "inotify_instances_low",
      level: "warning",
      message: `Only ${instances} programs of one user may watch directories at once.`,
      fix: "sudo sysctl fs.inotify.max_user_instances=1024",
    });
  }
  return findings;
}

/** null where there is no such limit. */
function readLimit(name: string): number | null {
  try {
    const value = Number(readFileSync(`/proc/sys/fs/inotify/${name}`, "utf8"));
    return Number.isFinite(value) ? value : null;
  } catch {
    return null;
  }
}
