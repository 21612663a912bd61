// Sealed, immutable directories, keyed by everything that makes their content. Built privately by one builder while others wait, renamed into
// place when they are whole. One that was changed or damaged is put away and built again.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import { diskError } from "./disk-error.ts";
import { exec } from "./exec.ts";
import { findDamage, looksSealed, type ManifestFile, readManifest } from "./file-manifest.ts";
import { moveToTrash, removeTree, writeFileAtomic } from "./files.ts";
import { observeProcess, type ProcessIdentity, readProcessIdentity } from "./process-identity.ts";

export interface SealRecord<Details> {
  schema: 2;
  /** Name of its directory: what was wished, with `.2` and so on for one that was built anew. */
  key: string;
  /** What it is, for people. */
  title: string;
  details: Details;
  createdAtMs: number;
  buildMs: number;
  notes: string[];
  bytes: number;
  files: ManifestFile[];
}

export interface Sealed<Details> {
  key: string;
  directory: string;
  /** The part that is sealed. */
  content: string;
  record: SealRecord<Details>;
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

export interface SealWish<Details> {
  /** 20 hexadecimal digits. */
  key: string;
  title: string;
  /** From the beginning, also where there is one; that one goes then. */
  anew: boolean;
  abort: AbortSignal;
  report: (line: string) => void;
  /** Fills the private directory, which exists, and leaves nothing at work in it. `details` are kept beside it, `notes` are for people. */
  fill: (directory: string) => Promise<{ notes: string[]; details: Details }>;
}

export interface SealedEntry<Details> {
  key: string;
  /** null: its record cannot be read. */
  record: SealRecord<Details> | null;
  /** null: never. */
  usedAtMs: number | null;
}

export interface SealedStore<Details> {
  readonly places: { sealed: string; building: string; trash: string };
  /** Makes the places and takes away what dead builders left; once before anything else. */
  prepare(): Promise<void>;
  /** The one of this key; built when it is not there. Who finds it being built waits, and takes over when that one failed or was interrupted. */
  ensure(wish: SealWish<Details>): Promise<Sealed<Details>>;
  /** The one of this key; builds nothing and puts nothing away. */
  look(key: string): Promise<Sealed<Details> | null>;
  list(): Promise<SealedEntry<Details>[]>;
  /** While `work` copies from it nobody takes it away. */
  use<T>(sealed: Sealed<Details>, work: () => Promise<T>): Promise<T>;
  /** Reads all of it: the first file that is not what was sealed; null: all are. */
  damage(key: string): Promise<string | null>;
  /** When its content is not what was sealed it is put away. True: it was damaged. */
  putAwayIfDamaged(sealed: Sealed<Details>): Promise<boolean>;
  /** Throws `WtError` (`refused`) while somebody copies from it. */
  remove(key: string): Promise<void>;
  leftovers(): Promise<{ path: string; kind: "trash" | "building" }[]>;
  removeLeftover(path: string): Promise<void>;
  onSealed(listener: () => void): void;
}

const recordName = "seal.json";
const builderName = "builder.json";

export function createSealedStore<Details>(options: SealedStoreOptions): SealedStore<Details> {
  const { root } = options;
  const places = { sealed: join(root, "templates"), building: join(root, "building"), trash: join(root, "trash") };
  const store: Store = { ...options, places, held: new Map(), active: new Set(), listeners: [] };
  const building = new Map<string, Promise<Sealed<Details>>>();
  let prepared: Promise<void> | null = null;
  const prepare = async () => {
    for (const place of Object.values(places)) await mkdir(place, { recursive: true, mode: 0o700 });
    for (const { path } of await readLeftovers(store)) await removeLeftover(store, path);
  };
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
        if (outcome && !wish.anew) return outcome;
      }
      const work = (async () => (wish.anew ? null : await findSealed<Details>(store, wish.key)) ?? (await seal(store, wish)))();
      building.set(wish.key, work);
      try {
        const sealed = await work;
        // Without it one only seems older than it is.
        await writeFile(join(sealed.directory, "used"), String(options.now()), { mode: 0o600 }).catch(() => undefined);
        return sealed;
      } finally {
        building.delete(wish.key);
      }
    },
    look: (key) => findSealed<Details>(store, key, { onlyLook: true }),
    list: async () => Promise.all((await namesIn(places.sealed)).filter(isKey).map((key) => describe<Details>(store, key))),
    use: (sealed, work) => hold(store, sealed.key, work),
    damage: async (key) => {
      const record = await readRecord(join(places.sealed, key));
      return record ? findDamage(join(places.sealed, key, options.content), record.files) : recordName;
    },
    async putAwayIfDamaged({ key, content, record }) {
      const damage = await findDamage(content, record.files);
      if (damage !== null) await putAway(store, key);
      return damage !== null;
    },
    async remove(key) {
      if (!isKey(key)) return;
      if (store.held.has(key)) throw inUse(key);
      await putAway(store, key);
    },
    leftovers: () => readLeftovers(store),
    removeLeftover: (path) => removeLeftover(store, path),
    onSealed: (listener) => void store.listeners.push(listener),
  };
}

interface Store extends SealedStoreOptions {
  places: { sealed: string; building: string; trash: string };
  /** How many copy from it now; by key. */
  held: Map<string, number>;
  /** Builds of this process that are under way, by directory. */
  active: Set<string>;
  listeners: (() => void)[];
}

function isKey(name: string): boolean {
  return /^[0-9a-f]{20}(\.\d{1,6})?$/.test(name);
}

function generationOf(name: string): number {
  return Number(name.split(".")[1] ?? 1);
}

/** What was built for a key, the newest first. */
async function generationsOf({ places }: Store, key: string): Promise<string[]> {
  const names = (await namesIn(places.sealed)).filter((name) => isKey(name) && name.split(".")[0] === key);
  return names.sort((one, other) => generationOf(other) - generationOf(one));
}

async function findSealed<Details>(store: Store, key: string, { onlyLook = false } = {}): Promise<Sealed<Details> | null> {
  for (const name of await generationsOf(store, key.split(".")[0] ?? key)) {
    const directory = join(store.places.sealed, name);
    const content = join(directory, store.content);
    const record = await readRecord<Details>(directory);
    if (record && looksSealed(content, record.files)) return { key: name, directory, content, record };
    if (!onlyLook) await putAway(store, name);
  }
  return null;
}

async function seal<Details>(store: Store, wish: SealWish<Details>): Promise<Sealed<Details>> {
  const { places, content, now, settle } = store;
  const directory = join(places.building, `${wish.key}.${crypto.randomUUID().slice(0, 8)}`);
  const sinceMs = now();
  store.active.add(directory);
  try {
    await mkdir(directory, { mode: 0o700 });
    await writeFileAtomic(join(directory, builderName), JSON.stringify(await readProcessIdentity(process.pid)));
    const { notes, details } = await wish.fill(directory);
    wish.abort.throwIfAborted();
    const files = await readManifest(join(directory, content));
    const before = await generationsOf(store, wish.key);
    const key = before[0] === undefined ? wish.key : `${wish.key}.${generationOf(before[0]) + 1}`;
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const [createdAtMs, buildMs] = [now(), Math.max(0, Math.round(now() - sinceMs))];
    const record: SealRecord<Details> = { schema: 2, key, title: wish.title, details, createdAtMs, buildMs, notes, bytes, files };
    await writeFileAtomic(join(directory, recordName), JSON.stringify(record), { mode: 0o600 });
    await syncFileSystem(directory);
    wish.abort.throwIfAborted();
    const place = join(places.sealed, key);
    await rename(directory, place);
    // One that is copied from at this moment goes with a later collection.
    for (const older of before) if (!store.held.has(older)) await putAway(store, older);
    for (const listener of store.listeners) listener();
    return { key, directory: place, content: join(place, content), record };
  } catch (error) {
    await settle(directory);
    await removeTree(directory);
    throw diskError(error, directory);
  } finally {
    store.active.delete(directory);
  }
}

async function hold<T>({ held }: Store, key: string, work: () => Promise<T>): Promise<T> {
  held.set(key, (held.get(key) ?? 0) + 1);
  try {
    return await work();
  } finally {
    const left = (held.get(key) ?? 1) - 1;
    if (left > 0) held.set(key, left);
    else held.delete(key);
  }
}

/** Everything of this file system on the disk. */
async function syncFileSystem(path: string): Promise<void> {
  const env = { PATH: "/usr/bin:/bin" };
  const result = await exec(["sync", "-f", path], { cwd: "/", env }).catch(() => null);
  if (result?.code !== 0) await exec(["sync"], { cwd: "/", env });
}

async function describe<Details>({ places }: Store, key: string): Promise<SealedEntry<Details>> {
  const directory = join(places.sealed, key);
  const used = await readFile(join(directory, "used"), "utf8").catch(() => "");
  return { key, record: await readRecord<Details>(directory), usedAtMs: Number(used) || null };
}

async function readRecord<Details>(directory: string): Promise<SealRecord<Details> | null> {
  try {
    const record = JSON.parse(await readFile(join(directory, recordName), "utf8")) as SealRecord<Details>;
    return record.schema === 2 && Array.isArray(record.files) && typeof record.details === "object" ? record : null;
  } catch {
    return null;
  }
}

/** At once out of everybody's sight, then away. */
async function putAway({ places }: Store, key: string): Promise<void> {
  const directory = join(places.sealed, key);
  if (!existsSync(directory)) return;
  const place = await moveToTrash(directory, places.trash);
  await removeTree(place ?? directory);
}

/** What a removal or a builder that did not come to its end has left. */
async function readLeftovers({ places, active }: Store): Promise<{ path: string; kind: "trash" | "building" }[]> {
  const found: { path: string; kind: "trash" | "building" }[] = [];
  for (const name of await namesIn(places.building)) {
    const path = join(places.building, name);
    if (!active.has(path) && !(await hasBuilder(path))) found.push({ path, kind: "building" });
  }
  for (const name of await namesIn(places.trash)) found.push({ path: join(places.trash, name), kind: "trash" });
  return found;
}

/** What a dead builder started goes with it. */
async function removeLeftover({ places, settle }: Store, path: string): Promise<void> {
  if (path.startsWith(`${places.building}/`)) await settle(path);
  await removeTree(path);
}

/** Another process that lives builds there. */
async function hasBuilder(directory: string): Promise<boolean> {
  const builder = await readFile(join(directory, builderName), "utf8")
    .then((text) => JSON.parse(text) as ProcessIdentity | null)
    .catch(() => null);
  return builder !== null && builder.pid !== process.pid && (await observeProcess(builder)) !== "ended";
}

/** Empty where there is no such directory yet. */
async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  });
}

function inUse(key: string): WtError {
  const message = `The template ${key} is being copied just now.`;
  return new WtError({ kind: "refused", code: "template_in_use", message, hints: ["Try again in a moment."] });
}

function untilAborted<T>(work: Promise<T>, abort: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(abort.reason);
    abort.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => abort.removeEventListener("abort", stop));
  });
}
