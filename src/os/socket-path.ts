// A unix socket's path must fit into about 100 bytes, a state directory need not. The server is no problem: it names its socket relative to its
// data directory. A client reaches it through a short way that exists for the moment of the connection only.
import { closeSync, mkdtempSync, openSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const longestPath = 100;

/** Calls `use` with a path of the socket `name` in `directory` that is short enough to connect to. */
export async function withSocketPath<T>(directory: string, name: string, use: (path: string) => Promise<T>): Promise<T> {
  const path = join(directory, name);
  if (Buffer.byteLength(path) <= longestPath) return use(path);
  if (process.platform === "linux") {
    const file = openSync(directory, "r");
    try {
      return await use(`/proc/self/fd/${file}/${name}`);
    } finally {
      closeSync(file);
    }
  }
  const place = mkdtempSync(join(tmpdir(), "wt-"));
  try {
    symlinkSync(directory, join(place, "d"));
    return await use(join(place, "d", name));
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
