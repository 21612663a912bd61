// A clone that is being made has a lease: `wt status` shows it, and a new daemon finds what an old one left of it.
import { realpathSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { removeUnfinished } from "../os/clone-tree.ts";
import { entryAt } from "../os/files.ts";
import type { CloneFill } from "./clone-directories.ts";
import type { StepContext } from "./steps.ts";
import type { World } from "./world.ts";

/** `from` may be any worktree of the project. */
export function cloneFill({ world, session, abort, emit }: StepContext, from: string): CloneFill {
  const { callerEnv, environment } = session;
  return {
    from,
    to: environment.path,
    abort,
    note: (message) => emit({ type: "note", message }),
    path: callerEnv.PATH ?? world.env.PATH ?? "",
    now: () => world.clock.now(),
    journal(unfinished, name) {
      const lease = world.ledger.claim({ environmentId: environment.id, kind: "directory", key: unfinished, data: { clone: name } });
      if (!lease) throw new Error(`${unfinished} is leased to another environment`);
      world.changes.emit(environment.id);
      return () => {
        world.ledger.release(lease.id);
        world.changes.emit(environment.id);
      };
    },
  };
}

/** Directories that are being cloned now, and since when. */
export function clonesUnderWay(world: World, environmentId: string): { directory: string; sinceMs: number }[] {
  return world.ledger
    .leases({ environmentId, kind: "directory" })
    .flatMap(({ data, createdAtMs }) => (typeof data.clone === "string" ? [{ directory: data.clone, sinceMs: createdAtMs }] : []));
}

/** What a daemon that died left of clones is thrown away: the next operation makes them anew. The caller holds the environment's lock. */
export async function discardUnfinishedClones(world: World, environment: EnvironmentRecord): Promise<void> {
  for (const lease of world.ledger.leases({ environmentId: environment.id, kind: "directory" })) {
    if (typeof lease.data.clone !== "string") continue;
    if (isInside(environment.path, lease.key)) await removeUnfinished(lease.key);
    world.ledger.release(lease.id);
  }
}

/** What lies behind a link that somebody has put there since is not ours. */
function isInside(worktree: string, unfinished: string): boolean {
  const parent = dirname(unfinished);
  if (!basename(unfinished).startsWith(".wt-clone-") || entryAt(parent) === null) return false;
  const root = realpathSync(worktree);
  const place = realpathSync(parent);
  return place === root || place.startsWith(`${root}/`);
}
