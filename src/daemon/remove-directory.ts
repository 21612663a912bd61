// Removing a directory that somebody still watches and may write to.
import { rename } from "node:fs/promises";
import { removeTree } from "../os/files.ts";

/**
 * Removes it under another name: whoever notices the last lines of a log in it now, and would note their time beside it, finds no directory to
 * write to. Absent: nothing happens. What an interrupted removal left goes too.
 */
export async function removeDirectory(path: string): Promise<void> {
  const aside = `${path}.removing`;
  await removeTree(aside);
  await rename(path, aside).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  await removeTree(aside);
}
