// Members that leave the pool: given back whole, or, where somebody works in one, kept as an environment.
import type { EnvironmentRecord, MemberRecord, ProjectRecord } from "../environment/ledger.ts";
import { createGit } from "../git/git.ts";
import { isLocked, readDetachedHead, readStatusText } from "../git/pool-worktree.ts";
import { listWorktrees } from "../git/worktrees.ts";
import { entryAt } from "../os/files.ts";
import { never } from "./journaled-run.ts";
import { asJson, memberData } from "./pool-records.ts";
import { chooseNames } from "./projects.ts";
import { releaseEnvironment } from "./release-environment.ts";
import { worktreeExists } from "./worktree-exists.ts";
import type { World } from "./world.ts";

/** Idempotent; nothing to do for one that was claimed meanwhile. Never loses what somebody put there: then it becomes an environment, and its slug is given. */
export async function giveBackMember(world: World, project: ProjectRecord, member: MemberRecord): Promise<string | null> {
  const current = memberNow(world, member);
  if (!current) return null;
  const { environment, data } = current;
  const repositoryGone = entryAt(project.gitCommonDir) === null;
  // Nobody claims it from here on.
  if (data.state === "ready") world.ledger.updateMember(environment.id, asJson({ ...memberData(data), state: "leaving" }));
  if (!repositoryGone && worktreeExists(environment) && (await isTouched(world, { environment, data }))) {
    return keepAsEnvironment(world, project, environment);
  }
  await releaseEnvironment(world, { project, environment, repositoryGone }, { emit: () => undefined, abort: never() });
  return null;
}

/** Ids of the project's members whose HEAD is where it was. Reads files, starts no program. */
export async function untouchedMembers(world: World, project: ProjectRecord): Promise<Set<string>> {
  const members = world.ledger.members({ projectId: project.id });
  const heads = await Promise.all(members.map(({ environment }) => readDetachedHead(environment.path)));
  return new Set(members.flatMap(({ environment, data }, index) => (heads[index] === data.commit ? [environment.id] : [])));
}

/** Those (ids) that may be given away: nobody works in them. Of the others the upkeep is told, which keeps them as environments. */
export async function claimableMembers(world: World, project: ProjectRecord): Promise<Set<string>> {
  const ready = world.ledger.members({ projectId: project.id }).filter(({ data }) => data.state === "ready");
  const touched = await Promise.all(ready.map((member) => isTouched(world, member)));
  return new Set(
    ready.flatMap(({ environment: { id } }, index) => {
      if (!touched[index]) return [id];
      world.pool.suspect(id);
      return [];
    }),
  );
}

/** As the ledger has it now; undefined: it is no member any more. */
export function memberNow({ ledger }: World, { environment: { id, projectId } }: MemberRecord): MemberRecord | undefined {
  return ledger.members({ projectId }).find(({ environment }) => environment.id === id);
}

/** Somebody committed, switched, locked it, or changed files that git does not ignore since it was prepared. What cannot be told counts. */
export async function isTouched(world: World, { environment, data }: MemberRecord): Promise<boolean> {
  const { commit, status } = memberData(data);
  if ((await readDetachedHead(environment.path)) !== commit) return true;
  // One that never was ready is taken back as a create is.
  if (status === undefined) return false;
  if (await isLocked(environment.path)) return true;
  const now = await readStatusText(createGit(world.env), environment.path).catch(() => null);
  return now !== status;
}

async function keepAsEnvironment(world: World, project: ProjectRecord, environment: EnvironmentRecord): Promise<string> {
  const { id, path } = environment;
  const found = (await listWorktrees(createGit(world.env), project.root)).find((one) => one.path === path);
  const branch = found?.branch ?? null;
  return world.ledger.transaction(() => {
    const wanted = { branch, path, main: false, ownsWorktree: true, ownsBranch: false };
    const names = chooseNames(world, project, wanted);
    world.ledger.claimMember(id, { ...names, branch, path, ownsBranch: false, createdAtMs: world.clock.now() });
    world.changes.emit(id);
    return names.slug;
  });
}
