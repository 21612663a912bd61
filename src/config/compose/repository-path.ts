// Paths that compose files write, seen from the top of the repository.
import { cleanPath } from "../normalize.ts";

/** null: it leads out of the repository, or nobody knows where (a variable, a home directory). */
export function pathInRepository(directory: string, written: string): string | null {
  if (written === "" || written.includes("\0") || written.includes("$")) return null;
  if (/^[/~]/.test(written) || isRemote(written)) return null;
  const path = cleanPath(`${directory}/${written}`);
  return path === ".." || path.startsWith("../") ? null : path;
}

/** Compose would fetch it: `oci://`, `https://…`, `git@host:…`, `github.com/…`. */
export function isRemote(written: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(written) || /^[\w.-]+@[\w.-]+:/.test(written) || /^github\.com\//.test(written);
}

/** `a/b/c.yaml` → `a/b`; `.` at the top. */
export function directoryOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : ".";
}
