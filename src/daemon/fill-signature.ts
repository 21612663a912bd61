// What `copy:` and `clone:` would bring into a worktree now, as one text: as long as it stays the same, what they brought is what they would bring.
import { createHash, type Hash } from "node:crypto";
import { readlinkSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { entryAt } from "../os/files.ts";
import { copySources, type Fill } from "./fill-files.ts";

/** By name, kind, mode, size and time of change of each source. Reads no content. */
export async function fillSignature(fill: Omit<Fill, "note">, { copy, include = "", clone }: Config): Promise<string> {
  if (copy.length === 0 && include === "" && clone.length === 0) return "";
  const hash = createHash("sha256").update(JSON.stringify([copy, include, clone]));
  const sources = await copySources({ ...fill, note: () => undefined, patterns: copy, include });
  for (const path of [...sources, ...clone]) await addPath(hash, fill, path.replace(/\/$/, ""));
  return hash.digest("hex");
}

/** The same of one file or directory, wherever it is. */
export async function treeSignature(place: string, abort: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await addPath(hash, { from: place, abort }, "");
  return hash.digest("hex");
}

async function addPath(hash: Hash, within: Pick<Fill, "from" | "abort">, path: string): Promise<void> {
  within.abort.throwIfAborted();
  const place = join(within.from, path);
  const stat = entryAt(place);
  if (!stat) return void hash.update(`\0${path}\0absent`);
  hash.update(`\0${path}\0${stat.mode}`);
  if (stat.isSymbolicLink()) return void hash.update(`\0${readlinkSync(place)}`);
  // A directory's own time changes with things that are not copied.
  if (!stat.isDirectory()) return void hash.update(`\0${stat.size}\0${stat.mtimeMs}`);
  for (const name of (await readdir(place)).sort()) await addPath(hash, within, join(path, name));
}
