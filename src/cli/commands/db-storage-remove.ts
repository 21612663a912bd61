import { rm } from "node:fs/promises";
import { WtError } from "../../errors/wt-error.ts";
import { removeTree } from "../../os/files.ts";
import { worldPaths } from "../../os/paths.ts";
import {
  observeStorage,
  removeStorageLinks,
  storagePaths,
  storedEnvironments,
  unmountCommand,
  unmountedError,
} from "../../os/storage-image.ts";
import { defineCommand } from "../command.ts";
import { stopDaemon } from "../stop-daemon.ts";
import { runAsRoot } from "../storage/run-as-root.ts";
import { noStorage } from "./db-storage-mount.ts";

export const dbStorageRemove = defineCommand({
  name: "db storage remove",
  summary: "Remove the storage of databases when no environment uses it any more",
  details: [
    "Refused while resources of environments lie in it. Asks for root to unmount it. Prepared templates in it go too and are built again.",
  ],
  arguments: [],
  options: { force: { type: "boolean", summary: "Also when it cannot be mounted and nobody knows what lies in it" } },
  examples: [{ command: "wt db storage remove", summary: "back to the state directory" }],
  async handler({ options }, context) {
    const { state } = worldPaths(context.env);
    const storage = observeStorage(state);
    if (storage.state === "none") throw noStorage();
    const { record } = storage;
    if (storage.state === "unmounted" && !options.force) throw unmountedError(storage.reason);
    if (storage.state === "mounted") {
      const users = storedEnvironments(record.place).length;
      if (users > 0) throw inUse(users);
      await stopDaemon(context, { services: false });
      await runAsRoot(context, [unmountCommand(record)], "Then: wt db storage remove --force");
    } else await stopDaemon(context, { services: false });
    await removeStorageLinks(state);
    await removeTree(record.place);
    await rm(record.image, { force: true });
    await rm(storagePaths(state).record, { force: true });
    await context.terminal.out(context.json ? `${JSON.stringify({ schema: 1, removed: true })}\n` : `Removed ${record.image}.\n`);
    return 0;
  },
});

function inUse(count: number): WtError {
  return new WtError({
    kind: "refused",
    code: "storage_in_use",
    message: `Resources of ${count === 1 ? "one environment" : `${count} environments`} lie in the storage and would be lost with it.`,
    hints: [
      "`wt list --all` shows the environments; `wt delete` takes away those that are done.",
      "A deleted one keeps its own until its time is over: `wt undelete` lists them, `wt undelete <name> --purge` gives one up.",
      "`wt db remove` takes away a database alone.",
    ],
  });
}
