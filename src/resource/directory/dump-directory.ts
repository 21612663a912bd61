// A directory as a tar file, out and in, by the tar of the system.
import { mkdir, open } from "node:fs/promises";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { removeTree } from "../../os/files.ts";
import type { DumpFormat, DumpWish } from "../resource-driver.ts";

/** Writes a tar of what is in `place`, for its owner alone. When it fails nothing is at `wish.path`. */
export async function dumpDirectory(place: string, wish: DumpWish, abort: AbortSignal): Promise<DumpFormat> {
  if ((wish.format ?? "tar") !== "tar" || !wish.schema || !wish.data) {
    throw new WtError({
      kind: "usage",
      code: "dump_format",
      message: "A directory is dumped whole and as a tar file only.",
      hints: ["Leave --format, --schema-only and --data-only out."],
    });
  }
  try {
    await tar(["-cf", wish.path, "-C", place, "."], abort, wish.path);
    const handle = await open(wish.path, "r");
    await handle.sync().finally(() => handle.close());
    return "tar";
  } catch (error) {
    await removeTree(wish.path);
    throw error;
  }
}

/** Makes the directory `to`, which is absent, of a tar file. */
export async function loadDirectory(from: string, to: string, abort: AbortSignal): Promise<void> {
  await mkdir(to, { mode: 0o755 });
  // Absolute names and those with `..` are tar's to refuse; owners are those of whoever unpacks.
  await tar(["-xpf", from, "--no-same-owner", "-C", to], abort, from);
}

async function tar(words: string[], abort: AbortSignal, file: string): Promise<void> {
  const path = process.env.PATH ?? "/usr/bin:/bin";
  const result = await exec(["/bin/sh", "-c", 'umask 077; exec tar "$@"', "sh", ...words], {
    cwd: "/",
    env: { PATH: path, LC_ALL: "C" },
    abort,
  });
  if (result.code === 0) return;
  const full = /No space left on device/.test(result.stderr);
  throw new WtError({
    kind: "machine",
    code: full ? "disk_full" : "dump_failed",
    message: full ? `There is not enough space for ${file}.` : `tar failed with ${file}: ${firstLine(result.stderr)}.`,
    hints: full ? ["Free some space, then try again."] : [],
    details: { path: file },
  });
}

function firstLine(text: string): string {
  const line = text.trim().split("\n")[0] ?? "";
  return line.replace(/^tar: /, "").replace(/\.$/, "");
}
