// A checkpoint of a worktree's files and index: objects under refs of their own, made through a temporary index. Neither the index in use nor the
// stash hears of it.
import { chmod, readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import { entryAt } from "../os/files.ts";
import { checkpointRefs } from "./checkpoint-refs.ts";
import type { Git } from "./git.ts";
import { withTemporaryIndex } from "./hidden-changes.ts";
import { dropRefs } from "./kept-worktree.ts";
import { type FileScope, readSkipped, saveRescue, writeWorktreeTree } from "./rescue.ts";
import { ceilingAt } from "./status.ts";

export interface CheckpointPlace {
  root: string;
  path: string;
  environmentId: string;
  /** Of the checkpoint. */
  id: string;
  scope: FileScope;
}

const refsOf = ({ environmentId, id }: Pick<CheckpointPlace, "environmentId" | "id">) => `${checkpointRefs(environmentId)}/${id}`;

/** Changes neither files nor index. Gives the commit it was on. */
export async function saveCheckpoint(
  git: Git,
  { root, path, environmentId, id, scope }: CheckpointPlace,
  about: { slug: string; branch: string | null; nowMs: number },
): Promise<{ head: string | null }> {
  const prefix = refsOf({ environmentId, id });
  // Of an attempt that was cut off, or is made anew.
  await dropRefs(git, root, prefix);
  await saveRescue(git, { root, path, ...about, prefix, purpose: "checkpoint", scope });
  const head = await git.run(root, ["rev-parse", "--verify", "--quiet", `${prefix}/head`], { allow: [1] });
  return { head: head.trim() || null };
}

/** Idempotent. */
export function dropCheckpointRefs(git: Git, place: Pick<CheckpointPlace, "root" | "environmentId" | "id">): Promise<void> {
  return dropRefs(git, place.root, refsOf(place));
}

/**
 * Brings files and index back; HEAD and branches stay where they are. What was ignored then and now, and what the scope leaves out, is not touched.
 * Idempotent, and carried on where it was cut off. Throws `refused` (`file_in_the_way`) before anything has changed.
 */
export async function restoreWorktree(git: Git, place: CheckpointPlace): Promise<void> {
  const { root, path, scope } = place;
  const prefix = refsOf(place);
  const options = { env: ceilingAt(path) };
  const skipped = await readSkipped(git, path);
  await withTemporaryIndex(path, async (env) => {
    const now = await writeWorktreeTree(git, { path, skipped, env, scope });
    const wanted = (await git.run(root, ["rev-parse", `${prefix}/worktree^{tree}`])).trim();
    const changes = await readChanges(git, path, { now, wanted });
    // git would overwrite what it ignores.
    const blocking = await fileInTheWay(path, changes);
    if (blocking !== null) throw inTheWay(path, blocking);
    const modes = await readPrivateModes(path, changes.changed);
    await git.run(path, [...quiet, "read-tree", "-m", "-u", now, wanted], { env });
    for (const [file, mode] of modes) await chmod(join(path, file), mode).catch(() => undefined);
  });
  const staged = (await git.run(root, ["rev-parse", "--verify", "--quiet", `${prefix}/index^{tree}`], { allow: [1] })).trim();
  // While files were in conflict there was no tree to be made of the index: then nothing is staged.
  const tree = staged || (await git.run(path, ["rev-parse", "--verify", "--quiet", "HEAD^{tree}"], { ...options, allow: [1] })).trim();
  await git.run(path, tree === "" ? ["read-tree", "--empty"] : [...quiet, "read-tree", "--reset", tree], options);
  await git.run(path, [...quiet, "update-index", "-q", "--refresh"], { ...options, allow: [1] });
}

const quiet = ["-c", "core.hooksPath=/dev/null"];

/** git writes files anew for everybody to read; those that are closed to others stay so. */
async function readPrivateModes(path: string, names: readonly string[]): Promise<[string, number][]> {
  const found = await Promise.all(
    names.map(async (name) => [name, ((await stat(join(path, name)).catch(() => null))?.mode ?? 0o777) & 0o7777] as const),
  );
  return found.flatMap(([name, mode]) => ((mode & 0o077) === 0 ? [[name, mode] as [string, number]] : []));
}

interface Changes {
  added: string[];
  changed: string[];
  removed: Set<string>;
}

async function readChanges(git: Git, path: string, { now, wanted }: { now: string; wanted: string }): Promise<Changes> {
  const files = parseNames(await git.run(path, ["diff-tree", "-r", "-z", "--no-renames", "--name-status", now, wanted]));
  const of = (status: string) => files.filter((one) => one.status === status).map((one) => one.path);
  return { added: of("added"), changed: of("changed"), removed: new Set(of("removed")) };
}

/** A file at the place of one that is to be made, which neither state knows; null: there is none. */
async function fileInTheWay(root: string, { added, removed }: Changes): Promise<string | null> {
  const seen = new Set<string>();
  for (const name of added) {
    const parts = name.split("/");
    for (let depth = 1; depth <= parts.length; depth++) {
      const at = parts.slice(0, depth).join("/");
      if (seen.has(at)) continue;
      seen.add(at);
      const entry = entryAt(join(root, at));
      if (!entry) break;
      if (!entry.isDirectory() && !removed.has(at)) return at;
      if (entry.isDirectory() && at === name) {
        const below = await readdir(join(root, at), { recursive: true, withFileTypes: true });
        const stranger = below.find((one) => !one.isDirectory() && !removed.has(relative(root, join(one.parentPath, one.name))));
        if (stranger) return relative(root, join(stranger.parentPath, stranger.name));
      }
    }
  }
  return null;
}

function parseNames(output: string): CheckpointDifference["files"] {
  const words = output.split("\0");
  const files: CheckpointDifference["files"] = [];
  for (let index = 0; index + 1 < words.length; index += 2) {
    const letter = words[index] ?? "";
    files.push({ status: letter === "A" ? "added" : letter === "D" ? "removed" : "changed", path: words[index + 1] ?? "" });
  }
  return files;
}

export interface CheckpointDifference {
  files: { status: "added" | "changed" | "removed"; path: string }[];
  /** Unified diff from the checkpoint to now. */
  patch: string;
}

/** What became of the files since. Changes nothing. */
export async function diffCheckpoint(git: Git, place: CheckpointPlace): Promise<CheckpointDifference> {
  const { path, scope } = place;
  const skipped = await readSkipped(git, path);
  return withTemporaryIndex(path, async (env) => {
    const now = await writeWorktreeTree(git, { path, skipped, env, scope });
    const pair = [`${refsOf(place)}/worktree^{tree}`, now];
    const [names, patch] = await Promise.all([
      git.run(path, ["diff-tree", "-r", "-z", "--no-renames", "--name-status", ...pair], { env }),
      git.run(path, ["diff", "--no-ext-diff", "--no-color", ...pair], { env }),
    ]);
    return { files: parseNames(names), patch };
  });
}

function inTheWay(path: string, file: string): WtError {
  return new WtError({
    kind: "refused",
    code: "file_in_the_way",
    message: `${file} would be overwritten: git ignores it now, and the checkpoint holds another file of that name.`,
    hints: [`Move ${join(path, file)} away, then try again.`],
    details: { path: join(path, file) },
  });
}
