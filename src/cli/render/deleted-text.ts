import type { DeletedView } from "../../api/deleted.ts";
import { age, bytes, counted } from "./age.ts";
import type { ResourceTextOptions } from "./resource-text.ts";
import { type Cell, tableLines } from "./table.ts";

/** `wt undelete` without a name. */
export function deletedLines(deleted: readonly DeletedView[], options: ResourceTextOptions & { all: boolean; nowMs: number }): string[] {
  const { paint, all, nowMs, width, ellipsis } = options;
  if (deleted.length === 0) return ["Nothing that was deleted is kept."];
  const rows = deleted.map((one): Cell[] => [
    ...(all ? [{ text: one.project, paint: paint.dim }] : []),
    { text: one.slug, paint: paint.bold },
    { text: one.branch ?? "(detached)" },
    { text: `${age(one.deletedAt, nowMs)} ago` },
    { text: one.until.slice(0, 10) },
    { text: one.bytes === null ? "?" : bytes(one.bytes) },
    { text: heldBy(one), paint: paint.dim },
  ]);
  const header = [...(all ? ["PROJECT"] : []), "NAME", "BRANCH", "DELETED", "UNTIL", "SIZE", "HOLDS"];
  return tableLines(header, rows, { paintHeader: paint.dim, maxWidth: width, ellipsis, shrink: header.length - 1 });
}

function heldBy({ unsavedFiles, resources, id }: DeletedView): string {
  const files = unsavedFiles > 0 ? [counted(unsavedFiles, "unsaved file")] : [];
  return [...files, ...resources, id].join(", ");
}
