// The entry that a main worktree has of its own: it is known to us, and never changed or removed.
import { WtError } from "../errors/wt-error.ts";
import { entryAt } from "./files.ts";
import { foreignDirectory, observeMarkedDirectory } from "./marked-directory.ts";
import type { OwnedEntry, OwnedState } from "./owned-entry.ts";

/** `made`: we know of it (its private directory is there) and it exists. */
export async function observeMainEntry(entry: OwnedEntry): Promise<OwnedState> {
  const owner = await observeMarkedDirectory(entry.directory, entry.mark);
  if (owner === "foreign") return { state: "foreign", reason: foreignDirectory(entry.directory).message };
  if (owner === "absent") return { state: "absent" };
  return entryAt(entry.place) ? { state: "made" } : { state: "broken", reason: `${entry.place} is gone.` };
}

export const mainEntryDetail = "the main worktree's own, which wt never changes";

export function mainEntryRefused(entry: OwnedEntry): WtError {
  return new WtError({
    kind: "refused",
    code: "main_resource",
    message: `${entry.place} is the main worktree's own, which wt never changes.`,
    hints: ["Do it in another environment: `wt create <branch>`."],
    details: { path: entry.place },
  });
}
