import { worldPaths } from "../../os/paths.ts";
import { observeStorage } from "../../os/storage-image.ts";
import { defineCommand } from "../command.ts";
import { currentUser } from "../storage/current-user.ts";
import { storageJson, storageLines } from "../storage/storage-text.ts";

export const dbStorageShow = defineCommand({
  name: "db storage show",
  summary: "The storage of databases: whether there is one, whether it is mounted, how full it is",
  details: ["How databases are copied on this machine, with the proof, is in `wt doctor`."],
  arguments: [],
  options: {},
  examples: [{ command: "wt db storage show", summary: "is it mounted?" }],
  async handler(_invocation, context) {
    const storage = observeStorage(worldPaths(context.env).state);
    await context.terminal.out(context.json ? `${storageJson(storage, currentUser())}\n` : `${storageLines(storage).join("\n")}\n`);
    return 0;
  },
});
