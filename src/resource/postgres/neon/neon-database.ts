// `remote: neon`: each environment has a branch of a project at Neon, made and deleted through Neon's API.
import { existsSync } from "node:fs";
import { WtError } from "../../../errors/wt-error.ts";
import { removeTree } from "../../../os/files.ts";
import type { ResourceObservation } from "../../resource-driver.ts";
import type { BranchServer } from "../branch-server.ts";
import { awaitReady, deleteBranches, freshHelperName, helperName, makeBranch, readOwn, rename, settle, sweep } from "./neon-branches.ts";
import { awaken, completed, exchange, fill, made } from "./neon-content.ts";
import { readNotes } from "./neon-notes.ts";
import { countSessions } from "./neon-session.ts";
import {
  type Begin,
  cleaning,
  connect,
  createBegin,
  endpointOf,
  type NeonDatabaseOptions,
  ownOf,
  type Work,
  wholeOf,
} from "./neon-work.ts";

const shortMs = 20_000;

export function createNeonDatabase(options: NeonDatabaseOptions): BranchServer {
  const begin = createBegin(options);
  return { ...contentVerbs(begin), ...checkpointVerbs(begin), ...stateVerbs(begin) };
}

function contentVerbs(begin: Begin): Pick<BranchServer, "ensure" | "reset" | "remove"> {
  return {
    async ensure(spec, call) {
      call.abort.throwIfAborted();
      const work = await begin(spec, { call });
      await work.api.checkProject(work.waiting.limits);
      const notes = await readNotes(spec);
      const own = await ownOf(work, notes);
      return own.main ? completed(work, own.main, notes) : made(work, own, notes);
    },
    async reset(spec, call) {
      const work = await begin(spec, { call });
      const { main, notes } = await wholeOf(work);
      const before = freshHelperName(spec, "before");
      const parent = await work.api.branch(notes.parentId, work.waiting.limits);
      if (!parent) throw parentGone(work, notes.parentId);
      call.report(`bringing the branch back to ${parent.name}`);
      await exchange(work, main, { notes, source: parent, before, fill: () => fill(work, notes) });
      return connect(spec, notes);
    },
    async remove(spec) {
      const notes = await readNotes(spec);
      const work = await begin(spec, {}).catch((error: unknown) => {
        // Notes are written before anything is asked for: without them nothing was, and no key is needed to say so.
        if (error instanceof WtError && error.code === "neon_key_missing" && !existsSync(spec.directory)) return null;
        throw error;
      });
      if (work === null) return;
      const own = await ownOf(work, notes);
      await deleteBranches(work.api, own.main ? [own.main, ...own.helpers] : own.helpers, work.waiting);
      const left = await ownOf(work, notes);
      if (left.main || left.helpers.length > 0) throw new Error(`the branch ${spec.label} is still there`);
      await removeTree(spec.directory);
    },
  };
}

function checkpointVerbs(begin: Begin): Pick<BranchServer, "checkpoint" | "restore" | "removeCheckpoint"> {
  return {
    async checkpoint(spec, id) {
      const work = await begin(spec, {});
      const { main, own } = await wholeOf(work);
      const name = helperName(spec, "checkpoint", id);
      if (own.helpers.some((branch) => branch.name === name)) throw checkpointTaken(id);
      const made = await makeBranch(work.api, spec, { name, parentId: main.id, endpoint: false, limits: work.waiting.limits });
      try {
        await settle(work.api, made.operations, work.waiting);
        await awaitReady(work.api, made.branch.id, work.waiting);
      } catch (error) {
        await deleteBranches(work.api, [made.branch], cleaning(work));
        throw error;
      }
    },
    async restore(spec, id) {
      const work = await begin(spec, {});
      const { main, own, notes } = await wholeOf(work);
      const source = own.helpers.find((branch) => branch.name === helperName(spec, "checkpoint", id));
      if (!source) throw checkpointAbsent(id);
      await exchange(work, main, { notes, source, before: freshHelperName(spec, "before"), fill: async () => undefined });
    },
    async removeCheckpoint(spec, id) {
      const work = await begin(spec, {});
      const own = await ownOf(work, await readNotes(spec));
      const branch = own.helpers.find((each) => each.name === helperName(spec, "checkpoint", id));
      if (!branch) return;
      // Once restored, our branch is made from it; Neon keeps it until that changes, so it only loses its name.
      await rename(work.api, branch, { name: freshHelperName(spec, "gone"), waiting: work.waiting });
      await sweep(work.api, spec, { ...work.waiting, keep: null });
    },
  };
}

type StateVerbs = "observe" | "connection" | "sleep" | "wake" | "usage" | "adopt" | "close";

function stateVerbs(begin: Begin): Pick<BranchServer, StateVerbs> {
  return {
    async observe(spec) {
      return observe(await begin(spec, { forMs: shortMs }));
    },
    async connection(spec) {
      const notes = await readNotes(spec);
      return notes?.complete ? connect(spec, notes) : null;
    },
    async sleep(spec) {
      const work = await begin(spec, { forMs: shortMs });
      const { main, notes } = await wholeOf(work);
      const endpoint = await endpointOf(work, main.id);
      if (endpoint?.state === "idle") return true;
      if (!endpoint || (await countSessions(notes.url ?? "", work.api.at.place)) > 0) return false;
      await settle(work.api, await work.api.suspendEndpoint(endpoint.id, work.waiting.limits), work.waiting);
      return true;
    },
    async wake(spec) {
      const work = await begin(spec, {});
      const { main } = await wholeOf(work);
      await awaken(work, main.id);
    },
    async usage(spec) {
      const work = await begin(spec, { forMs: shortMs });
      const { main } = await ownOf(work, await readNotes(spec));
      if (!main) return { exclusiveBytes: 0, sharedBytes: 0, how: "there is no branch" };
      const { writtenBytes, logicalBytes } = main;
      return {
        exclusiveBytes: writtenBytes,
        sharedBytes: writtenBytes === null || logicalBytes === null ? null : Math.max(0, logicalBytes - writtenBytes),
        how: "as Neon tells: what was written to the branch in this billing period, and the rest of its size; nothing of it is on this machine",
      };
    },
    adopt: async () => undefined,
    close: async () => undefined,
  };
}

async function observe(work: Work): Promise<ResourceObservation> {
  const { spec, options } = work;
  const notes = await readNotes(spec);
  const own = await readOwn(work.api, spec, { id: notes?.branchId ?? null, limits: work.waiting.limits });
  if (own.foreign) return { state: "foreign", reason: `There is a branch ${spec.label} in the project that is not ours.` };
  if (!own.main) {
    return own.helpers.length === 0 && !notes ? { state: "absent" } : broken("it was left half-made; `wt up` makes it anew.");
  }
  if (notes?.pending) return broken("a reset or restore was cut off; `wt up` brings back what was there before.");
  if (!notes?.complete || notes.url === null) return broken("its password is not known here; `wt up` gives it one.");
  const detail = `${spec.label} in ${options.project} at Neon`;
  const endpoint = await endpointOf(work, own.main.id);
  if (!endpoint) return broken("it has no compute at Neon any more; `wt up` gives it one.");
  return { state: endpoint.state === "idle" ? "asleep" : "ready", detail };
}

function broken(reason: string): ResourceObservation {
  return { state: "broken", reason };
}

function checkpointTaken(id: string): WtError {
  const hints = ["Choose another name."];
  return new WtError({ kind: "refused", code: "checkpoint_exists", message: `There is a checkpoint ${id} already.`, hints });
}

function checkpointAbsent(id: string): WtError {
  return new WtError({ kind: "not_found", code: "checkpoint_absent", message: `There is no checkpoint ${id}.` });
}

function parentGone({ api }: Work, id: string): WtError {
  return new WtError({
    kind: "refused",
    code: "neon_parent_gone",
    message: `${api.at.place}: the branch ${id} that this one was made from is gone, so it cannot be reset.`,
    hints: ["Delete the environment and make it again."],
  });
}
