import { WtError } from "../../errors/wt-error.ts";
import { type CloneProbe, runClone } from "../../os/clone-method.ts";
import { diskError } from "../../os/disk-error.ts";
import { isOverlay } from "../../os/overlay-directory.ts";
import { copyAsOverlay } from "./overlay-data.ts";

export interface Copying {
  probe: CloneProbe;
  /** Of a template: an overlay upon it instead of a copy (`methodFor`). Data that is an overlay is always copied as one. */
  overlay?: boolean;
  from: string;
  to: string;
  path: string;
  abort?: AbortSignal;
}

/** Copies a stopped data directory the best way. Throws `WtError`, and then nothing is left. */
export async function cloneData({ probe, overlay, from, to, path, abort }: Copying): Promise<void> {
  const places = { from, to, path, ...(abort ? { abort } : {}) };
  const layered = overlay || isOverlay(from);
  let failure = layered ? await copyAsOverlay(places) : await runClone(probe.method, places);
  // A directory that a snapshot cannot be taken of (made by another method) can still be copied.
  if (failure !== null && probe.method !== "copy" && !layered) failure = await runClone("copy", places);
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
