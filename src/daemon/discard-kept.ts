// Takes away the files and refs that a kept environment has in its repository.
import { rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { checkpointRefs } from "../git/checkpoint-refs.ts";
import type { Git } from "../git/git.ts";
import { dropRefs, keptDirectoryOf, keptRefs, removeEmptyParents } from "../git/kept-worktree.ts";
import { entryAt, moveToTrash, removeTree } from "../os/files.ts";
import { keepPlace } from "./kept-environment.ts";
import { trashDirectory } from "./trash.ts";

/** Idempotent. The trash is the caller's to empty. */
export async function discardKept(git: Git, project: ProjectRecord, environment: Pick<EnvironmentRecord, "id" | "path">): Promise<void> {
  if (entryAt(project.gitCommonDir) === null) return;
  const keep = keepPlace(project, environment.id);
  const directory = keptDirectoryOf({ path: environment.path, keep });
  if (directory !== null && dirname(directory) !== keep) await discardBeside(directory);
  if (entryAt(keep) !== null) await moveToTrash(keep, trashDirectory(project));
  await removeEmptyParents(keep);
  await dropRefs(git, project.gitCommonDir, keptRefs(environment.id));
  await dropRefs(git, project.gitCommonDir, checkpointRefs(environment.id));
}

/** On another file system than the trash. */
async function discardBeside(directory: string): Promise<void> {
  const going = join(dirname(directory), `${directory.slice(dirname(directory).length + 1)}.going`);
  await removeTree(going);
  await rename(directory, going);
  await removeTree(going);
}
