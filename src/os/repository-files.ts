// A directory's files as detection and configuration read them: by relative path, never through a symbolic link.
import { constants } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../errors/wt-error.ts";

export interface DirectoryFiles {
  /** null for what is absent, not a regular file, reached through a symbolic link, or not below the directory. Throws `machine` (`file_unreadable`). */
  read(path: string): Promise<string | null>;
  /** Names, directories with a trailing `/`, sorted; empty for what is absent. `.git` is left out. */
  list(path: string): Promise<string[]>;
}

/** Paths are `/`-separated and relative to `root`; `root` itself may be a link. */
export function repositoryFiles(root: string): DirectoryFiles {
  return {
    async read(path) {
      const parts = relativeParts(path);
      const name = parts?.pop();
      if (!parts || name === undefined || !(await isPlainDirectory(root, parts))) return null;
      return readRegularFile(join(root, ...parts, name));
    },
    async list(path) {
      const parts = relativeParts(path);
      if (!parts || !(await isPlainDirectory(root, parts))) return [];
      const entries = await readdir(join(root, ...parts), { withFileTypes: true }).catch(() => []);
      return entries
        .filter((entry) => entry.name !== ".git")
        .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
        .sort();
    },
  };
}

/** The names of a relative path, `.` and doubled slashes taken out; null for a path that leads (or could lead) elsewhere. */
export function relativeParts(path: string): string[] | null {
  if (path.startsWith("/") || path.includes("\0")) return null;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return parts.includes("..") || parts[0] === ".git" ? null : parts;
}

async function isPlainDirectory(root: string, parts: string[]): Promise<boolean> {
  let path = root;
  for (const part of parts) {
    path = join(path, part);
    const stat = await lstat(path).catch(() => null);
    if (!stat?.isDirectory()) return false;
  }
  return true;
}

async function readRegularFile(path: string): Promise<string | null> {
  // The type is looked at first because opening a pipe would wait for a writer, and again by O_NOFOLLOW because it may have changed.
  const stat = await lstat(path).catch(() => null);
  if (!stat?.isFile()) return null;
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    return await file.readFile("utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "ENOENT" || code === "ELOOP") return null;
    throw new WtError({
      kind: "machine",
      code: "file_unreadable",
      message: `The file ${path} cannot be read (${code}).`,
      details: { path },
      cause: error,
    });
  }
}
