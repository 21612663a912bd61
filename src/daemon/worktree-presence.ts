// Whether a worktree is there, was removed, or cannot be seen now. What cannot be seen is never taken for removed.
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { readRegistrations } from "../git/worktree-registration.ts";
import { entryAt } from "../os/files.ts";
import { type MountPoint, readMountPoint } from "../os/mount-point.ts";
import { putStamp, readStamp } from "./stamps.ts";
import { worktreeExists } from "./worktree-exists.ts";
import type { World } from "./world.ts";

export type Presence =
  | { state: "there" }
  /** `registered`: git still lists it (`rm -rf`); else `git worktree remove` took both. `repository`: all of it is gone. */
  | { state: "removed"; how: "registered" | "unregistered" | "repository"; because: string }
  /** The directory is there, without its `.git`. */
  | { state: "remains"; because: string }
  | { state: "unknown"; because: string };

export async function observePresence(world: World, project: ProjectRecord, environment: EnvironmentRecord): Promise<Presence> {
  try {
    if (worktreeExists(environment)) {
      noteMount(world, environment);
      return { state: "there" };
    }
    const hidden = hiddenBy(world, environment);
    if (hidden !== null) return { state: "unknown", because: hidden };
    if (entryAt(project.gitCommonDir) === null) return repositoryGone(world, project);
    if (entryAt(environment.path) !== null) {
      return { state: "remains", because: `${environment.path} is there, but it is no worktree any more.` };
    }
    const registration = (await readRegistrations(project.gitCommonDir)).find(({ path }) => path === environment.path);
    // git's own word for "it may come back": worktrees on removable drives are locked.
    if (registration && registration.lockReason !== null && registration.lockReason !== "initializing") {
      return { state: "unknown", because: `Its worktree is locked${registration.lockReason && `: ${registration.lockReason}`}.` };
    }
    const how = registration ? "registered" : "unregistered";
    const word = registration ? "somebody removed the directory" : "git removed the worktree";
    return { state: "removed", how, because: `${capital(word)} ${environment.path}.` };
  } catch (error) {
    return { state: "unknown", because: `${environment.path} cannot be looked at: ${(error as Error).message}.` };
  }
}

function repositoryGone(world: World, project: ProjectRecord): Presence {
  const main = world.ledger.environments({ projectId: project.id }).find((one) => one.main);
  const hidden = main ? hiddenBy(world, main) : null;
  if (hidden !== null) return { state: "unknown", because: hidden };
  // Where the whole tree above is gone too, a drive that was never seen mounted may be missing.
  return { state: "removed", how: "repository", because: `The repository ${project.root} is gone.` };
}

/** The file system that the worktree was last seen on is not there now; null when it is. */
function hiddenBy(world: World, environment: EnvironmentRecord): string | null {
  const kept = readStamp(world, environment.id, "mount");
  const now = readMountPoint(environment.path);
  if (now === null) return "The system does not say what is mounted.";
  if (kept === null) return "Nobody has seen on which file system it was.";
  const before = JSON.parse(kept) as MountPoint;
  if (before.at === now.at && before.what === now.what) return null;
  return `The file system it was on, ${before.at || before.what}, is not mounted.`;
}

/** So that later it can be told whether the file system is there. */
export function noteMount(world: World, environment: EnvironmentRecord): void {
  const now = readMountPoint(environment.path);
  if (now === null) return;
  const text = JSON.stringify({ at: now.at, what: now.what } satisfies MountPoint);
  if (readStamp(world, environment.id, "mount") !== text) putStamp(world, environment.id, { stamp: "mount", text });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
