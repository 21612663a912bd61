// Redis' own dump file, out and in.
import { chmod, open } from "node:fs/promises";
import { WtError } from "../../errors/wt-error.ts";
import { copyTree, entryAt, removeTree } from "../../os/files.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { isRdb } from "./redis-data.ts";

/** Copies a dump on the disk to `to`, for its owner alone. When it fails nothing is there. */
export async function copyDump(from: string, to: string, abort: AbortSignal): Promise<void> {
  try {
    await copyTree(from, to, { abort });
    await chmod(to, 0o600);
    const handle = await open(to, "r");
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    await removeTree(to);
    throw error;
  }
}

/** Throws `WtError` (`usage`) for what is no dump of Redis. */
export function requireRdb(path: string): void {
  if (entryAt(path)?.isFile() && isRdb(path)) return;
  throw new WtError({
    kind: "usage",
    code: "dump_unreadable",
    message: `${path} is not an RDB file.`,
    hints: ["Make one with `wt db dump`, or with `redis-cli --rdb <file>`."],
    details: { path },
  });
}

export function rdbOnly({ name }: ResourceSpec): WtError {
  return new WtError({
    kind: "usage",
    code: "dump_format",
    message: `${name} is a Redis, which is dumped whole and as an RDB file only.`,
    hints: ["Leave --format, --schema-only and --data-only out."],
  });
}
