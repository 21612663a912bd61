// `clone:` and `makes:`: whole directories that git ignores, from another worktree of the project.
import { join } from "node:path";
import { type BegunClone, beginClone, redirectScripts, unfinishedClone } from "../os/clone-tree.ts";
import { entryAt } from "../os/files.ts";
import { type Fill, isFileInTheWay, makeParents, refuseLeaving } from "./fill-files.ts";

export type CloneFill = Omit<Fill, "git"> & {
  path: string;
  now: () => number;
  /** Notes that a copy is being made there, before it exists; what it gives is called when nothing is there any more. */
  journal: (unfinished: string, name: string) => () => void;
};

/** One that is about to be made. */
export interface PendingClone extends Pick<BegunClone, "method" | "discard"> {
  name: string;
  from: string;
  /** Gives how long it took. */
  complete(): Promise<number>;
}

/** Why a directory of the main worktree is not cloned: a sentence; null: it is. */
export function whyNotCloned({ from }: Pick<Fill, "from">, name: string): string | null {
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

/**
 * `from` may be any worktree of the project; null where a file is in the way. Either `complete` or `discard` has to follow, also after an abort.
 * Throws as `cloneTree` does, and `WtError` (`refused`) where a link would lead out.
 */
export async function prepareClone(fill: CloneFill, name: string): Promise<PendingClone | null> {
  const { from, to, abort, path } = fill;
  refuseLeaving(to, name, "clone");
  if (isFileInTheWay(to, name)) return null;
  await makeParents(fill, name);
  const roots = { from, to };
  const finish = isModules(name) ? (tree: string) => redirectScripts(join(tree, ".bin"), roots) : undefined;
  const ended = fill.journal(unfinishedClone(join(to, name)), name);
  // Where it could not be taken away, its row stays and says so.
  const begun = await beginClone({ from: join(from, name), to: join(to, name), path, abort, roots, ...(finish && { finish }) }).catch(
    endedWith(join(to, name), ended),
  );
  return {
    name,
    from,
    method: begun.method,
    complete: () => completeClone(fill, { name, begun, ended }),
    discard: () => begun.discard().then(ended),
  };
}

async function completeClone(fill: CloneFill, clone: { name: string; begun: BegunClone; ended: () => void }): Promise<number> {
  const { note, now, to } = fill;
  const { name, begun, ended } = clone;
  const startedMs = now();
  const { method, vanished } = await begun.complete().catch(endedWith(join(to, name), ended));
  ended();
  const tookMs = Math.max(0, Math.round(now() - startedMs));
  note(
    `${name}: ${method === "reflink" ? "cloned, sharing its blocks" : "copied, since the file system cannot share blocks"}, ${tookMs} ms.`,
  );
  if (vanished > 0) note(`${name}: ${vanished} ${vanished === 1 ? "file" : "files"} vanished meanwhile; something is writing there.`);
  return tookMs;
}

function endedWith(target: string, ended: () => void): (error: unknown) => never {
  return (error) => {
    if (entryAt(unfinishedClone(target)) === null) ended();
    throw error;
  };
}

const isModules = (name: string) => name === "node_modules" || name.endsWith("/node_modules");
