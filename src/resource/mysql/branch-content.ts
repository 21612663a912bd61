// The data of one branch: put in place, exchanged as a whole, put back when that fails. Each step is one rename, so a crash leaves the old content
// or the new one, and `settleContent` finds out which.
import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import { type CloneMethod, runClone } from "../../os/clone-method.ts";
import { diskError } from "../../os/disk-error.ts";
import { removeTree } from "../../os/files.ts";
import { checkpointPlace } from "../../os/owned-entry.ts";
import { defuse } from "./build-template.ts";
import { stopServer } from "./mysql-server.ts";
import { serverHome } from "./server-home.ts";

const partialName = "next.partial";
const nextName = "next";
const previousName = "previous";

export interface Copying {
  method: CloneMethod;
  /** Data of a server that does not run. */
  from: string;
  to: string;
  /** Where to find programs. */
  path: string;
  abort?: AbortSignal | undefined;
}

/** Copies data with its owners, the best way. Throws `WtError`, and then nothing is left. */
export async function copyData({ method, from, to, path, abort }: Copying): Promise<void> {
  const places = { from, to, path, ...(abort ? { abort } : {}) };
  let failure = await runClone(method, places);
  // A directory that a snapshot cannot be taken of (made by another method) can still be copied.
  if (failure !== null && method !== "copy") failure = await runClone("copy", places);
  if (failure === null) return;
  const message = `The database could not be copied to ${to}: ${failure.replace(/\.$/, "")}.`;
  throw diskError(new WtError({ kind: "machine", code: "mysql_copy_failed", message, hints: ["Run `wt doctor`."] }), to);
}

/** Makes a defused copy that waits beside the data. */
export async function prepareContent(directory: string, copying: Omit<Copying, "to">): Promise<void> {
  const partial = join(directory, partialName);
  const next = join(directory, nextName);
  await removeTree(partial);
  await removeTree(next);
  await copyData({ ...copying, to: partial });
  await defuse({ data: partial, home: directory });
  await rename(partial, next);
}

/** Puts the prepared copy in place; what was there is kept until `keepContent` or `putBackContent`. The server is stopped. */
export async function exchangeContent(directory: string): Promise<void> {
  const { data, home } = serverHome(directory);
  await mkdir(home, { recursive: true, mode: 0o700 });
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
  const { data } = serverHome(directory);
  if (!existsSync(join(directory, previousName))) return;
  await removeTree(data);
  await rename(join(directory, previousName), data);
}

/** After a crash: an exchange that was not finished is undone, and what was only prepared goes. */
export async function settleContent(directory: string, clock: Clock): Promise<void> {
  for (const name of [partialName, nextName, `${previousName}.gone`]) await removeTree(join(directory, name));
  if (!existsSync(join(directory, previousName))) return;
  await stopServer(serverHome(directory), clock);
  await putBackContent(directory);
}

/** Throws `WtError` (`refused`) when there is a checkpoint of this id already. */
export function refuseTaken(directory: string, id: string): void {
  if (!existsSync(checkpointPlace({ directory }, id))) return;
  throw new WtError({
    kind: "refused",
    code: "checkpoint_exists",
    message: `There is a checkpoint ${id} already.`,
    hints: ["Choose another name."],
  });
}
