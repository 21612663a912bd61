// Repositories for tests of what only reads them: from a map of paths, or from a directory of fixtures.
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { TrackedFiles } from "../../src/config/config.ts";

/** `untracked`: those of them that git does not keep. */
export function memoryFiles(contents: Record<string, string>, untracked: readonly string[] = []): TrackedFiles {
  return {
    tracked: async (path) => !untracked.includes(path),
    read: async (path) => (Object.hasOwn(contents, path) ? (contents[path] ?? null) : null),
    list: async (path) => {
      const prefix = path === "." || path === "" ? "" : `${path.replace(/\/$/, "")}/`;
      const names = Object.keys(contents)
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length))
        .map((name) => (name.includes("/") ? `${name.slice(0, name.indexOf("/"))}/` : name));
      return [...new Set(names)].toSorted();
    },
  };
}

export function directoryFiles(root: string): TrackedFiles {
  return {
    tracked: async () => true,
    read: async (path) => {
      const info = await lstat(join(root, path)).catch(() => null);
      return info?.isFile() ? await Bun.file(join(root, path)).text() : null;
    },
    list: async (path) => {
      const entries = await readdir(join(root, path), { withFileTypes: true }).catch(() => []);
      return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).toSorted();
    },
  };
}
