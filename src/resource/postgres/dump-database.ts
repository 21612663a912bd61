// A dump by the user's own pg_dump: nothing else knows all of a database. Owners and grants are left out, so that it can be read anywhere.
import { chmod, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { removeTree } from "../../os/files.ts";
import type { DumpFormat, DumpWish } from "../resource-driver.ts";
import { findClient } from "./dump-clients.ts";

export interface DumpSource {
  /** `PGHOST`, `PGPASSWORD` and so on. */
  connection: Record<string, string>;
  /** Major version of the server. */
  major: number;
  /** Where to find programs. */
  searchPath: string;
  /** A directory to look into first; null: none. */
  programs: string | null;
  abort: AbortSignal;
}

const formats: readonly DumpFormat[] = ["plain", "custom", "directory", "tar"];

/** Writes the dump and gives its format. Throws `WtError`, and then nothing is at `wish.path`. */
export async function dumpDatabase(wish: DumpWish, source: DumpSource): Promise<DumpFormat> {
  const format = wish.format ?? "plain";
  if (!formats.includes(format)) {
    throw new WtError({
      kind: "usage",
      code: "dump_format",
      message: `A PostgreSQL database cannot be dumped in the format ${format}.`,
      hints: [`It can in ${formats.join(", ")}.`],
    });
  }
  const { connection, searchPath, abort } = source;
  const client = await findClient("pg_dump", source);
  const parts = [...(wish.schema ? [] : ["--data-only"]), ...(wish.data ? [] : ["--schema-only"])];
  const command = [client, `--format=${format}`, "--no-owner", "--no-privileges", "--no-password", ...parts, "--file", wish.path];
  try {
    // What it makes is for its owner alone from the first byte on.
    const result = await exec(["/bin/sh", "-c", 'umask 077; exec "$@"', "sh", ...command], {
      cwd: "/",
      env: { ...connection, LC_ALL: "C", PATH: searchPath },
      abort,
    });
    if (result.code !== 0) throw dumpFailed(result.stderr, wish.path);
    await settle(wish.path, format);
    return format;
  } catch (error) {
    await removeTree(wish.path);
    throw error;
  }
}

/** On the disk, and nobody else's to read. */
async function settle(path: string, format: DumpFormat): Promise<void> {
  await chmod(path, format === "directory" ? 0o700 : 0o600);
  const files = format === "directory" ? (await readdir(path)).map((name) => join(path, name)) : [path];
  for (const file of files) {
    const handle = await open(file, "r");
    await handle.sync().finally(() => handle.close());
  }
}

function dumpFailed(stderr: string, path: string): WtError {
  const lines = stderr.trim().split("\n");
  const line = lines.find((each) => each.includes("error:")) ?? lines.at(-1) ?? "";
  const full = /No space left on device|Disk quota exceeded/.test(stderr);
  return new WtError({
    kind: "machine",
    code: full ? "disk_full" : "dump_failed",
    message: full
      ? `There is not enough space for the dump ${path}.`
      : `pg_dump could not dump the database: ${line.replace(/^.*?pg_dump: (error: )?/, "").replace(/\.$/, "")}.`,
    hints: full ? ["Free some space, or name a place on another disk."] : [],
    details: { lines: lines.slice(-12) },
  });
}
