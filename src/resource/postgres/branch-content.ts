// The data of one branch: put in place, exchanged as a whole, put back when that fails. Each step is one rename, so a crash leaves the old
// content or the new one, and `settleContent` finds out which.
import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import { removeTree } from "../../os/files.ts";
import { type Copying, cloneData } from "./clone-data.ts";
import { defuse, refuseShared } from "./data-directory.ts";
import { serverPlace, stopServer } from "./postmaster.ts";

const partialName = "next.partial";
const nextName = "next";
const previousName = "previous";

/** Makes a defused copy that waits beside the data. */
export async function prepareContent(directory: string, copying: Omit<Copying, "to">): Promise<void> {
  const partial = join(directory, partialName);
  const next = join(directory, nextName);
  await removeTree(partial);
  await removeTree(next);
  refuseShared(copying.from);
  await cloneData({ ...copying, to: partial });
  await defuse(partial);
  await rename(partial, next);
}

/** Puts the prepared copy in place; what was there is kept until `keepContent` or `putBackContent`. The server is stopped. */
export async function exchangeContent(directory: string): Promise<void> {
  const { data } = serverPlace(directory);
  await removeTree(join(directory, previousName));
  if (existsSync(data)) await rename(data, join(directory, previousName));
  await rename(join(directory, nextName), data);
}

/** The new content stays. */
export async function keepContent(directory: string): Promise<void> {
  const gone = join(directory, `${previousName}.gone`);
  await removeTree(gone);
  if (!existsSync(join(directory, previousName))) return;
  await rename(join(directory, previousName), gone);
  await removeTree(gone);
}

/** The old content comes back. The server is stopped. */
export async function putBackContent(directory: string): Promise<void> {
  const { data } = serverPlace(directory);
  if (!existsSync(join(directory, previousName))) return;
  await removeTree(data);
  await rename(join(directory, previousName), data);
}

/** After a crash: an exchange that was not finished is undone, and what was only prepared goes. */
export async function settleContent(directory: string, clock: Clock): Promise<void> {
  for (const name of [partialName, nextName, `${previousName}.gone`]) {
    if (existsSync(join(directory, name))) await removeTree(join(directory, name));
  }
  if (!existsSync(join(directory, previousName))) return;
  await stopServer(serverPlace(directory), clock);
  await putBackContent(directory);
}

/** Where a checkpoint's data lies. Throws `WtError` for an id that is no name. */
export function checkpointData(directory: string, id: string): string {
  if (/^[\w][\w.-]{0,99}$/.test(id)) return join(directory, "checkpoints", id, "data");
  throw new WtError({ kind: "usage", code: "checkpoint_name", message: `${JSON.stringify(id)} cannot be the name of a checkpoint.` });
}

/** Throws `WtError` (`refused`) when there is a checkpoint of this id already. */
export function refuseTaken(directory: string, id: string): void {
  if (!existsSync(dirname(checkpointData(directory, id)))) return;
  throw new WtError({
    kind: "refused",
    code: "checkpoint_exists",
    message: `There is a checkpoint ${id} already.`,
    hints: ["Choose another name."],
  });
}

/** Keeps under this id, which is free, what `fill` puts into the directory it is given (absent at first). */
export async function writeCheckpoint(directory: string, id: string, fill: (to: string) => Promise<void>): Promise<void> {
  const target = dirname(checkpointData(directory, id));
  const partial = `${target}.partial`;
  await removeTree(partial);
  await mkdir(partial, { recursive: true, mode: 0o700 });
  try {
    await fill(join(partial, "data"));
    await rename(partial, target);
  } finally {
    await removeTree(partial);
  }
}
