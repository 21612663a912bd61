import { chmod } from "node:fs/promises";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { observeStorage, storeNames, takeOverStore, templatesLainUpon } from "../../os/storage-image.ts";
import type { Context } from "../command.ts";
import { stopDaemon } from "../stop-daemon.ts";
import { systemEnvironment } from "./run-as-root.ts";

/** From now on everything is made in the mounted image: the stores become links into it, and the next daemon finds them so. Can be repeated. */
export async function takeOver(context: Context, state: string): Promise<void> {
  const storage = observeStorage(state);
  await stopDaemon(context, { services: false });
  if (storage.state !== "mounted") return;
  await chmod(storage.record.place, 0o700);
  const keep = templatesLainUpon(state);
  const env = systemEnvironment(context);
  const copy = async (from: string, to: string) => {
    const result = await exec(["cp", "-a", from, `${to}/`], { cwd: "/", env });
    if (result.code === 0) return;
    const why = result.stderr.trim().split("\n").at(-1)?.replace(/\.$/, "");
    throw new WtError({
      kind: "machine",
      code: "storage_not_filled",
      message: `${from} could not be copied: ${why}.`,
      hints: ["Try again: wt db storage mount"],
    });
  };
  for (const name of storeNames) await takeOverStore(state, { name, place: storage.record.place, keep, copy });
}
