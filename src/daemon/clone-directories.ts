// `clone:`: whole directories that git ignores, from the main worktree.
import { join } from "node:path";
import { cloneTree, redirectScripts } from "../os/clone-tree.ts";
import { entryAt } from "../os/files.ts";
import { type Fill, isFileInTheWay, makeParents, refuseLeaving } from "./fill-files.ts";

export type CloneFill = Omit<Fill, "git"> & { path: string; now: () => number };

/** A directory that exists already is left alone. What was done, and what was left out and why, is said. */
export async function cloneDirectories(fill: CloneFill & { directories: string[] }): Promise<void> {
  for (const name of fill.directories) {
    fill.abort.throwIfAborted();
    const reason = whyNot(fill, name);
    if (reason !== null) fill.note(reason);
    else if (entryAt(join(fill.to, name)) === null) await cloneOne(fill, name);
  }
}

function whyNot({ from }: Pick<Fill, "from">, name: string): string | null {
  const source = join(from, name);
  const entry = entryAt(source);
  if (entry === null) return `clone: the main worktree has no ${name}.`;
  if (entry.isSymbolicLink())
    return `clone: ${name} was left out: in the main worktree it is a symbolic link, and two worktrees would share what it leads to.`;
  if (!entry.isDirectory()) return `clone: ${name} was left out: it is no directory. Name files under copy:.`;
  // Its programs begin with the path of the interpreter that it was made with.
  if (entryAt(join(source, "pyvenv.cfg")))
    return `clone: ${name} was left out: it is a Python environment, which holds its own path. Let a setup command make it.`;
  return null;
}

/** `from` may be any worktree of the project. Throws as `cloneTree` does, and `WtError` (`refused`) where a link would lead out. */
export async function cloneOne(fill: CloneFill, name: string): Promise<void> {
  const { from, to, abort, path, note } = fill;
  refuseLeaving(to, name, "clone");
  if (isFileInTheWay(to, name)) return;
  await makeParents(fill, name);
  const roots = { from, to };
  const startedMs = fill.now();
  const { method, vanished } = await cloneTree({ from: join(from, name), to: join(to, name), path, abort, roots });
  if (isModules(name)) await redirectScripts(join(to, name, ".bin"), roots);
  const took = `${Math.max(0, Math.round(fill.now() - startedMs))} ms`;
  note(`${name}: ${method === "reflink" ? "cloned, sharing its blocks" : "copied, since the file system cannot share blocks"}, ${took}.`);
  if (vanished > 0) note(`${name}: ${vanished} ${vanished === 1 ? "file" : "files"} vanished meanwhile; something is writing there.`);
}

const isModules = (name: string) => name === "node_modules" || name.endsWith("/node_modules");
