// Directories that carry a mark of who made them, so that nothing else is ever taken for ours and removed.
import { readFileSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import { entryAt, removeTree, writeFileAtomic } from "./files.ts";

const markFile = "wt-mark.json";

/** `foreign`: there is something, and it does not carry this mark. */
export type DirectoryOwner = "absent" | "ours" | "foreign";

/** Whose the directory is. An empty one is as good as absent: a crash between making and marking leaves it. */
export async function observeMarkedDirectory(path: string, mark: string): Promise<DirectoryOwner> {
  const entry = entryAt(path);
  if (!entry) return "absent";
  if (!entry.isDirectory()) return "foreign";
  try {
    return (JSON.parse(readFileSync(join(path, markFile), "utf8")) as { mark?: unknown } | null)?.mark === mark ? "ours" : "foreign";
  } catch {
    return (await readdir(path)).every((name) => name.endsWith(".tmp")) ? "absent" : "foreign";
  }
}

/** Makes it, mode 0700, with the mark, unless it is ours already. Throws `WtError` (`refused`, `directory_foreign`) for somebody else's. */
export async function ensureMarkedDirectory(path: string, mark: string): Promise<void> {
  const owner = await observeMarkedDirectory(path, mark);
  if (owner === "ours") return;
  if (owner === "foreign") throw foreignDirectory(path);
  await mkdir(path, { recursive: true, mode: 0o700 });
  await writeFileAtomic(join(path, markFile), `${JSON.stringify({ mark })}\n`, { mode: 0o600 });
}

/** Removes it with all it holds; absent is fine. Throws `WtError` (`refused`, `directory_foreign`) for somebody else's. */
export async function removeMarkedDirectory(path: string, mark: string): Promise<void> {
  if ((await observeMarkedDirectory(path, mark)) === "foreign") throw foreignDirectory(path);
  await removeTree(path);
}

export function foreignDirectory(path: string): WtError {
  return new WtError({
    kind: "refused",
    code: "directory_foreign",
    message: `${path} exists and does not carry the mark of this environment, so it is left alone.`,
    hints: [`Look at it, then move it away: mv ${path} ${path}.old`],
    details: { path },
  });
}
