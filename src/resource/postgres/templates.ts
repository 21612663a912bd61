// Sealed, immutable data directories that branches are copied from, keyed by everything that makes their content. Built privately by one
// builder while others wait, verified, renamed into place. A template that was changed or damaged is put away and built again.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import { type CloneProbe, makeDataDirectory, readCloneMethod, runClone } from "../../os/clone-method.ts";
import { diskError } from "../../os/disk-error.ts";
import { findDamage, looksSealed, readManifest } from "../../os/file-manifest.ts";
import { moveToTrash, removeTree, writeFileAtomic } from "../../os/files.ts";
import { observeProcess, type ProcessIdentity, readProcessIdentity } from "../../os/process-identity.ts";
import type { ServerUser } from "../../os/server-user.ts";
import type { ResourceCall } from "../resource-driver.ts";
import { type BranchInputs, needsOwnTemplate, templateKey } from "./branch-inputs.ts";
import { type Build, buildBase, buildContent, syncFileSystem, verifyBuild } from "./build-template.ts";
import { defuse } from "./data-directory.ts";
import type { BranchOptions } from "./postgres-options.ts";
import { serverPlace, stopServer } from "./postmaster.ts";
import type { ServerPrograms } from "./server-programs.ts";
import type { TemplateRecord } from "./template-record.ts";

export interface Template {
  key: string;
  data: string;
  record: TemplateRecord;
}

export interface TemplateWish {
  /** `resources.db`, for errors. */
  name: string;
  options: BranchOptions;
  inputs: BranchInputs;
  programs: ServerPrograms;
  call: ResourceCall;
}

export interface Templates {
  /** The template for this; built when it is not there. */
  ensure(wish: TemplateWish): Promise<Template>;
  /** Reads all of a template; when its content is not what was sealed it is put away. True: it was damaged. */
  putAwayIfDamaged(template: Template): Promise<boolean>;
  list(): Promise<TemplateRecord[]>;
  /** Removes one; branches made from it live on. */
  remove(key: string): Promise<void>;
  /** How data directories are copied here, as found out by trying. */
  cloneMethod(target: string): Promise<CloneProbe>;
}

export interface TemplatesOptions {
  stateDirectory: string;
  clock: Clock;
  path: string;
  user: () => ServerUser | null;
}

export function createTemplates(options: TemplatesOptions): Templates {
  const root = join(options.stateDirectory, "postgres");
  const places = { templates: join(root, "templates"), building: join(root, "building"), trash: join(root, "trash") };
  const shop: Workshop = { ...options, places, probeFile: join(root, "clone-method.json"), building: new Map() };
  let prepared: Promise<void> | null = null;
  const prepare = async () => {
    for (const place of Object.values(places)) await mkdir(place, { recursive: true, mode: 0o700 });
    await sweep(places, options.clock);
  };
  return {
    cloneMethod: (target) => cloneMethod(shop, target),
    async ensure(wish) {
      prepared ??= prepare();
      await prepared;
      return needsOwnTemplate(wish.options, wish.inputs) ? ensureFilled(shop, wish) : ensureBase(shop, wish);
    },
    async putAwayIfDamaged({ key, data, record }) {
      const damage = await findDamage(data, record.files);
      if (damage !== null) await putAway(join(places.templates, key), places.trash);
      return damage !== null;
    },
    async list() {
      const keys = await readdir(places.templates).catch(() => []);
      const records = await Promise.all(keys.map((key) => readRecord(join(places.templates, key))));
      return records.filter((record) => record !== null);
    },
    async remove(key) {
      if (/^[0-9a-f]+$/.test(key) && existsSync(join(places.templates, key))) await putAway(join(places.templates, key), places.trash);
    },
  };
}

interface Workshop extends TemplatesOptions {
  places: { templates: string; building: string; trash: string };
  probeFile: string;
  /** By key. */
  building: Map<string, Promise<Template>>;
}

async function cloneMethod({ places, probeFile, path, clock }: Workshop, target: string): Promise<CloneProbe> {
  await mkdir(places.templates, { recursive: true, mode: 0o700 });
  return readCloneMethod(probeFile, { source: places.templates, target, path, nowMs: clock.now() });
}

function ensureBase(shop: Workshop, wish: TemplateWish): Promise<Template> {
  const key = templateKey(wish.programs, wish.options, null);
  return once(shop, key, {
    wish,
    async fill(build) {
      wish.call.report(`making an empty database with PostgreSQL ${wish.programs.version}`);
      const probe = await cloneMethod(shop, shop.places.building);
      await makeDataDirectory(build.place.data, probe.method, shop.path);
      await buildBase(build, wish.call.abort);
      return [];
    },
  });
}

function ensureFilled(shop: Workshop, wish: TemplateWish): Promise<Template> {
  const key = templateKey(wish.programs, wish.options, wish.inputs);
  return once(shop, key, {
    wish,
    async fill(build) {
      const base = await ensureBase(shop, wish);
      wish.call.report("building the template of this database");
      const probe = await cloneMethod(shop, shop.places.building);
      await cloneData({ probe, from: base.data, to: build.place.data, path: shop.path, abort: wish.call.abort });
      return buildContent(build, wish.inputs, wish.call);
    },
  });
}

interface Building {
  wish: TemplateWish;
  /** Fills the private directory; gives notes. */
  fill: (build: Build) => Promise<string[]>;
}

/** One builder per key; who finds it at work waits, and takes over when that one failed or was interrupted. */
async function once(shop: Workshop, key: string, building: Building): Promise<Template> {
  const { call } = building.wish;
  for (;;) {
    call.abort.throwIfAborted();
    const other = shop.building.get(key);
    if (!other) break;
    call.report("waiting for the same template, which is being built");
    const outcome = await untilAborted(other, call.abort).catch(() => null);
    if (outcome) return outcome;
  }
  const work = (async () => (await findSealed(shop, key)) ?? (await seal(shop, key, building)))();
  shop.building.set(key, work);
  try {
    return await work;
  } finally {
    shop.building.delete(key);
  }
}

async function findSealed({ places }: Workshop, key: string): Promise<Template | null> {
  const directory = join(places.templates, key);
  const data = join(directory, "data");
  const record = await readRecord(directory);
  if (record && looksSealed(data, record.files)) return { key, data, record };
  if (existsSync(directory)) await putAway(directory, places.trash);
  return null;
}

/** Builds in a private directory, verifies, moves it into place. */
async function seal({ places, clock, path, user }: Workshop, key: string, { wish, fill }: Building): Promise<Template> {
  const directory = join(places.building, `${key}.${crypto.randomUUID().slice(0, 8)}`);
  const { programs, options, call } = wish;
  const place = serverPlace(directory);
  const build: Build = { place, programs, user: user(), options, clock, path, name: wish.name };
  try {
    await mkdir(directory, { mode: 0o700 });
    await writeFileAtomic(join(directory, "builder.json"), JSON.stringify(await readProcessIdentity(process.pid)));
    const notes = await fill(build);
    await verifyBuild(build, call.abort);
    await defuse(place.data);
    const files = await readManifest(place.data);
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const version = `PostgreSQL ${programs.version}`;
    const record: TemplateRecord = { schema: 1, key, version, major: programs.major, createdAtMs: clock.now(), notes, bytes, files };
    await writeFileAtomic(join(directory, "template.json"), JSON.stringify(record), { mode: 0o600 });
    await syncFileSystem(directory);
    await rename(directory, join(places.templates, key));
    for (const note of notes.slice(0, 5)) call.report(`note: ${note}`);
    return { key, data: join(places.templates, key, "data"), record };
  } catch (error) {
    await stopServer(place, clock);
    await removeTree(directory);
    throw diskError(error, directory);
  }
}

export interface Copying {
  probe: CloneProbe;
  from: string;
  to: string;
  path: string;
  abort?: AbortSignal;
}

/** Copies a stopped data directory the best way. Throws `WtError`, and then nothing is left. */
export async function cloneData({ probe, from, to, path, abort }: Copying): Promise<void> {
  const places = { from, to, path, ...(abort ? { abort } : {}) };
  let failure = await runClone(probe.method, places);
  // A directory that a snapshot cannot be taken of (made by another method) can still be copied.
  if (failure !== null && probe.method !== "copy") failure = await runClone("copy", places);
  if (failure === null) return;
  throw diskError(
    new WtError({
      kind: "machine",
      code: "postgres_copy_failed",
      message: `The database could not be copied to ${to}: ${failure.replace(/\.$/, "")}.`,
      hints: ["Run `wt doctor`."],
    }),
    to,
  );
}

async function readRecord(directory: string): Promise<TemplateRecord | null> {
  try {
    const record = JSON.parse(await readFile(join(directory, "template.json"), "utf8")) as TemplateRecord;
    return record.schema === 1 && Array.isArray(record.files) ? record : null;
  } catch {
    return null;
  }
}

async function putAway(directory: string, trash: string): Promise<void> {
  const place = await moveToTrash(directory, trash);
  await removeTree(place ?? directory);
}

/** Takes away what a builder that died has left, its server included. */
async function sweep({ building, trash }: { building: string; trash: string }, clock: Clock): Promise<void> {
  for (const name of await readdir(building)) {
    const directory = join(building, name);
    const builder = await readFile(join(directory, "builder.json"), "utf8")
      .then((text) => JSON.parse(text) as ProcessIdentity | null)
      .catch(() => null);
    if (builder && (await observeProcess(builder)) !== "ended") continue;
    await stopServer(serverPlace(directory), clock);
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
