// When somebody last did something with an environment. What cannot be determined counts as just now.
import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import type { Git } from "../git/git.ts";
import { readGitDirectory } from "../git/repository.ts";
import { ceilingAt } from "../git/status.ts";
import { putStamp, readStamp } from "./stamps.ts";
import type { World } from "./world.ts";

export interface Activity {
  /** Unix milliseconds; null: not known, to be taken for just now. */
  atMs: number | null;
  /** What it was: `a commit`, `a changed file`, `a request`, `its create`. */
  what: string;
}

/** A write a minute is little for a ledger; who asks in between asks the memory. */
const noteEveryMs = 60_000;

/** Of requests through the gateway. */
export interface RequestMemory {
  note(environmentId: string): void;
}

export function createRequestMemory(world: () => World): RequestMemory {
  const notedMs = new Map<string, number>();
  return {
    note(environmentId) {
      const { clock, ledger, report } = world();
      const now = clock.now();
      if (now - (notedMs.get(environmentId) ?? 0) < noteEveryMs) return;
      try {
        if (!ledger.environment(environmentId)) return void notedMs.delete(environmentId);
        putStamp(world(), environmentId, { stamp: "request", text: String(now) });
        notedMs.set(environmentId, now);
      } catch (error) {
        report(error);
      }
    },
  };
}

/** The latest of create, request, commit and file. Files are looked at only until one is found that is newer than `enoughMs`. */
export async function readActivity(
  world: World,
  git: Git,
  { environment, enoughMs }: { environment: EnvironmentRecord; enoughMs: number },
): Promise<Activity> {
  const known: { atMs: number; what: string }[] = [{ atMs: environment.createdAtMs, what: "its create" }];
  const request = Number(readStamp(world, environment.id, "request") ?? Number.NaN);
  if (Number.isFinite(request)) known.push({ atMs: request, what: "a request" });
  try {
    known.push({ atMs: await readLastCommit(git, environment.path), what: "a commit" });
    const latest = latestOf(known);
    if (latest.atMs > enoughMs) return latest;
    known.push({ atMs: await readNewestFile(git, environment.path, enoughMs), what: "a changed file" });
  } catch {
    return { atMs: null, what: "" };
  }
  return latestOf(known);
}

function latestOf(known: readonly { atMs: number; what: string }[]): { atMs: number; what: string } {
  return known.reduce((best, one) => (one.atMs > best.atMs ? one : best), { atMs: 0, what: "" });
}

/** Of the commit itself, and of HEAD's last move: a checkout or a reset is somebody at work too. */
async function readLastCommit(git: Git, path: string): Promise<number> {
  const text = (
    await git.run(path, ["log", "-1", "--no-show-signature", "--format=%ct", "HEAD"], { env: ceilingAt(path), allow: [128] })
  ).trim();
  const gitDirectory = await readGitDirectory(path);
  const moved = gitDirectory === null ? 0 : changedMs(join(gitDirectory, "logs/HEAD"));
  return Math.max(Number(text) * 1000 || 0, moved);
}

/** Newest change of a file that git would look at, or of the directory it is in. */
async function readNewestFile(git: Git, path: string, enoughMs: number): Promise<number> {
  const output = await git.run(path, ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { env: ceilingAt(path) });
  const directories = new Set<string>([path]);
  let newest = changedMs(path);
  for (const name of output.split("\0")) {
    if (name === "") continue;
    const file = join(path, name);
    newest = Math.max(newest, changedMs(file));
    const parent = file.slice(0, file.lastIndexOf("/"));
    if (!directories.has(parent)) {
      directories.add(parent);
      newest = Math.max(newest, changedMs(parent));
    }
    if (newest > enoughMs) return newest;
  }
  return newest;
}

/** 0 for what is not there. */
function changedMs(path: string): number {
  try {
    return lstatSync(path).mtimeMs;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return 0;
    throw error;
  }
}
