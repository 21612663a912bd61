// A whole directory at once, by the system's own cp: files by the ten thousand cost system calls, not bytes, and no JavaScript should stand between them.
import { constants, readlinkSync, rmSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import { fileSystemName } from "./clone-method.ts";
import { type ExecResult, exec } from "./exec.ts";
import { entryAt, removeTree } from "./files.ts";

export interface CloneOutcome {
  /** `reflink`: blocks are shared; `copy`: every byte was copied. */
  method: "reflink" | "copy";
  /** Paths that vanished while they were copied: something is writing there. */
  vanished: number;
}

export interface CloneTree {
  /** A directory. */
  from: string;
  /** Its parent exists, it does not. */
  to: string;
  /** PATH of the programs. */
  path: string;
  abort: AbortSignal;
  /** Absolute links below the first are made to lead below the second. */
  roots?: { from: string; to: string };
  /** Called with the whole copy before it gets its name. */
  finish?: (tree: string) => Promise<unknown>;
}

export interface BegunClone {
  method: CloneOutcome["method"];
  /** Once. Throws as `cloneTree` does. */
  complete(): Promise<CloneOutcome>;
  /** Instead of `complete`. */
  discard(): Promise<void>;
}

/**
 * Clones a directory with modes, times, links and hard links, sharing blocks where the file system can. All of it or nothing: it gets its name last.
 * Throws `WtError` (`machine`, `clone_failed` or `disk_full`), and the signal's reason when aborted.
 */
export async function cloneTree(clone: CloneTree): Promise<CloneOutcome> {
  return (await beginClone(clone)).complete();
}

/** Finds out how it will be done, and leaves the rest to `complete`. */
export async function beginClone(clone: CloneTree): Promise<BegunClone> {
  const { from, to, abort } = clone;
  const unfinished = unfinishedClone(to);
  const discard = () => removeUnfinished(unfinished);
  const discardOn = async (error: unknown): Promise<never> => {
    await discard();
    throw error;
  };
  await discard();
  const method = await (async () => {
    await mkdir(unfinished);
    // Whatever becomes of us, git takes no half of a copy for somebody's work.
    await writeFile(join(unfinished, ".gitignore"), "*\n");
    return sharingMethod(from, unfinished);
  })().catch(discardOn);
  const complete = async () => {
    const tree = join(unfinished, "tree");
    const vanished = await copyWhole(clone, tree, method);
    if (clone.roots) await redirectLinks(tree, { ...clone.roots, path: clone.path, abort });
    await clone.finish?.(tree);
    abort.throwIfAborted();
    await rename(tree, to);
    await discard();
    return { method, vanished };
  };
  return { method, complete: () => complete().catch(discardOn), discard };
}

/** Where a clone lies until it is whole. Always the same, so that a crash leaves nothing that cannot be found. */
export function unfinishedClone(to: string): string {
  return join(dirname(to), `.wt-clone-${basename(to)}`);
}

/** By another name first: a cp that a dead daemon left running then finds its directory no more, and ends. */
export async function removeUnfinished(unfinished: string): Promise<void> {
  const leaving = `${unfinished}.gone`;
  await removeTree(leaving);
  if (entryAt(unfinished) === null) return;
  await rename(unfinished, leaving);
  await removeTree(leaving);
}

/** Tried with one file, so that no name of a file system has to be believed. On ZFS block cloning has damaged files in several releases. */
export async function sharingMethod(from: string, to: string): Promise<CloneOutcome["method"]> {
  if (process.platform === "darwin") return statSync(from).dev === statSync(to).dev ? "reflink" : "copy";
  if (fileSystemName(to) === "zfs") return "copy";
  const probe = join(to, `.wt-probe-${crypto.randomUUID().slice(0, 8)}`);
  try {
    const sample = await anyFile(from, 3);
    if (sample === null) return "copy";
    await copyFile(sample, probe, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    return "reflink";
  } catch {
    return "copy";
  } finally {
    rmSync(probe, { force: true });
  }
}

async function anyFile(directory: string, depth: number): Promise<string | null> {
  const entries = await readdir(directory, { withFileTypes: true });
  const file = entries.find((entry) => entry.isFile() && statSync(join(directory, entry.name)).size > 0);
  if (file) return join(directory, file.name);
  if (depth === 0) return null;
  for (const entry of entries) {
    const found = entry.isDirectory() ? await anyFile(join(directory, entry.name), depth - 1) : null;
    if (found !== null) return found;
  }
  return null;
}

async function copyWhole({ from, path, abort }: CloneTree, to: string, method: CloneOutcome["method"]): Promise<number> {
  const how =
    process.platform === "darwin"
      ? ["-Rp", ...(method === "reflink" ? ["-c"] : [])]
      : ["-a", `--reflink=${method === "reflink" ? "always" : "never"}`];
  const result = await exec(["cp", ...how, "--", from, to], { cwd: "/", env: { PATH: path, LC_ALL: "C" }, abort });
  if (result.code === 0) return 0;
  const lines = result.stderr.split("\n").filter((line) => line !== "");
  const vanished = lines.filter((line) => /No such file or directory/.test(line));
  // One that was killed says nothing at all.
  if (lines.length > 0 && vanished.length === lines.length && entryAt(to) !== null) return vanished.length;
  throw cloneError(from, result);
}

function cloneError(from: string, { stderr, code }: ExecResult): WtError {
  const isFull = /No space left on device|quota exceeded/i.test(stderr);
  const [line = `cp ended with code ${code}`] = stderr.split("\n").filter((one) => one !== "" && !/No such file or directory/.test(one));
  return new WtError({
    kind: "machine",
    code: isFull ? "disk_full" : "clone_failed",
    message: `${from} could not be cloned: ${line.replace(/^cp: /, "").replace(/\.?$/, ".")}`,
    hints: [
      isFull
        ? "Free some space (`wt delete` of branches that are done), then try again."
        : "Mend that, or take the directory out of clone: in wt.yaml.",
    ],
  });
}

/** Package managers write where they are into links, and a clone that leads back would change the main worktree. */
async function redirectLinks(tree: string, roots: { from: string; to: string; path: string; abort: AbortSignal }): Promise<void> {
  const { path, abort } = roots;
  const found = await exec(["find", tree, "-type", "l", "-lname", `${escapeGlob(roots.from)}/*`, "-print0"], {
    cwd: "/",
    env: { PATH: path, LC_ALL: "C" },
    abort,
  });
  for (const link of found.stdout.split("\0").filter((one) => one !== "")) {
    const target = roots.to + readlinkSync(link).slice(roots.from.length);
    unlinkSync(link);
    symlinkSync(target, link);
  }
}

const escapeGlob = (text: string) => text.replace(/[\\*?[]/g, "\\$&");

/** Scripts directly in `directory` that hold the path of the first root get that of the second. Gives how many. */
export async function redirectScripts(directory: string, roots: { from: string; to: string }): Promise<number> {
  let changed = 0;
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => [])) {
    const file = join(directory, entry.name);
    if (!entry.isFile() || statSync(file).size > 256 * 1024) continue;
    const text = await readFile(file, "utf8");
    const redirected = text.replaceAll(new RegExp(`${RegExp.escape(roots.from)}(?=[/"':\\s]|$)`, "gm"), () => roots.to);
    if (text.includes("\0") || redirected === text) continue;
    await writeFile(file, redirected);
    changed++;
  }
  return changed;
}
