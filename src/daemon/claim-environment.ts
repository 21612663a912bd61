// The rows of a new environment, written before anything of it exists: a member of the pool becomes it where one fits.
import { dirname, join } from "node:path";
import type { CreateRequest } from "../api/environment.ts";
import type { Config } from "../config/config.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { chooseMember, type MemberData } from "../environment/pool.ts";
import type { JsonValue } from "../errors/wt-error.ts";
import type { BranchPlan } from "../git/branches.ts";
import { canonicalPath } from "../git/worktree-registration.ts";
import { beginOperation } from "./journaled-run.ts";
import { memberData } from "./pool-records.ts";
import type { PoolWork } from "./pool-steps.ts";
import { chooseNames, registerEnvironment } from "./projects.ts";
import { worktreeExists } from "./worktree-exists.ts";
import { occupied, refuseOccupiedPath, worktreesDirectory } from "./worktree-place.ts";
import type { World } from "./world.ts";

export interface Claim {
  project: ProjectRecord;
  request: Pick<CreateRequest, "pool" | "setup">;
  config: Config;
  branch: BranchPlan;
  /** Members (ids) that nobody works in. */
  untouched: ReadonlySet<string>;
}

export interface Claimed {
  environment: EnvironmentRecord;
  operation: string;
  /** null: it is made from the beginning. */
  pool: PoolWork | null;
}

/** One transaction: the environment, its worktree, its branch and the operation are in the ledger before anything exists. */
export function claimEnvironment(world: World, claim: Claim): Claimed {
  const { ledger } = world;
  const { project, branch } = claim;
  return ledger.transaction(() => {
    const parent = worktreesDirectory(project, claim.config);
    const member = memberFor(world, claim, dirname(canonicalPath(join(parent, "x"))));
    const ownsBranch = branch.kind !== "local";
    const wanted = { branch: branch.branch, main: false, ownsWorktree: true, ownsBranch };
    const environment = member ? takeMember(world, claim, { member, parent }) : insertNew(world, project, { wanted, parent });
    const data: { [key: string]: JsonValue } = member ? { commit: member.data.commit, from: member.environment.path } : {};
    const lease = ledger.claim({ environmentId: environment.id, kind: "worktree", key: environment.path, data });
    if (!lease) throw occupied(environment.path, "belongs to another environment");
    if (ownsBranch) {
      const key = `${project.id}/${branch.branch}`;
      ledger.claim({ environmentId: environment.id, kind: "branch", key, data: { branch: branch.branch, commit: branch.commit } });
    }
    const operation = beginOperation(world, { environmentId: environment.id, kind: "create", data: { branch: branch.branch } });
    const pool = member && { commit: branch.commit, from: member.environment.path, member: member.data, refill: false };
    return { environment, operation, pool };
  });
}

function insertNew(
  world: World,
  project: ProjectRecord,
  { wanted, parent }: { wanted: Pick<EnvironmentRecord, "branch" | "main" | "ownsWorktree" | "ownsBranch">; parent: string },
): EnvironmentRecord {
  // The slug is chosen while registering, and the path follows it.
  const provisional = registerEnvironment(world, project, { ...wanted, path: join(parent, crypto.randomUUID()) });
  const path = pathFor(parent, provisional.slug);
  world.ledger.updateEnvironment(provisional.id, { path });
  return { ...provisional, path };
}

/** As git will name it: through a link it would be taken for a worktree that somebody else made. */
function pathFor(parent: string, slug: string): string {
  const path = canonicalPath(join(parent, slug));
  refuseOccupiedPath(path);
  return path;
}

interface Member {
  environment: EnvironmentRecord;
  data: MemberData;
}

/** Its id, secret, ports and resources stay; the names are those of an environment that is made now. */
function takeMember(world: World, { project, branch }: Claim, { member, parent }: { member: Member; parent: string }): EnvironmentRecord {
  const { ledger } = world;
  const { id } = member.environment;
  const ownsBranch = branch.kind !== "local";
  const wanted = { branch: branch.branch, path: member.environment.path, main: false, ownsWorktree: true, ownsBranch };
  const names = chooseNames(world, project, wanted);
  const named = { ...names, branch: branch.branch, path: pathFor(parent, names.slug), ownsBranch, createdAtMs: world.clock.now() };
  for (const lease of ledger.leases({ environmentId: id, kind: "worktree" })) ledger.release(lease.id);
  ledger.claimMember(id, named);
  world.changes.emit(id);
  return { ...member.environment, ...named };
}

/** Whoever wants no setup, or no pool, gets a worktree of its own making. */
function memberFor(world: World, { project, request, config, branch, untouched }: Claim, parent: string): Member | null {
  if (request.pool === false || request.setup === false || config.compose) return null;
  const members = world.ledger
    .members({ projectId: project.id })
    .filter(
      ({ environment }) =>
        untouched.has(environment.id) && !world.locks.busy(`environment:${environment.id}`) && worktreeExists(environment),
    )
    .map(({ environment, data }) => ({ environment, data: memberData(data) }));
  return chooseMember(members, { parent, commit: branch.commit });
}
