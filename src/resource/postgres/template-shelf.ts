// Where sealed templates lie, which of them are whole, and how one is taken away without taking it from under a branch.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../os/clock.ts";
import { looksSealed } from "../../os/file-manifest.ts";
import { moveToTrash, removeTree, writeFileAtomic } from "../../os/files.ts";
import { observeProcess, type ProcessIdentity } from "../../os/process-identity.ts";
import { serverPlace, stopServer } from "./postmaster.ts";
import { readReferences, readTemplateRecord, type TemplateRecord } from "./template-record.ts";

export interface Template {
  /** Name of its directory. */
  key: string;
  data: string;
  record: TemplateRecord;
}

export interface Shelf {
  stateDirectory: string;
  templates: string;
  building: string;
  trash: string;
  clock: Clock;
  /** Builds of this process that are under way, by directory. */
  active: Set<string>;
}

export function createShelf(stateDirectory: string, clock: Clock): Shelf {
  const root = join(stateDirectory, "postgres");
  const places = { templates: join(root, "templates"), building: join(root, "building"), trash: join(root, "trash") };
  return { stateDirectory, ...places, clock, active: new Set() };
}

export async function prepareShelf(shelf: Shelf): Promise<void> {
  for (const place of [shelf.templates, shelf.building, shelf.trash]) await mkdir(place, { recursive: true, mode: 0o700 });
  for (const { path } of await readLeftovers(shelf)) await removeLeftover(shelf, path);
}

/** `0123456789abcdef0123`, and `0123456789abcdef0123.2` for the second that was built for the same inputs. */
export function isTemplateName(name: string): boolean {
  return /^[0-9a-f]{20}(\.\d{1,6})?$/.test(name);
}

/** What was built for a stage, the newest first. */
export async function generationsOf(shelf: Shelf, stageKey: string): Promise<string[]> {
  const names = (await readdir(shelf.templates).catch(() => [])).filter((name) => isTemplateName(name) && name.split(".")[0] === stageKey);
  return names.sort((one, other) => generationOf(other) - generationOf(one));
}

export function generationOf(name: string): number {
  return Number(name.split(".")[1] ?? 1);
}

/** The newest whole template of this stage. What is not as it was sealed is put away, unless this only looks. */
export async function findSealed(shelf: Shelf, stageKey: string, { onlyLook = false } = {}): Promise<Template | null> {
  for (const key of await generationsOf(shelf, stageKey)) {
    if (isRetired(shelf, key)) continue;
    const template = await readTemplate(shelf, key);
    if (template && looksSealed(template.data, template.record.files)) return template;
    if (!onlyLook) await putAway(shelf, key);
  }
  return null;
}

export async function readTemplate(shelf: Shelf, key: string): Promise<Template | null> {
  const directory = join(shelf.templates, key);
  const record = await readTemplateRecord(directory);
  return record ? { key, data: join(directory, "data"), record } : null;
}

/** All that can be copied from. */
export async function readTemplates(shelf: Shelf): Promise<Template[]> {
  const keys = (await readdir(shelf.templates).catch(() => [])).filter((key) => isTemplateName(key) && !isRetired(shelf, key));
  const templates = await Promise.all(keys.map((key) => readTemplate(shelf, key)));
  return templates.filter((template) => template !== null);
}

/** It stays only for the branches that lie upon it. */
export function isRetired(shelf: Shelf, key: string): boolean {
  return existsSync(join(shelf.templates, key, "retired"));
}

/** Nobody copies it from now on. Removed at once, unless a branch lies upon it or that cannot be known. */
export async function putAway(shelf: Shelf, key: string): Promise<"removed" | "retired"> {
  const references = await readReferences(shelf.stateDirectory).catch(() => null);
  if (references === null || references.some((one) => one.lasting && one.key === key)) {
    await writeFileAtomic(join(shelf.templates, key, "retired"), "");
    return "retired";
  }
  await removeTemplate(shelf, key);
  return "removed";
}

/** At once out of everybody's sight, then away. */
export async function removeTemplate(shelf: Shelf, key: string): Promise<void> {
  const directory = join(shelf.templates, key);
  if (!isTemplateName(key) || !existsSync(directory)) return;
  const place = await moveToTrash(directory, shelf.trash);
  await removeTree(place ?? directory);
}

export async function markUsed(shelf: Shelf, key: string): Promise<void> {
  // Without it a template only seems older than it is.
  await writeFile(join(shelf.templates, key, "used"), String(shelf.clock.now()), { mode: 0o600 }).catch(() => undefined);
}

/** null: never. */
export async function readUsedMs(shelf: Shelf, key: string): Promise<number | null> {
  const text = await readFile(join(shelf.templates, key, "used"), "utf8").catch(() => "");
  return Number(text) || null;
}

export interface Leftover {
  path: string;
  kind: "trash" | "building";
}

/** What a removal or a builder that did not come to its end has left. */
export async function readLeftovers(shelf: Shelf): Promise<Leftover[]> {
  const found: Leftover[] = [];
  for (const name of await readdir(shelf.building).catch(() => [])) {
    const path = join(shelf.building, name);
    if (!shelf.active.has(path) && !(await hasBuilder(path))) found.push({ path, kind: "building" });
  }
  for (const name of await readdir(shelf.trash).catch(() => [])) found.push({ path: join(shelf.trash, name), kind: "trash" });
  return found;
}

/** The server of a builder that died goes with it. */
export async function removeLeftover(shelf: Shelf, path: string): Promise<void> {
  if (path.startsWith(`${shelf.building}/`)) await stopServer(serverPlace(path), shelf.clock);
  await removeTree(path);
}

/** Another process that lives builds there. */
async function hasBuilder(directory: string): Promise<boolean> {
  const builder = await readFile(join(directory, "builder.json"), "utf8")
    .then((text) => JSON.parse(text) as ProcessIdentity | null)
    .catch(() => null);
  if (!builder || builder.pid === process.pid) return false;
  return (await observeProcess(builder)) !== "ended";
}
