import { statSync } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { removeTree } from "../../os/files.ts";
import { worldPaths } from "../../os/paths.ts";
import {
  makeCommand,
  mountCommands,
  observeStorage,
  type StorageRecord,
  storagePaths,
  unmountCommand,
  writeStorageRecord,
} from "../../os/storage-image.ts";
import { type Context, defineCommand } from "../command.ts";
import { currentUser } from "../storage/current-user.ts";
import { planStorage } from "../storage/plan-storage.ts";
import { runAsRoot, systemEnvironment } from "../storage/run-as-root.ts";
import { storageJson, storageLines } from "../storage/storage-text.ts";
import { takeOver } from "../storage/take-over.ts";

export const dbStorageCreate = defineCommand({
  name: "db storage create",
  summary: "Make a file system for databases in a file, on which copies of any size take a moment",
  details: [
    "For machines whose file system shares no blocks between files, such as ext4. The file grows with what is written, up to its size.",
    "Asks for root only to mount it: with a terminal through sudo, without one it prints the commands.",
    "Databases that are there stay where they are and go on working; new environments get theirs in the new place.",
  ],
  arguments: [],
  options: {
    size: { type: "string", placeholder: "size", summary: "The most it may take, such as 20G" },
    fs: { type: "string", placeholder: "kind", summary: "btrfs or xfs; default: btrfs where its programs are installed, else xfs" },
  },
  examples: [
    { command: "wt db storage create --size 20G", summary: "once on this machine" },
    { command: "wt db storage create --size 20G --fs xfs", summary: "xfs, which writes faster" },
  ],
  async handler({ options }, context) {
    const { state } = worldPaths(context.env);
    const record = await planStorage(context, { state, size: options.size, kind: options.fs });
    await makeImage(context, record);
    await writeStorageRecord(state, record);
    await mkdir(record.place, { recursive: true, mode: 0o500 });
    try {
      await runAsRoot(context, mountCommands(record, currentUser()), "Then: wt db storage mount");
    } catch (error) {
      // Where somebody else has to mount it, `wt db storage mount` carries on.
      if (!(error instanceof WtError && error.code === "needs_root")) await undo(context, record, state);
      throw error;
    }
    await takeOver(context, state);
    const storage = observeStorage(state);
    await context.terminal.out(context.json ? `${storageJson(storage, currentUser())}\n` : `${storageLines(storage).join("\n")}\n`);
    return 0;
  },
});

async function makeImage(context: Context, record: StorageRecord): Promise<void> {
  try {
    const file = await open(record.image, "w", 0o600);
    await file.truncate(record.bytes).finally(() => file.close());
    const result = await exec(makeCommand(record), { cwd: "/", env: systemEnvironment(context) });
    if (result.code === 0) return;
    const why = result.stderr.trim().split("\n").at(-1)?.replace(/\.$/, "");
    throw new WtError({ kind: "machine", code: "storage_not_made", message: `mkfs.${record.kind} failed: ${why}.` });
  } catch (error) {
    await rm(record.image, { force: true });
    throw error;
  }
}

async function undo(context: Context, record: StorageRecord, state: string): Promise<void> {
  if (observeStorage(state).state === "mounted" || isMountPoint(record.place))
    await exec(unmountCommand(record), { cwd: "/", env: systemEnvironment(context) });
  await rm(record.image, { force: true });
  await rm(storagePaths(state).record, { force: true });
  await removeTree(record.place);
}

function isMountPoint(place: string): boolean {
  return statSync(place, { throwIfNoEntry: false })?.dev !== statSync(dirname(place)).dev;
}
