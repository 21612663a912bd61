// What a Redis holds: filled at first, replaced as a whole, kept as checkpoints. A crash in the middle leaves the old content or the new.
import { closeSync, openSync, readSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { WtError } from "../../errors/wt-error.ts";
import { copyTree, entryAt, removeTree } from "../../os/files.ts";
import { checkpointPlace } from "../../os/owned-entry.ts";
import { textOption } from "../check-options.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { redisFiles } from "./redis-files.ts";
import { type RedisLink, RedisReplyError, sendInTime } from "./redis-link.ts";
import { saveError } from "./redis-process.ts";

const savePatienceMs = 300_000;

/** New data for a server that does not run: from `from`, else none. Throws `WtError` (`machine`, `resource_source`). */
export async function fillData(spec: ResourceSpec, abort: AbortSignal): Promise<void> {
  const files = redisFiles(spec);
  await removeTree(files.data);
  await mkdir(files.data, { mode: 0o700 });
  const from = textOption(spec.options, "from");
  if (from === null) return;
  const expanded = from.startsWith("~/") ? homedir() + from.slice(1) : from;
  const path = join(isAbsolute(expanded) ? "/" : spec.mainWorktree, expanded);
  checkDump(spec, path);
  await copyTree(path, files.dump, { abort });
}

/** Does `replace` to the data of a server that does not run; when it fails the old data is back. */
export async function replaceData(spec: ResourceSpec, work: { replace: () => Promise<void>; undo: () => Promise<void> }): Promise<void> {
  const files = redisFiles(spec);
  await rename(files.data, files.oldData);
  try {
    await work.replace();
  } catch (error) {
    await work.undo();
    await bringBackOldData(spec);
    throw error;
  }
  await removeTree(files.oldData);
}

/** After a crash in the middle of `replaceData`; the server must not run. Else nothing happens. */
export async function bringBackOldData(spec: ResourceSpec): Promise<void> {
  const files = redisFiles(spec);
  if (!entryAt(files.oldData)) return;
  await removeTree(files.data);
  await rename(files.oldData, files.data);
}

export function wasReplacing(spec: ResourceSpec): boolean {
  return entryAt(redisFiles(spec).oldData) !== null;
}

/** The dump on disk is what the server holds at one instant. Throws `WtError` (`machine`) when it cannot be written. */
export async function saveData(spec: ResourceSpec, link: RedisLink): Promise<void> {
  const deadlineMs = performance.now() + savePatienceMs;
  for (;;) {
    try {
      await sendInTime(link, ["SAVE"], savePatienceMs);
      return;
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      const busy = error instanceof RedisReplyError && /in progress/i.test(error.message);
      if (!busy || performance.now() > deadlineMs) throw saveError(spec, failure);
    }
    await setTimeout(20);
  }
}

/** Keeps the dump on disk. Throws `WtError` (`refused`) when the id is taken. */
export async function keepCheckpoint(spec: ResourceSpec, id: string): Promise<void> {
  const place = checkpointPlace(spec, id);
  // A leading dot: no id begins with one.
  const staging = join(dirname(place), `.${id}`);
  await removeTree(staging);
  try {
    await copyTree(redisFiles(spec).dump, staging);
    await rename(staging, place);
  } finally {
    await removeTree(staging);
  }
}

export function refuseTakenCheckpoint(spec: ResourceSpec, id: string): void {
  if (!entryAt(checkpointPlace(spec, id))) return;
  throw new WtError({
    kind: "refused",
    code: "checkpoint_exists",
    message: `resources.${spec.name} has a checkpoint ${id} already.`,
    hints: ["Choose another name, or remove that one first."],
  });
}

/** Throws `WtError` (`not_found`) for an unknown id. */
export function requireCheckpointOf(spec: ResourceSpec, id: string): string {
  const place = checkpointPlace(spec, id);
  if (entryAt(place)) return place;
  throw new WtError({ kind: "not_found", code: "checkpoint_unknown", message: `resources.${spec.name} has no checkpoint ${id}.` });
}

/** The data of a stopped server becomes that of the checkpoint. */
export async function loadCheckpoint(spec: ResourceSpec, place: string): Promise<void> {
  const files = redisFiles(spec);
  await mkdir(files.data, { mode: 0o700 });
  await copyTree(place, files.dump);
}

function checkDump(spec: ResourceSpec, path: string): void {
  const stat = entryAt(path);
  const problem = !stat
    ? "does not exist"
    : stat.isSymbolicLink()
      ? "is a link, which is not followed"
      : !stat.isFile() || !isRdb(path)
        ? "is not an RDB file"
        : null;
  if (problem === null) return;
  throw new WtError({
    kind: "machine",
    code: "resource_source",
    message: `resources.${spec.name} cannot begin with ${path}: it ${problem}.`,
    hints: [`Set \`from:\` of resources.${spec.name} in wt.yaml to a file that \`redis-cli --rdb <file>\` or SAVE wrote.`],
    details: { path },
  });
}

export function isRdb(path: string): boolean {
  return /^(REDIS|VALKEY)/.test(firstBytes(path));
}

function firstBytes(path: string): string {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(6);
    readSync(file, head, 0, 6, 0);
    return head.toString("latin1");
  } finally {
    closeSync(file);
  }
}
