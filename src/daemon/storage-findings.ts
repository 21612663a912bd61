// How the drivers of this build copy content here: for `wt doctor` with the proof, and once in a while for who could have it faster.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DoctorFinding } from "../api/operations.ts";
import { observeStorage } from "../os/storage-image.ts";
import type { StorageDescription } from "../resource/resource-driver.ts";
import type { Call } from "./journaled-run.ts";
import { driverOf, leasedResources } from "./resources.ts";
import type { World } from "./world.ts";

export const createStorageCommand = "wt db storage create --size 20G";

export async function storageFindings(world: World): Promise<DoctorFinding[]> {
  const image = imageFindings(world);
  if (image.some(({ level }) => level === "error")) return image;
  const found = await Promise.all(
    [...world.resources.values()].map((driver) => findingsOf(driver.type, driver.describeStorage?.bind(driver))),
  );
  return [...image, ...found.flat()];
}

function imageFindings(world: World): DoctorFinding[] {
  const storage = observeStorage(world.paths.state);
  if (storage.state === "none") return [];
  if (storage.state === "unmounted") {
    const message = `The ${storage.record.kind} image of databases cannot be used: ${storage.reason}. What lies in it cannot be reached, and nothing new is made.`;
    return [{ code: "storage_unmounted", level: "error", message, fix: "wt db storage mount" }];
  }
  const message = `The ${storage.record.kind} image of databases is mounted at ${storage.record.place}, ${Math.round(storage.freeBytes / 1024 ** 2)} MB are free.`;
  return [{ code: "storage_image", level: "ok", message, fix: null }];
}

async function findingsOf(type: string, describe: (() => Promise<StorageDescription | null>) | undefined): Promise<DoctorFinding[]> {
  try {
    const storage = (await describe?.()) ?? null;
    return storage ? [methodFinding(type, storage), ...storage.rejected.map((one) => rejectedFinding(type, one))] : [];
  } catch (error) {
    const message = `How ${type} is copied here could not be found out: ${error instanceof Error ? error.message : String(error)}`;
    return [{ code: "storage_unknown", level: "warning", message, fix: null }];
  }
}

function methodFinding(type: string, { method, proof, large, fileSystem }: StorageDescription): DoctorFinding {
  const words = method === "copy" ? `by full copies (${fileSystem} shares no blocks)` : `by ${method} on ${fileSystem}: ${proof}`;
  const from = large
    ? `; from ${Math.round(large.fromBytes / 1024 ** 2)} MB on by ${large.method}, of which the first use of a table copies it whole: ${large.proof}`
    : "";
  return {
    code: "storage",
    level: "ok",
    message: `New ${type} resources are made ${words}${from}.`,
    fix: method === "copy" && process.platform === "linux" ? createStorageCommand : null,
  };
}

function rejectedFinding(type: string, { method, reason }: { method: string; reason: string }): DoctorFinding {
  return {
    code: "storage_rejected",
    level: "ok",
    message: `Not taken for ${type}: ${method}, because ${reason.replace(/\.$/, "")}.`,
    fix: null,
  };
}

/** Said once in this world, after something was copied in full that another file system would have shared. */
export async function adviseOnStorage(world: World, environmentId: string, call: Call): Promise<void> {
  const told = join(world.paths.state, "told-of-storage");
  if (process.platform !== "linux" || existsSync(told)) return;
  try {
    for (const { type, spec, connection } of leasedResources(world, environmentId)) {
      const storage = connection ? ((await driverOf(world, type).describeStorage?.(spec)) ?? null) : null;
      if (storage?.method !== "copy") continue;
      const now = storage.large
        ? "small databases are full copies here, and large ones copy a table whole when it is first used"
        : `${spec.name} is a full copy`;
      const message = `${storage.fileSystem} shares no blocks between files, so ${now}. On btrfs or xfs, which can live in a file on this disk, a copy of any size takes a tenth of a second and hardly any room: ${createStorageCommand}`;
      writeFileSync(told, "", { mode: 0o600 });
      return call.emit({ type: "note", message });
    }
  } catch (error) {
    world.report(error);
  }
}
