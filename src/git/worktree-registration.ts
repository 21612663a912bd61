// A linked worktree is two things that name each other: a directory (its `.git` file) and a registration (`<common dir>/worktrees/<id>`).
import { realpathSync } from "node:fs";
import { readdir, readFile, rename, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { systemClock } from "../os/clock.ts";
import { entryAt, moveToTrash, removeTree } from "../os/files.ts";
import { readGitDirectory } from "./repository.ts";
import { directoryUnusable } from "./worktree-errors.ts";

export interface Registration {
  id: string;
  /** `<common dir>/worktrees/<id>`. */
  directory: string;
  /** The worktree it names; null where `git worktree add` was ended before it wrote that. */
  path: string | null;
  lockReason: string | null;
}

/** The branch a registration's HEAD names; `unset` while `git worktree add` has not come to it, `none` when it is detached. */
export async function readRegisteredBranch(registration: Registration): Promise<{ branch: string } | "unset" | "none"> {
  const head = await readTrimmed(join(registration.directory, "HEAD"));
  // With refs in tables, HEAD says `refs/heads/.invalid` for ever, and only git itself could tell more.
  if (head === null || /^0*$/.test(head) || head === "ref: refs/heads/.invalid") return "unset";
  const branch = /^ref: refs\/heads\/(.+)$/.exec(head)?.[1];
  return branch === undefined ? "none" : { branch };
}

export type Bond =
  /** They name each other. */
  | { kind: "bound"; registration: Registration }
  | { kind: "directory_missing"; registration: Registration | null }
  /** Nothing proves that the directory is this repository's worktree. `registration`: one that claims this path all the same. */
  | { kind: "unproven"; because: string; registration: Registration | null };

/** While `git worktree add` works, and after it was killed, the registration is locked with this reason. */
export const initializing = "initializing";

export async function readBond(gitCommonDir: string, path: string): Promise<Bond> {
  const place = canonicalPath(path);
  const registrations = await readRegistrations(gitCommonDir);
  const claiming = registrations.find((it) => it.path === place) ?? null;
  const stat = entryAt(place);
  if (!stat) return { kind: "directory_missing", registration: claiming };
  const unproven = (because: string): Bond => ({ kind: "unproven", because, registration: claiming });
  if (!stat.isDirectory()) return unproven("it is not a directory");
  if (!entryAt(join(place, ".git"))?.isFile()) return unproven("it has no .git file");
  const gitDirectory = await readGitDirectory(place);
  if (!gitDirectory) return unproven("its .git file points to nothing");
  const registration = registrations.find((it) => it.directory === gitDirectory);
  if (!registration) return unproven(`its .git file points to ${gitDirectory}, which is not of this repository`);
  if (registration.path !== place) return unproven(`its registration ${registration.id} names ${registration.path ?? "no directory"}`);
  return { kind: "bound", registration };
}

export async function readRegistrations(gitCommonDir: string): Promise<Registration[]> {
  const folder = join(gitCommonDir, "worktrees");
  const names = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found = names.filter((entry) => entry.isDirectory()).map(({ name }) => readRegistration(join(folder, name)));
  return Promise.all(found);
}

/** Absolute, with the symbolic links of its parents resolved, whether it exists or not; a link in the last place stays one. */
export function canonicalPath(path: string): string {
  const absolute = resolve(path);
  const parent = dirname(absolute);
  if (parent === absolute) return absolute;
  try {
    return join(realpathSync(parent), basename(absolute));
  } catch {
    return join(canonicalPath(parent), basename(absolute));
  }
}

/** Takes the directory away by one rename: into `trash`, or (without one, or across file systems) to `discardedPlace`, to be removed from there. */
export async function discardDirectory(place: string, trash: string | null): Promise<void> {
  try {
    if (trash !== null && (await moveToTrash(place, trash)) !== null) return;
    await removeTree(discardedPlace(place));
    await rename(place, discardedPlace(place));
  } catch (error) {
    throw directoryUnusable(dirname(place), error);
  }
}

/** Known from the path alone, so that a removal that was interrupted is carried on by the next one. */
export function discardedPlace(place: string): string {
  return join(dirname(place), `.${basename(place).slice(0, 200)}.wt-removed`);
}

/** Drops exactly this registration: `git worktree prune` would take bystanders along, and `remove` finds by path, which two may claim. */
export async function dropRegistration(registration: Registration, trash: string | null): Promise<void> {
  const gitCommonDir = dirname(dirname(registration.directory));
  if (trash === null || (await moveToTrash(registration.directory, trash)) === null) {
    await rename(registration.directory, join(gitCommonDir, `${removedPrefix}${registration.id}.${crypto.randomUUID().slice(0, 8)}`));
  }
  for (const name of await readdir(gitCommonDir)) {
    if (name.startsWith(removedPrefix)) await removeTree(join(gitCommonDir, name));
  }
  // As git does: without linked worktrees there is no such folder. It stays when it is not empty.
  await rmdir(dirname(registration.directory)).catch(() => undefined);
}

/**
 * A `git worktree add` that was killed in its first instants leaves a registration that names no directory and is locked, so that git itself never
 * prunes it. It is known by the name git derives from the path; one that is younger than two seconds may still be at work and is waited for.
 */
export async function dropUnfinishedRegistrations(gitCommonDir: string, place: string): Promise<void> {
  for (const registration of await readRegistrations(gitCommonDir)) {
    if (!isUnfinished(registration, place)) continue;
    const ageMs = Date.now() - (entryAt(registration.directory)?.mtimeMs ?? 0);
    if (ageMs < unfinishedAgeMs) await systemClock.sleep(unfinishedAgeMs - ageMs);
    const now = await readRegistration(registration.directory);
    if (isUnfinished(now, place)) await dropRegistration(now, null);
  }
}

const removedPrefix = "wt-removed.";
const unfinishedAgeMs = 2_000;

function isUnfinished({ id, path, lockReason }: Registration, place: string): boolean {
  const name = basename(place);
  return path === null && lockReason === initializing && id.startsWith(name) && /^\d*$/.test(id.slice(name.length));
}

async function readRegistration(directory: string): Promise<Registration> {
  const [gitFile, lockReason] = await Promise.all([readTrimmed(join(directory, "gitdir")), readTrimmed(join(directory, "locked"))]);
  const path = gitFile ? canonicalPath(dirname(resolve(directory, gitFile))) : null;
  return { id: basename(directory), directory, path, lockReason };
}

async function readTrimmed(file: string): Promise<string | null> {
  const text = await readFile(file, "utf8").catch(() => null);
  return text === null ? null : text.trim();
}
