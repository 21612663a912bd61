// Sealed, immutable directories, keyed by everything that makes their content. Built privately by one builder while others wait, renamed into
// place when they are whole. One that was changed or damaged is put away and built again.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { diskError } from "./disk-error.ts";
import { exec } from "./exec.ts";
import { findDamage, looksSealed, type ManifestFile, readManifest } from "./file-manifest.ts";
import { moveToTrash, removeTree, writeFileAtomic } from "./files.ts";
import { observeProcess, type ProcessIdentity, readProcessIdentity } from "./process-identity.ts";

export interface SealRecord {
  schema: 1;
  key: string;
  /** What it is, for people. */
  title: string;
  createdAtMs: number;
  notes: string[];
  bytes: number;
  files: ManifestFile[];
}

export interface Sealed {
  key: string;
  directory: string;
  /** The part that is sealed. */
  content: string;
  record: SealRecord;
}

export interface SealedStoreOptions {
  /** Made when it is first used. */
  root: string;
  /** The part of a directory that is sealed, such as `data`. */
  content: string;
  now: () => number;
  /** Ends what may still work in a private directory before it is removed. */
  settle: (directory: string) => Promise<void>;
}

export interface SealWish {
  key: string;
  title: string;
  abort: AbortSignal;
  report: (line: string) => void;
  /** Fills the private directory, which exists, and leaves nothing at work in it; gives notes. */
  fill: (directory: string) => Promise<string[]>;
}

export interface SealedStore {
  readonly places: { sealed: string; building: string };
  /** Makes the places; once before anything else. */
  prepare(): Promise<void>;
  /** The one of this key; built when it is not there. Who finds it being built waits, and takes over when that one failed or was interrupted. */
  ensure(wish: SealWish): Promise<Sealed>;
  /** Reads all of it; when its content is not what was sealed it is put away. True: it was damaged. */
  putAwayIfDamaged(sealed: Sealed): Promise<boolean>;
}

const recordName = "seal.json";
const builderName = "builder.json";

export function createSealedStore(options: SealedStoreOptions): SealedStore {
  const { root } = options;
  const places = { sealed: join(root, "templates"), building: join(root, "building"), trash: join(root, "trash") };
  const building = new Map<string, Promise<Sealed>>();
  let prepared: Promise<void> | null = null;
  const prepare = async () => {
    for (const place of Object.values(places)) await mkdir(place, { recursive: true, mode: 0o700 });
    await sweep(places, options.settle);
  };
  const store: Store = { ...options, places };
  return {
    places,
    prepare: () => (prepared ??= prepare()),
    async ensure(wish) {
      for (;;) {
        wish.abort.throwIfAborted();
        const other = building.get(wish.key);
        if (!other) break;
        wish.report("waiting for the same template, which is being built");
        const outcome = await untilAborted(other, wish.abort).catch(() => null);
        if (outcome) return outcome;
      }
      const work = (async () => (await findSealed(store, wish.key)) ?? (await seal(store, wish)))();
      building.set(wish.key, work);
      try {
        return await work;
      } finally {
        building.delete(wish.key);
      }
    },
    async putAwayIfDamaged({ directory, content, record }) {
      const damage = await findDamage(content, record.files);
      if (damage !== null) await putAway(directory, places.trash);
      return damage !== null;
    },
  };
}

interface Store extends SealedStoreOptions {
  places: { sealed: string; building: string; trash: string };
}

async function findSealed({ places, content: part }: Store, key: string): Promise<Sealed | null> {
  const directory = join(places.sealed, key);
  const content = join(directory, part);
  const record = await readRecord(directory);
  if (record && looksSealed(content, record.files)) return { key, directory, content, record };
  if (existsSync(directory)) await putAway(directory, places.trash);
  return null;
}

async function seal({ places, content, now, settle }: Store, wish: SealWish): Promise<Sealed> {
  const { key, title } = wish;
  const directory = join(places.building, `${key}.${crypto.randomUUID().slice(0, 8)}`);
  try {
    await mkdir(directory, { mode: 0o700 });
    await writeFileAtomic(join(directory, builderName), JSON.stringify(await readProcessIdentity(process.pid)));
    const notes = await wish.fill(directory);
    wish.abort.throwIfAborted();
    const files = await readManifest(join(directory, content));
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const record: SealRecord = { schema: 1, key, title, createdAtMs: now(), notes, bytes, files };
    await writeFileAtomic(join(directory, recordName), JSON.stringify(record), { mode: 0o600 });
    await syncFileSystem(directory);
    const place = join(places.sealed, key);
    await rename(directory, place);
    return { key, directory: place, content: join(place, content), record };
  } catch (error) {
    await settle(directory);
    await removeTree(directory);
    throw diskError(error, directory);
  }
}

/** Everything of this file system on the disk. */
async function syncFileSystem(path: string): Promise<void> {
  const env = { PATH: "/usr/bin:/bin" };
  const result = await exec(["sync", "-f", path], { cwd: "/", env }).catch(() => null);
  if (result?.code !== 0) await exec(["sync"], { cwd: "/", env });
}

async function readRecord(directory: string): Promise<SealRecord | null> {
  try {
    const record = JSON.parse(await readFile(join(directory, recordName), "utf8")) as SealRecord;
    return record.schema === 1 && Array.isArray(record.files) ? record : null;
  } catch {
    return null;
  }
}

async function putAway(directory: string, trash: string): Promise<void> {
  const place = await moveToTrash(directory, trash);
  await removeTree(place ?? directory);
}

/** Takes away what a builder that died has left. */
async function sweep({ building, trash }: { building: string; trash: string }, settle: Store["settle"]): Promise<void> {
  for (const name of await readdir(building)) {
    const directory = join(building, name);
    const builder = await readFile(join(directory, builderName), "utf8")
      .then((text) => JSON.parse(text) as ProcessIdentity | null)
      .catch(() => null);
    if (builder && (await observeProcess(builder)) !== "ended") continue;
    await settle(directory);
    await removeTree(directory);
  }
  for (const name of await readdir(trash)) await removeTree(join(trash, name));
}

function untilAborted<T>(work: Promise<T>, abort: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(abort.reason);
    abort.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => abort.removeEventListener("abort", stop));
  });
}
