// A file or directory in somebody's worktree that we made: the record of it is kept elsewhere, written before it exists and removed after it is gone.
// It is made beside its place and renamed into it, so that a crash leaves the old one, the new one or none.
import { readdirSync, readFileSync, realpathSync, type Stats } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import { entryAt, removeTree, writeFileAtomic } from "./files.ts";
import { ensureMarkedDirectory, foreignDirectory, observeMarkedDirectory, removeMarkedDirectory } from "./marked-directory.ts";

export interface OwnedEntry {
  /** Absolute; inside `root`. */
  place: string;
  /** The worktree; no link on the way from it to `place` is followed out of it. */
  root: string;
  kind: "file" | "directory";
  /** Files that belong to it: `["-wal"]` for `place-wal`. */
  companions: readonly string[];
  /** Private directory of the record. */
  directory: string;
  /** Random per owner. */
  mark: string;
}

export type OwnedState =
  | { state: "absent" }
  | { state: "made" }
  /** `made` was not reached, or somebody else removed it: `ensureOwned` makes it anew. */
  | { state: "broken"; reason: string }
  | { state: "foreign"; reason: string };

interface EntryRecord {
  place: string;
  /** `making`: it is ours only if it has this inode. `placed`: it is ours, what follows is not finished. */
  stage: "making" | "placed" | "made";
  inode: number | null;
}

export async function observeOwned(entry: OwnedEntry): Promise<OwnedState> {
  const owner = await observeMarkedDirectory(entry.directory, entry.mark);
  const there = entryAt(entry.place);
  if (owner === "foreign") return { state: "foreign", reason: foreignDirectory(entry.directory).message };
  const record = owner === "ours" ? readRecord(entry) : null;
  if (!record) {
    if (there && !isPlaceholder(entry, there)) return { state: "foreign", reason: foreignEntry(entry).message };
    return owner === "ours" ? { state: "broken", reason: `${entry.place} was not made to its end.` } : { state: "absent" };
  }
  if (there && !isOurs(entry, { record, there })) return { state: "foreign", reason: foreignEntry(entry).message };
  if (record.stage !== "made") return { state: "broken", reason: `${entry.place} was not made to its end.` };
  return there ? { state: "made" } : { state: "broken", reason: `${entry.place} is gone.` };
}

export interface Making {
  /** Makes the entry at `staging`, which is free and on the same file system as its place. */
  produce: (staging: string) => Promise<void>;
  /** What must succeed before it counts as made, once it is in its place. */
  finish?: (() => Promise<void>) | undefined;
}

/** Makes it unless it is made. Throws what `making` throws, or `WtError` (`refused`) for what is not ours; then nothing of it is left. */
export async function ensureOwned(entry: OwnedEntry, making: Making): Promise<"made" | "was_made"> {
  const seen = await observeOwned(entry);
  if (seen.state === "made") return "was_made";
  if (seen.state === "foreign") throw foreignOf(entry, seen.reason);
  checkWayTo(entry);
  await ensureMarkedDirectory(entry.directory, entry.mark);
  try {
    await putInPlace(entry, making);
  } catch (error) {
    // Checkpoints are worth more than a tidy end.
    if (!entryAt(join(entry.directory, checkpointsName))) {
      await (readRecord(entry) ? removeOwned(entry) : removeMarkedDirectory(entry.directory, entry.mark));
    }
    throw error;
  }
  return "made";
}

/** Puts another in its place; until that is ready the old one stays. Throws `WtError` (`refused`) for what is not ours. */
export async function replaceOwned(entry: OwnedEntry, making: Making): Promise<void> {
  const seen = await observeOwned(entry);
  if (seen.state === "foreign") throw foreignOf(entry, seen.reason);
  if (seen.state === "absent") {
    throw new WtError({ kind: "not_found", code: "resource_absent", message: `${entry.place} was not made yet.` });
  }
  checkWayTo(entry);
  await putInPlace(entry, making);
}

/** Removes it, verified, and last its record. Absent is fine; throws `WtError` (`refused`) for what is not ours. */
export async function removeOwned(entry: OwnedEntry): Promise<void> {
  const seen = await observeOwned(entry);
  if (seen.state === "foreign") throw foreignOf(entry, seen.reason);
  if (seen.state === "absent") return removeMarkedDirectory(entry.directory, entry.mark);
  if (entryAt(entry.root)) {
    checkWayTo(entry);
    if (wasPlaced(entry)) await removeWithCompanions(entry, entry.place);
    await removeLeftovers(entry);
  }
  await removeMarkedDirectory(entry.directory, entry.mark);
}

/** The worktree was moved, and the entry from `before` with it: the record names its place again. Nothing changes for what still stands there, or is not ours. */
export async function followOwned(entry: OwnedEntry, before: string): Promise<void> {
  if ((await observeMarkedDirectory(entry.directory, entry.mark)) !== "ours") return;
  const record = readRecord({ ...entry, place: before });
  if (!record || before === entry.place || entryAt(before) !== null) return;
  await writeRecord(entry, { ...record, place: entry.place });
}

async function putInPlace(entry: OwnedEntry, making: Making): Promise<void> {
  await mkdir(dirname(entry.place), { recursive: true });
  await removeLeftovers(entry);
  const { fresh, old } = leftovers(entry);
  try {
    await making.produce(fresh);
    const before = readRecord(entry);
    const there = entryAt(entry.place);
    if (there && !(before ? isOurs(entry, { record: before, there }) : isPlaceholder(entry, there))) throw foreignEntry(entry);
    const inode = entryAt(fresh)?.ino ?? null;
    if (!before) await writeRecord(entry, { place: entry.place, stage: "making", inode });
    // With its companions: a database must never meet the write-ahead log of another.
    await renameWithCompanions(entry, entry.place, old);
    try {
      await renameWithCompanions(entry, fresh, entry.place);
      await writeRecord(entry, { place: entry.place, stage: "placed", inode });
      await making.finish?.();
      await writeRecord(entry, { place: entry.place, stage: "made", inode });
    } catch (error) {
      if (before?.stage === "made" && entryAt(old)) {
        await removeWithCompanions(entry, entry.place);
        await renameWithCompanions(entry, old, entry.place);
        await writeRecord(entry, before);
      }
      throw error;
    }
  } finally {
    await removeLeftovers(entry);
  }
}

async function renameWithCompanions(entry: OwnedEntry, from: string, to: string): Promise<void> {
  for (const suffix of ["", ...entry.companions]) if (entryAt(from + suffix)) await rename(from + suffix, to + suffix);
}

async function removeLeftovers(entry: OwnedEntry): Promise<void> {
  for (const path of Object.values(leftovers(entry))) await removeWithCompanions(entry, path);
}

async function removeWithCompanions(entry: OwnedEntry, path: string): Promise<void> {
  for (const suffix of ["", ...entry.companions]) await removeTree(path + suffix);
}

/** Names that nobody else uses, the same at every attempt. */
function leftovers(entry: OwnedEntry): { fresh: string; old: string } {
  const key = new Bun.CryptoHasher("sha256").update(`${entry.mark} ${entry.place}`).digest("hex").slice(0, 12);
  const begin = join(dirname(entry.place), `.${basename(entry.place).slice(0, 100)}.wt-${key}`);
  return { fresh: `${begin}-new`, old: `${begin}-old` };
}

function isOurs(entry: OwnedEntry, { record, there }: { record: EntryRecord; there: Stats }): boolean {
  if (record.place !== entry.place) return false;
  if (entry.kind === "directory" ? !there.isDirectory() : !there.isFile()) return false;
  return record.stage !== "making" || there.ino === record.inode || isPlaceholder(entry, there);
}

/** Else what stands there is a placeholder of the repository. */
function wasPlaced(entry: OwnedEntry): boolean {
  const record = readRecord(entry);
  return record !== null && (record.stage !== "making" || entryAt(entry.place)?.ino === record.inode);
}

const placeholders = [".gitkeep", ".gitignore", ".keep"];

/** A directory that only exists because git keeps a file in it. */
function isPlaceholder(entry: OwnedEntry, there: Stats): boolean {
  if (entry.kind !== "directory" || !there.isDirectory()) return false;
  return readdirSync(entry.place).every((name) => placeholders.includes(name));
}

function checkWayTo(entry: OwnedEntry): void {
  const root = realpathSync(entry.root);
  let way = dirname(entry.place);
  while (!entryAt(way)) way = dirname(way);
  const real = realpathSync(way);
  if (real === root || real.startsWith(`${root}/`)) return;
  throw new WtError({
    kind: "refused",
    code: "path_leads_out",
    message: `${relative(entry.root, entry.place)} leads out of the worktree: ${way} is a link to ${real}.`,
    hints: ["Choose a path without such a link in wt.yaml."],
    details: { path: entry.place },
  });
}

function foreignEntry(entry: OwnedEntry): WtError {
  return new WtError({
    kind: "refused",
    code: "entry_foreign",
    message: `${entry.place} exists and was not made by wt, so it is left alone.`,
    hints: [`If it is not needed, move it away: mv ${entry.place} ${entry.place}.old`, "Else choose another `path` in wt.yaml."],
    details: { path: entry.place },
  });
}

function foreignOf(entry: OwnedEntry, reason: string): WtError {
  const error = foreignEntry(entry);
  return error.message === reason ? error : foreignDirectory(entry.directory);
}

const recordName = "entry.json";
/** Directory in the private one that `ensureOwned` keeps when it fails. */
const checkpointsName = "checkpoints";

/** Where the checkpoint `id` is kept. */
export function checkpointPlace({ directory }: Pick<OwnedEntry, "directory">, id: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(id)) {
    throw new WtError({
      kind: "usage",
      code: "checkpoint_name",
      message: `\`${id}\` cannot name a checkpoint.`,
      hints: ["Use letters, digits, `.`, `_` and `-`, at most 100 characters."],
    });
  }
  return join(directory, checkpointsName, id);
}

/** Keeps what `produce` makes under `id`. Throws `WtError` (`refused`) for a taken id, (`not_found`) when there is nothing to keep. */
export async function addCheckpoint(entry: OwnedEntry, id: string, produce: (place: string) => Promise<void>): Promise<void> {
  const place = checkpointPlace(entry, id);
  await requireMade(entry);
  if (entryAt(place)) {
    throw new WtError({
      kind: "refused",
      code: "checkpoint_exists",
      message: `${entry.place} has a checkpoint ${id} already.`,
      hints: ["Choose another name, or remove that one first."],
    });
  }
  await mkdir(dirname(place), { recursive: true, mode: 0o700 });
  // A leading dot: no id begins with one.
  const staging = join(dirname(place), `.${id}`);
  try {
    await removeWithCompanions(entry, staging);
    await produce(staging);
    await rename(staging, place);
  } finally {
    await removeWithCompanions(entry, staging);
  }
}

/** The place of an existing checkpoint; throws `WtError` (`not_found`). */
export async function requireCheckpoint(entry: OwnedEntry, id: string): Promise<string> {
  const place = checkpointPlace(entry, id);
  await requireMade(entry);
  if (entryAt(place)) return place;
  throw new WtError({ kind: "not_found", code: "checkpoint_unknown", message: `${entry.place} has no checkpoint ${id}.` });
}

async function requireMade(entry: OwnedEntry): Promise<void> {
  const seen = await observeOwned(entry);
  if (seen.state === "foreign") throw foreignOf(entry, seen.reason);
  if (seen.state === "made") return;
  throw new WtError({
    kind: "not_found",
    code: "resource_absent",
    message: seen.state === "broken" ? seen.reason : `${entry.place} was not made yet.`,
    hints: ["Run `wt up` to make it."],
  });
}

function readRecord(entry: OwnedEntry): EntryRecord | null {
  try {
    const read = JSON.parse(readFileSync(join(entry.directory, recordName), "utf8")) as EntryRecord;
    // Under another path than before: the old one is the worktree's now, nothing of it is lost.
    return read.place === entry.place ? read : null;
  } catch {
    return null;
  }
}

function writeRecord(entry: OwnedEntry, record: EntryRecord): Promise<void> {
  return writeFileAtomic(join(entry.directory, recordName), `${JSON.stringify(record)}\n`, { mode: 0o600 });
}
