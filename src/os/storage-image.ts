// A file system of our own in a file, for machines whose own one shares no blocks between files. It is mounted at `<state>/storage`; the places where
// templates and resources lie become links into it, so that every path stays what it was, and nothing can be made there while it is not mounted.
import { existsSync, readdirSync, readFileSync, readlinkSync, statfsSync, statSync } from "node:fs";
import { mkdir, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import { entryAt, removeTree, writeFileAtomic } from "./files.ts";

export type ImageKind = "btrfs" | "xfs";

export interface StorageRecord {
  schema: 1;
  kind: ImageKind;
  bytes: number;
  image: string;
  /** Where it belongs. */
  place: string;
  createdAtMs: number;
}

export type StorageState =
  | { state: "none" }
  | { state: "mounted"; record: StorageRecord; freeBytes: number; usedBytes: number }
  /** `reason` ends a sentence. */
  | { state: "unmounted"; record: StorageRecord; reason: string };

/** Directories of the state directory that drivers keep templates in. */
export const storeNames = ["postgres", "mysql", "mariadb"] as const;

export function storagePaths(state: string): { record: string; image: string; place: string } {
  return { record: join(state, "storage.json"), image: join(state, "storage.img"), place: join(state, "storage") };
}

export function observeStorage(state: string): StorageState {
  const record = readStorageRecord(state);
  if (!record) return { state: "none" };
  if (!existsSync(record.image)) return { state: "unmounted", record, reason: `its file ${record.image} is gone` };
  const place = statSync(record.place, { throwIfNoEntry: false });
  if (!place || place.dev === statSync(dirname(record.place)).dev) return { state: "unmounted", record, reason: "it is not mounted" };
  const { bsize, blocks, bfree, bavail, type } = statfsSync(record.place);
  if (type !== kinds[record.kind].magic) return { state: "unmounted", record, reason: "something else is mounted there" };
  if (place.uid !== (process.getuid?.() ?? place.uid))
    return { state: "unmounted", record, reason: "its directory belongs to another user" };
  return { state: "mounted", record, freeBytes: bavail * bsize, usedBytes: (blocks - bfree) * bsize };
}

export function readStorageRecord(state: string): StorageRecord | null {
  try {
    return parseStorageRecord(readFileSync(storagePaths(state).record, "utf8"));
  } catch {
    return null;
  }
}

/** null for what we did not write. */
export function parseStorageRecord(text: string): StorageRecord | null {
  try {
    const record = JSON.parse(text) as StorageRecord;
    const whole = record.schema === 1 && record.kind in kinds && typeof record.image === "string" && typeof record.place === "string";
    return whole && Number.isSafeInteger(record.bytes) ? record : null;
  } catch {
    return null;
  }
}

export async function writeStorageRecord(state: string, record: StorageRecord): Promise<void> {
  await writeFileAtomic(storagePaths(state).record, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
}

export function makeCommand({ kind, image }: StorageRecord): string[] {
  return [`mkfs.${kind}`, "-q", image];
}

/** What only root may do to make it usable by this user; each can be repeated. */
export function mountCommands({ kind, image, place }: StorageRecord, user: { uid: number; gid: number }): string[][] {
  return [
    ["mount", "-o", kinds[kind].options, image, place],
    ["chown", `${user.uid}:${user.gid}`, place],
  ];
}

export function unmountCommand({ place }: StorageRecord): string[] {
  return ["umount", place];
}

/** A line of fstab(5), by which the system mounts it when it starts. */
export function fstabLine({ kind, image, place }: StorageRecord): string {
  const escaped = (path: string) => path.replace(/[\\ \t]/g, (sign) => `\\${sign.charCodeAt(0).toString(8).padStart(3, "0")}`);
  return `${escaped(image)} ${escaped(place)} ${kind} ${kinds[kind].options},nofail 0 0`;
}

/** `20G`, `500M`, `1.5T`; null for what is no size. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,6}(?:\.\d{1,3})?)\s*([MGT])(?:i?B)?$/i.exec(text.trim());
  if (!match) return null;
  const unit = { M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }[(match[2] ?? "").toUpperCase()] ?? 0;
  const bytes = Math.floor(Number(match[1]) * unit);
  // Whole sectors.
  return bytes - (bytes % 4096);
}

/** Before something is made for an environment: its resources lie in the image from the beginning, or stay where they are. Throws `WtError`. */
export async function ensureResourcePlace(state: string, environmentId: string): Promise<void> {
  const storage = observeStorage(state);
  if (storage.state === "none") return;
  if (storage.state === "unmounted") throw unmountedError(storage.reason);
  const here = join(state, "environments", environmentId, "resources");
  if (entryAt(here)) return;
  const there = join(storage.record.place, "environments", environmentId, "resources");
  await mkdir(there, { recursive: true, mode: 0o700 });
  await mkdir(dirname(here), { recursive: true, mode: 0o700 });
  await symlink(there, here);
}

/** After an environment's files are gone from the state directory. */
export async function removeResourcePlace(state: string, environmentId: string): Promise<void> {
  const record = readStorageRecord(state);
  if (record) await removeTree(join(record.place, "environments", environmentId));
}

/** Why what lies at this path cannot be reached: it leads into the image, which is not there. null: it can. Never throws. */
export function unreachable(state: string, path: string): WtError | null {
  const storage = observeStorage(state);
  if (storage.state !== "unmounted") return null;
  return leadsInto(path, storage.record.place) ? unmountedError(storage.reason) : null;
}

function leadsInto(path: string, place: string): boolean {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    const entry = entryAt(at);
    if (entry?.isSymbolicLink()) return `${readlinkSync(at)}/`.startsWith(`${place}/`);
    if (entry) return false;
  }
  return false;
}

export interface StoreMove {
  name: string;
  /** Where the image is mounted. */
  place: string;
  /** Templates that data lies upon. */
  keep: ReadonlySet<string>;
  copy: (from: string, to: string) => Promise<void>;
}

/** Moves the stores of templates into the mounted image: those that data lies upon are copied, the others are built again when they are wanted. */
export async function takeOverStore(state: string, { name, place, keep, copy }: StoreMove): Promise<void> {
  const here = join(state, name);
  const there = join(place, name);
  if (entryAt(here)?.isSymbolicLink()) return;
  await mkdir(join(there, "templates"), { recursive: true, mode: 0o700 });
  for (const key of namesIn(join(here, "templates"))) if (keep.has(key)) await copy(join(here, "templates", key), join(there, "templates"));
  await removeTree(here);
  await symlink(there, here);
}

/** All links into the image go, dangling or not; what is built in it is gone with it. */
export async function removeStorageLinks(state: string): Promise<void> {
  const { place } = storagePaths(state);
  const places = namesIn(join(state, "environments")).map((id) => join(state, "environments", id, "resources"));
  for (const path of [...storeNames.map((name) => join(state, name)), ...places]) {
    const isLink = entryAt(path)?.isSymbolicLink();
    if (isLink && `${readlinkSync(path)}/`.startsWith(`${place}/`)) await rm(path);
  }
}

/** Names of the templates that data in the state directory lies upon, as links called `lower` say. */
export function templatesLainUpon(state: string): Set<string> {
  const found = new Set<string>();
  for (const id of namesIn(join(state, "environments"))) {
    for (const name of namesIn(join(state, "environments", id, "resources"))) {
      const resource = join(state, "environments", id, "resources", name);
      const checkpoints = namesIn(join(resource, "checkpoints")).map((one) => join("checkpoints", one, "data"));
      for (const below of [...namesIn(resource), ...checkpoints]) {
        const link = join(resource, below, "lower");
        if (entryAt(link)?.isSymbolicLink()) found.add(basename(dirname(readlinkSync(link))));
      }
    }
  }
  return found;
}

/** Ids of environments with something in the image. */
export function storedEnvironments(place: string): string[] {
  return namesIn(join(place, "environments")).filter((id) => namesIn(join(place, "environments", id, "resources")).length > 0);
}

export function unmountedError(reason: string): WtError {
  return new WtError({
    kind: "machine",
    code: "storage_unmounted",
    message: `The storage for databases cannot be used: ${reason}.`,
    hints: ["Mount it: wt db storage mount", "`wt db storage show` says more."],
  });
}

const kinds: Record<ImageKind, { magic: number; options: string }> = {
  // Who may make a subvolume may then remove it too.
  btrfs: { magic: 0x9123683e, options: "loop,noatime,discard,user_subvol_rm_allowed" },
  xfs: { magic: 0x58465342, options: "loop,noatime,discard" },
};

function namesIn(directory: string): string[] {
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(directory) : [];
}
