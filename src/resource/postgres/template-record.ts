// What is written beside a template's data, and which branches say that they came from which template.
import { readdir, readFile, readlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ManifestFile } from "../../os/file-manifest.ts";
import type { InputFile } from "../migration-order.ts";
import type { TemplateReference } from "../resource-driver.ts";
import type { Stage } from "../template-stages.ts";
import { readBranchRecord } from "./branch-record.ts";

export interface TemplateRecord {
  schema: 2;
  /** Name of its directory: the key of its stage, with `.2` and so on for one that was built anew. */
  key: string;
  /** `PostgreSQL 15.18`. */
  version: string;
  major: number;
  stage: Stage["kind"];
  family: string | null;
  /** What `migrate` read, sorted. */
  inputs: InputFile[];
  /** For people, in order: `from dump.sql`, `migrate: npm run migrate`. */
  madeFrom: string[];
  /** The template it was copied from. */
  parent: string | null;
  /** Migrations that were in the parent already; null where it has none. */
  migrations: { before: number; all: number } | null;
  /** For which resource it was built first. */
  owner: { resource: string; mainWorktree: string };
  createdAtMs: number;
  buildMs: number;
  /** What was passed over or is worth knowing about its content. */
  notes: string[];
  bytes: number;
  files: ManifestFile[];
}

/** null: there is none, or not one of ours. */
export async function readTemplateRecord(directory: string): Promise<TemplateRecord | null> {
  try {
    const record = JSON.parse(await readFile(join(directory, "template.json"), "utf8")) as TemplateRecord;
    return record.schema === 2 && Array.isArray(record.files) && Array.isArray(record.inputs) ? record : null;
  } catch {
    return null;
  }
}

/** What the branches on this disk came from and what they lie upon. Throws when they cannot all be listed: then nothing is known. */
export async function readReferences(stateDirectory: string): Promise<TemplateReference[]> {
  const root = join(stateDirectory, "environments");
  const found: TemplateReference[] = [];
  for (const environmentId of await namesIn(root)) {
    for (const name of await namesIn(join(root, environmentId, "resources"))) {
      const directory = join(root, environmentId, "resources", name);
      const record = await readBranchRecord(directory);
      const madeFrom = record ? [{ key: record.template, lasting: false }] : [];
      for (const one of [...madeFrom, ...(await readLowers(directory))]) found.push({ ...one, directory, environmentId });
    }
  }
  return found;
}

/** Directories of the branch (its data, its checkpoints, what an exchange keeps) that show a template's files from below. */
async function readLowers(directory: string): Promise<{ key: string; lasting: true }[]> {
  const names = await namesIn(directory);
  const kept = (await namesIn(join(directory, "checkpoints"))).map((id) => join("checkpoints", id, "data"));
  const found: { key: string; lasting: true }[] = [];
  for (const name of [...names, ...kept]) {
    const lower = await linkAt(join(directory, name, "lower"));
    if (lower !== null) found.push({ key: basename(dirname(lower)), lasting: true });
  }
  return found;
}

async function linkAt(path: string): Promise<string | null> {
  try {
    return await readlink(path);
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
}

/** EINVAL: it is no link. */
function isAbsence(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "EINVAL"].includes((error as NodeJS.ErrnoException).code ?? "");
}
