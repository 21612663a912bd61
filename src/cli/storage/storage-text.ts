import { fstabLine, mountCommands, type StorageState } from "../../os/storage-image.ts";

const gibi = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GB`;

/** For people. */
export function storageLines(storage: StorageState): string[] {
  if (storage.state === "none") {
    return ["Databases lie in the state directory; there is no storage of their own.", "Make one: wt db storage create --size 20G"];
  }
  const { record } = storage;
  const about = [`Image       ${record.image} (${record.kind}, up to ${gibi(record.bytes)})`, `Mounted at  ${record.place}`];
  if (storage.state === "mounted") {
    return [
      ...about,
      `Used        ${gibi(storage.usedBytes)}, ${gibi(storage.freeBytes)} free`,
      "After a restart of this machine it has to be mounted again: wt db storage mount",
      "The system does that by itself with this line in /etc/fstab:",
      `  ${fstabLine(record)}`,
    ];
  }
  return [...about, `Not usable  ${storage.reason}`, "Databases in it cannot be reached until it is mounted: wt db storage mount"];
}

export function storageJson(storage: StorageState, user: { uid: number; gid: number }): string {
  if (storage.state === "none") return JSON.stringify({ schema: 1, state: "none" });
  const { kind, bytes, image, place } = storage.record;
  const more = storage.state === "mounted" ? { freeBytes: storage.freeBytes, usedBytes: storage.usedBytes } : { reason: storage.reason };
  const commands = mountCommands(storage.record, user);
  return JSON.stringify({
    schema: 1,
    state: storage.state,
    kind,
    bytes,
    image,
    place,
    ...more,
    mountCommands: commands,
    fstab: fstabLine(storage.record),
  });
}
