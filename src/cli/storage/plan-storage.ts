// What `wt db storage create` is about to make; everything that can be refused is refused here, before anything is made.
import { statfsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { entryAt } from "../../os/files.ts";
import {
  type ImageKind,
  observeStorage,
  parseSize,
  type StorageRecord,
  storagePaths,
  storeNames,
  templatesLainUpon,
} from "../../os/storage-image.ts";
import type { Context } from "../command.ts";
import { systemEnvironment } from "./run-as-root.ts";

const smallestBytes = 512 * 1024 ** 2;
/** What the file system around it must keep. */
const marginBytes = 1024 ** 3;

export interface StorageWish {
  state: string;
  size: string | undefined;
  kind: string | undefined;
}

export async function planStorage(context: Context, { state, size, kind: wanted }: StorageWish): Promise<StorageRecord> {
  if (process.platform !== "linux")
    throw refuse(
      "storage_not_needed",
      "Only Linux needs this: the file system of this machine shares blocks by itself.",
      "Run `wt doctor`.",
    );
  const present = observeStorage(state);
  if (present.state !== "none") {
    const next = present.state === "mounted" ? "wt db storage show" : "wt db storage mount";
    throw refuse("storage_exists", `There is a storage for databases already: ${present.record.image}.`, next);
  }
  const bytes = size === undefined ? null : parseSize(size);
  if (bytes === null)
    throw usage(size === undefined ? "--size is missing." : `--size ${JSON.stringify(size)} is no size.`, "Give one such as --size 20G.");
  if (bytes < smallestBytes) throw usage(`--size ${size} is too small for databases.`, "Give at least --size 512M.");
  const kind = chosenKind(context, wanted);
  await mkdir(state, { recursive: true, mode: 0o700 });
  const { bavail, bsize } = statfsSync(state);
  if (bytes + marginBytes > bavail * bsize) {
    const free = (bavail * bsize) / 1024 ** 3;
    throw refuse(
      "storage_too_large",
      `${size} do not fit: ${free.toFixed(1)} GB are free where ${state} is, and 1 GB must remain.`,
      "Give a smaller --size.",
    );
  }
  await refuseBusy(context, state);
  const { image, place } = storagePaths(state);
  return { schema: 1, kind, bytes, image, place, createdAtMs: Date.now() };
}

function chosenKind(context: Context, wanted: string | undefined): ImageKind {
  const { PATH = "" } = systemEnvironment(context);
  const isThere = (kind: string) => Bun.which(`mkfs.${kind}`, { PATH }) !== null;
  if (wanted !== undefined && wanted !== "btrfs" && wanted !== "xfs")
    throw usage(`--fs ${JSON.stringify(wanted)} is not known.`, "Give --fs btrfs or --fs xfs.");
  const kind = wanted ?? (isThere("btrfs") ? "btrfs" : "xfs");
  if (isThere(kind)) return kind;
  throw new WtError({
    kind: "machine",
    code: "program_missing",
    message: `The program mkfs.${kind} was not found.`,
    hints: [`Install ${kind === "btrfs" ? "btrfs-progs" : "xfsprogs"}, then try again.`],
  });
}

/** What lies upon a template reads it while it runs, and templates move. */
export async function refuseBusy(context: Context, state: string): Promise<void> {
  const moved = storeNames.every((name) => entryAt(join(state, name))?.isSymbolicLink());
  if (moved) return;
  const daemon = await context.client.call("/v1/daemon", {});
  if (daemon.operationsInFlight > 0)
    throw refuse("operation_in_flight", "Something is being made or removed just now.", "Try again when it is done.");
  if (templatesLainUpon(state).size === 0) return;
  const { resources } = await context.client.call("/v1/resources/list", {
    cwd: context.cwd,
    all: true,
    environment: null,
    resource: null,
    usage: false,
  });
  const awake = resources.find((one) => one.type === "postgres" && one.state === "Ready");
  if (!awake) return;
  const message = `${awake.name} of ${awake.environment} runs upon a template, which cannot be moved meanwhile.`;
  throw refuse("database_in_use", message, `wt db stop ${awake.name} -e ${awake.environment}`);
}

function refuse(code: string, message: string, hint: string): WtError {
  return new WtError({ kind: "refused", code, message, hints: [hint] });
}

function usage(message: string, hint: string): WtError {
  return new WtError({ kind: "usage", code: "storage_options", message, hints: [hint] });
}
