// A dump by the machine's own mariadb-dump or mysqldump: nothing else knows all of a database.
import { chmod, open } from "node:fs/promises";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { removeTree } from "../../os/files.ts";
import type { DumpFormat, DumpWish } from "../resource-driver.ts";
import { type ClientWay, clientCommand, clientEnv, codeWords, dumpWords, requireClient } from "./client-programs.ts";
import { isFull } from "./load-dump.ts";

export interface DumpSource {
  way: ClientWay;
  database: string;
  /** Where to find the program. */
  searchPath: string;
  abort: AbortSignal;
}

/** Writes the dump and gives its format. Throws `WtError`, and then nothing is at `wish.path`. */
export async function dumpDatabase(wish: DumpWish, { way, database, searchPath, abort }: DumpSource): Promise<DumpFormat> {
  if (wish.format !== null && wish.format !== "plain") {
    throw new WtError({
      kind: "usage",
      code: "dump_format",
      message: `A database of MySQL or MariaDB cannot be dumped in the format ${wish.format}.`,
      hints: ["It can in plain, which is SQL."],
    });
  }
  const program = requireClient("dump", searchPath, "A database of MySQL or MariaDB can only be dumped with");
  const parts = [...(wish.data ? [] : ["--no-data"]), ...(wish.schema ? codeWords : ["--no-create-info", "--skip-triggers"])];
  const words = [...dumpWords, ...parts, `--result-file=${wish.path}`, "--", database];
  try {
    // What it makes is for its owner alone from the first byte on.
    const command = ["/bin/sh", "-c", 'umask 077; exec "$@"', "sh", ...clientCommand(program, way, words)];
    const result = await exec(command, { cwd: "/", env: clientEnv(way), abort });
    if (result.code !== 0) throw dumpFailed(result.stderr, wish.path);
    await chmod(wish.path, 0o600);
    const handle = await open(wish.path, "r");
    await handle.sync().finally(() => handle.close());
    return "plain";
  } catch (error) {
    await removeTree(wish.path);
    throw error;
  }
}

function dumpFailed(stderr: string, path: string): WtError {
  const lines = stderr.trim().split("\n");
  const line = lines.find((each) => /error/i.test(each)) ?? lines.at(-1) ?? "";
  const full = isFull(stderr);
  return new WtError({
    kind: "machine",
    code: full ? "disk_full" : "dump_failed",
    message: full
      ? `There is not enough space for the dump ${path}.`
      : `The database could not be dumped: ${line.replace(/^\S*(mysqldump|mariadb-dump): /, "").replace(/\.$/, "")}.`,
    hints: full ? ["Free some space, or name a place on another disk."] : [],
    details: { lines: lines.slice(-12) },
  });
}
