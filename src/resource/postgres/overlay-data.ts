// Databases that lie upon their template instead of being a copy of it. A template that something lies upon stays where it is (`template-shelf.ts`).
import { readFileSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { fileSystemName, plainCopy } from "../../os/clone-method.ts";
import { copyOverlay, isOverlay, makeOverlay, readOverlayNote } from "../../os/overlay-directory.ts";

export interface OverlayCopy {
  /** A template's data, or data that is an overlay itself. */
  from: string;
  /** Absent. */
  to: string;
  path: string;
  abort?: AbortSignal;
}

/** Makes an overlay on a template's data, or copies one with what was written in it. null: done; else why not, and nothing is left. */
export async function copyAsOverlay({ from, to, path, abort }: OverlayCopy): Promise<string | null> {
  if (isOverlay(from)) return copyOverlay(from, { to, cp: plainCopy(fileSystemName(from)), path, ...(abort ? { abort } : {}) });
  const identity = identityOf(from);
  if (!identity) return `${from} is not a template`;
  await makeOverlay({ from, to, note: { schema: 1, lower: { ...identity } } });
  return null;
}

/** Before an overlay is mounted: what it lies upon is there, and is what it was made on. Throws `WtError` else. Fine for data that is no overlay. */
export function checkLower(data: string): void {
  if (!isOverlay(data)) return;
  const wanted = readOverlayNote(data)?.lower;
  const lower = readlinkSync(join(data, "lower"));
  const found = identityOf(lower);
  if (found !== null && found.key === wanted?.key && found.sealedAtMs === wanted.sealedAtMs) return;
  throw new WtError({
    kind: "machine",
    code: "postgres_template_gone",
    message: `The template that the database in ${data} lies upon is gone: ${dirname(lower)}.`,
    hints: ["Bring that directory back, or make the database anew: wt db reset"],
  });
}

function identityOf(templateData: string): { key: string; sealedAtMs: number } | null {
  try {
    const record = JSON.parse(readFileSync(join(dirname(templateData), "template.json"), "utf8")) as {
      key?: unknown;
      createdAtMs?: unknown;
    };
    const known = typeof record.key === "string" && typeof record.createdAtMs === "number";
    return known ? { key: String(record.key), sealedAtMs: Number(record.createdAtMs) } : null;
  } catch {
    return null;
  }
}
