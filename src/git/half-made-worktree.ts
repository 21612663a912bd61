// What a `git worktree add` that was killed leaves: a git still running, a checkout without an index, a file cut off in the middle.
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../os/clock.ts";
import type { Git } from "./git.ts";
import { temporaryIndex } from "./hidden-changes.ts";
import { ceilingAt, parseStatus } from "./status.ts";
import { worktreeBusy } from "./worktree-errors.ts";
import { type Registration, readRegisteredBranch } from "./worktree-registration.ts";

/**
 * Paths that the interrupted checkout did not write: a file it had not come to yet is no change, nor is one it had only begun.
 * The worktree's own index is not looked at, because there may be none.
 */
export async function readHalfMadeChanges(git: Git, place: string, registration: Registration): Promise<string[]> {
  const registered = await readRegisteredBranch(registration);
  const untouched = registered === "unset" || !existsSync(join(registration.directory, "commondir"));
  if (untouched) return (await readdir(place)).filter((name) => name !== ".git");
  const index = join(registration.directory, `wt-index-${randomUUID()}`);
  const env = { ...ceilingAt(place), ...temporaryIndex(index) };
  try {
    await git.run(place, ["read-tree", "HEAD"], { env });
    const status = parseStatus(
      await git.run(place, ["status", "--porcelain=v2", "--no-renames", "-z", "--untracked-files=normal"], { env }),
    );
    const changes: string[] = [];
    for (const { kind, xy, path } of status.entries) {
      if (kind === "changed" && xy === ".D") continue;
      if (kind === "changed" && xy === ".M" && (await isCutOff(git, place, path))) continue;
      changes.push(path);
    }
    return changes;
  } finally {
    await rm(index, { force: true });
    await rm(`${index}.lock`, { force: true });
  }
}

async function isCutOff(git: Git, place: string, path: string): Promise<boolean> {
  const written = (await readFile(join(place, path), "utf8")).replace(/\uFFFD+$/, "");
  const whole = await git.run(place, ["cat-file", "blob", `HEAD:${path}`], { env: ceilingAt(place) });
  return written.length < whole.length && whole.startsWith(written);
}

const waitForRunningMs = 10_000;

/** A git outlives a daemon that is killed; undoing beside it would leave what it makes afterwards. It is waited for, never ended. */
export async function waitForRunningAdd(place: string): Promise<void> {
  for (let waitedMs = 0; isAddRunning(place); waitedMs += 50) {
    if (waitedMs >= waitForRunningMs) throw worktreeBusy(place);
    await systemClock.sleep(50);
  }
}

/** Looks for `git worktree add … <place>` and the `git reset --hard` it starts there. Where there is no /proc, nothing is seen. */
function isAddRunning(place: string): boolean {
  if (process.platform !== "linux") return false;
  return readdirSync("/proc").some((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (!/(^|\/)git$/.test(args[0] ?? "")) return false;
      if (args.includes("worktree") && args.includes("add")) return args.includes(place);
      return args.includes("reset") && args.includes("--hard") && readlinkSync(`/proc/${pid}/cwd`) === place;
    } catch {
      return false;
    }
  });
}
