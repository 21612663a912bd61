// What a resource without templates was copied from, as text.
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import type { ResourceSpec } from "../resource/resource-driver.ts";
import { treeSignature } from "./fill-signature.ts";

/** Files of the main worktree, or wherever `from` says; null: it is copied from what nobody can look at without asking a server. */
export async function sourceSignature(
  type: string,
  { options, mainWorktree }: ResourceSpec,
  abort = new AbortController().signal,
): Promise<string | null> {
  if (type !== "sqlite" && type !== "directory") return options.from === undefined && options.remote === undefined ? "" : null;
  const from = typeof options.from === "string" ? options.from : String(options.path);
  const expanded = from === "~" || from.startsWith("~/") ? homedir() + from.slice(1) : from;
  const place = isAbsolute(expanded) ? expanded : join(mainWorktree, expanded);
  const signatures = [place, `${place}-wal`].map((path) => treeSignature(path, abort));
  return JSON.stringify(await Promise.all(signatures));
}
