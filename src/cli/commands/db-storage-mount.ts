import { WtError } from "../../errors/wt-error.ts";
import { worldPaths } from "../../os/paths.ts";
import { mountCommands, observeStorage } from "../../os/storage-image.ts";
import { defineCommand } from "../command.ts";
import { currentUser } from "../storage/current-user.ts";
import { refuseBusy } from "../storage/plan-storage.ts";
import { runAsRoot } from "../storage/run-as-root.ts";
import { storageJson, storageLines } from "../storage/storage-text.ts";
import { takeOver } from "../storage/take-over.ts";

export const dbStorageMount = defineCommand({
  name: "db storage mount",
  summary: "Mount the storage of databases again, such as after a restart of the machine",
  details: ["Asks for root where it is not mounted yet. Databases in it can be used again right after."],
  arguments: [],
  options: {},
  examples: [{ command: "wt db storage mount", summary: "what `wt doctor` asks for" }],
  async handler(_invocation, context) {
    const { state } = worldPaths(context.env);
    const before = observeStorage(state);
    if (before.state === "none") throw noStorage();
    await refuseBusy(context, state);
    if (before.state === "unmounted") {
      const [mount = [], ...rest] = mountCommands(before.record, currentUser());
      const isMounted = before.reason.includes("another user");
      await runAsRoot(context, isMounted ? rest : [mount, ...rest], "Then: wt db storage mount");
    }
    await takeOver(context, state);
    const storage = observeStorage(state);
    await context.terminal.out(context.json ? `${storageJson(storage, currentUser())}\n` : `${storageLines(storage).join("\n")}\n`);
    return storage.state === "mounted" ? 0 : 7;
  },
});

export function noStorage(): WtError {
  return new WtError({
    kind: "not_found",
    code: "storage_absent",
    message: "There is no storage for databases.",
    hints: ["Make one: wt db storage create --size 20G"],
  });
}
