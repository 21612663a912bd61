// `remote: neon`: each environment has a branch of a project at Neon, made and deleted through Neon's API.
import { WtError } from "../../../errors/wt-error.ts";
import type { Clock } from "../../../os/clock.ts";
import { removeTree } from "../../../os/files.ts";
import type { ResourceCall, ResourceConnection, ResourceObservation, ResourceSpec } from "../../resource-driver.ts";
import type { BranchServer } from "../branch-server.ts";
import { connectionOf } from "../connection.ts";
import { postgresOptions } from "../postgres-options.ts";
import { sharedLogin } from "../shared-database.ts";
import { createNeonApi, type NeonApi, type NeonBranch } from "./neon-api.ts";
import {
  awaitReady,
  deleteBranches,
  freshHelperName,
  helperName,
  makeBranch,
  type OwnBranches,
  readOwn,
  restoreFrom,
  settle,
  sweep,
  type Waiting,
} from "./neon-branches.ts";
import { createKeyRing } from "./neon-key.ts";
import type { Limits } from "./neon-link.ts";
import { type NeonNotes, passwordOf, readNotes, withPassword, writeNotes } from "./neon-notes.ts";
import type { RemoteOptions } from "./neon-options.ts";
import { chooseContent } from "./neon-parent.ts";
import { countSessions, setOwnPassword } from "./neon-session.ts";

export interface NeonDatabaseOptions {
  clock: Clock;
  /** The daemon's own variables, where the key may be. */
  env: Readonly<Record<string, string>>;
  configDirectory: string | null;
  /** Only tests have another than Neon's. */
  apiUrl?: string;
  pollMs?: number;
}

const neonApiUrl = "https://console.neon.tech/api/v2";
const longMs = 5 * 60_000;
const shortMs = 20_000;

interface Work {
  spec: ResourceSpec;
  options: RemoteOptions;
  api: NeonApi;
  waiting: Waiting;
  call: ResourceCall | null;
}

type Begin = (spec: ResourceSpec, how: { call?: ResourceCall; forMs?: number }) => Promise<Work>;

export function createNeonDatabase({ clock, env, configDirectory, apiUrl = neonApiUrl, pollMs = 500 }: NeonDatabaseOptions): BranchServer {
  const keys = createKeyRing({ env, configDirectory });
  const begin: Begin = async (spec, { call, forMs = longMs }) => {
    const options = remoteOptions(spec);
    const place = `resources.${spec.name}`;
    keys.remember(options.keyVariable, call?.env);
    const key = await keys.find(options.keyVariable, place);
    const at = { apiUrl, key, keyVariable: options.keyVariable, project: options.project, place, clock, pollMs };
    const limits: Limits = { untilMs: clock.now() + forMs, ...(call ? { abort: call.abort } : {}) };
    return { spec, options, api: createNeonApi(at), waiting: { limits, report: call?.report ?? quiet }, call: call ?? null };
  };
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
      // Without a trace here and without a key there is nothing that could be told apart from nothing.
      const work = await begin(spec, {});
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
      await settle(work.api, await work.api.renameBranch(branch.id, freshHelperName(spec, "gone"), work.waiting.limits), work.waiting);
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

/** Makes the branch under another name, fills it, and renames it last. Whatever fails, nothing is left. */
async function made(work: Work, own: OwnBranches, before: NeonNotes | null): Promise<ResourceConnection> {
  const { spec, api, waiting } = work;
  await deleteBranches(api, own.helpers, waiting);
  const chosen = await chooseContent(api, work.options, waiting.limits);
  if (!before) waiting.report(`Neon: making a branch of ${chosen.parent.name}`);
  const { parent, role, database } = chosen;
  const notes: NeonNotes = {
    schema: 1,
    nonce: spec.nonce,
    branchId: null,
    parentId: parent.id,
    role,
    database,
    url: null,
    pending: null,
    complete: false,
  };
  try {
    await writeNotes(spec, notes);
    const name = freshHelperName(spec, "making");
    const { branch, operations } = await makeBranch(api, spec, { name, parentId: parent.id, endpoint: true, limits: waiting.limits });
    notes.branchId = branch.id;
    await writeNotes(spec, notes);
    await settle(api, operations, waiting);
    await awaitReady(api, branch.id, waiting);
    await givePassword(work, notes, branch.id);
    await fill(work, notes);
    work.call?.abort.throwIfAborted();
    await settle(api, await api.renameBranch(branch.id, spec.label, waiting.limits), {
      ...waiting,
      limits: { untilMs: waiting.limits.untilMs },
    });
    await writeNotes(spec, { ...notes, complete: true });
    return connect(spec, notes);
  } catch (error) {
    await discard(work, notes);
    throw error;
  }
}

/** A branch that is there gets what it lacks: what was there before a reset that was cut off, a compute, a password. */
async function completed(work: Work, main: NeonBranch, notes: NeonNotes | null): Promise<ResourceConnection> {
  const { spec, api, waiting, options } = work;
  await awaitReady(api, main.id, waiting);
  let now = notes;
  if (!now) {
    const { parent, role, database } = await chooseContent(api, options, waiting.limits);
    now = {
      schema: 1,
      nonce: spec.nonce,
      branchId: main.id,
      parentId: parent.id,
      role,
      database,
      url: null,
      pending: null,
      complete: false,
    };
  }
  await awaken(work, main.id);
  if (now.pending) await bringBack(work, main, now);
  if (now.url === null) await givePassword(work, now, main.id);
  now.complete = true;
  await writeNotes(spec, now);
  await sweep(api, spec, { ...waiting, keep: null });
  return connect(spec, now);
}

async function givePassword({ spec, api, waiting }: Work, notes: NeonNotes, branchId: string): Promise<void> {
  waiting.report(`Neon: giving ${notes.role} a password of its own`);
  const uri = await api.connectionUri({ branchId, database: notes.database, role: notes.role }, waiting.limits);
  const { password, operations } = await api.resetPassword(branchId, notes.role, waiting.limits);
  await settle(api, operations, waiting);
  notes.branchId = branchId;
  notes.url = withPassword(uri, password);
  await writeNotes(spec, notes);
}

interface Exchange {
  notes: NeonNotes;
  source: NeonBranch;
  /** Name of the branch that keeps what is there now. */
  before: string;
  fill: () => Promise<void>;
}

/** Puts another branch's content in the place of ours; what fails brings back what was there. */
async function exchange(work: Work, main: NeonBranch, { notes, source, before, fill: refill }: Exchange): Promise<void> {
  const { spec, api, waiting } = work;
  waiting.limits.abort?.throwIfAborted();
  notes.pending = before;
  await writeNotes(spec, notes);
  try {
    await restoreFrom(api, main, { source, preserveUnder: before, waiting });
    await keepPassword(work, main.id, notes);
    await refill();
    waiting.limits.abort?.throwIfAborted();
  } catch (error) {
    await bringBack({ ...work, waiting: cleaning(work) }, main, notes);
    throw error;
  }
  notes.pending = null;
  await writeNotes(spec, notes);
  await sweep(api, spec, { ...cleaning(work), keep: null });
}

async function bringBack(work: Work, main: NeonBranch, notes: NeonNotes): Promise<void> {
  const { spec, api, waiting } = work;
  const own = await ownOf(work, notes);
  const source = own.helpers.find((branch) => branch.name === notes.pending);
  // Not there: the restore never began, and everything is as it was.
  if (source) {
    const preserveUnder = freshHelperName(spec, "gone");
    await awaitReady(api, main.id, waiting);
    await restoreFrom(api, main, { source, preserveUnder, waiting });
    await keepPassword(work, main.id, notes);
  }
  notes.pending = null;
  await writeNotes(spec, notes);
  await sweep(api, spec, { ...waiting, keep: null });
}

/** A restore brings the source's password with it; the environment's own comes back, since its URL must not change. */
async function keepPassword({ api, waiting }: Work, branchId: string, notes: NeonNotes): Promise<void> {
  if (notes.url === null) return;
  const { password, operations } = await api.resetPassword(branchId, notes.role, waiting.limits);
  await settle(api, operations, waiting);
  await setOwnPassword(withPassword(notes.url, password), passwordOf(notes), api.at.place);
}

async function fill(work: Work, notes: NeonNotes): Promise<void> {
  const { call, spec, options } = work;
  for (const key of ["migrate", "seed"] as const) {
    const command = options[key];
    if (command === null || !call) continue;
    call.report(`${key}: ${command}`);
    await call.run(command, connect(spec, notes).variables);
    call.abort.throwIfAborted();
  }
}

async function awaken(work: Work, branchId: string): Promise<void> {
  const { api, waiting } = work;
  const endpoint = await endpointOf(work, branchId);
  if (endpoint && endpoint.state !== "idle") return;
  const start = endpoint ? api.startEndpoint(endpoint.id, waiting.limits) : api.createEndpoint(branchId, waiting.limits);
  await settle(api, await start, waiting);
}

async function endpointOf({ api, waiting }: Work, branchId: string) {
  return (await api.endpoints(branchId, waiting.limits)).find((endpoint) => endpoint.type === "read_write") ?? null;
}

/** After a failure: everything of ours goes, even where the caller no longer waits. */
async function discard(work: Work, notes: NeonNotes): Promise<void> {
  const after = { ...work, waiting: cleaning(work) };
  const own = await ownOf(after, notes);
  await deleteBranches(after.api, own.main ? [own.main, ...own.helpers] : own.helpers, after.waiting);
  await removeTree(work.spec.directory);
}

/** Cleaning up has its own time and is not aborted. */
function cleaning({ api, waiting }: Work): Waiting {
  return { limits: { untilMs: api.at.clock.now() + longMs }, report: waiting.report };
}

async function ownOf({ api, spec, waiting }: Work, notes: NeonNotes | null): Promise<OwnBranches> {
  const own = await readOwn(api, spec, { id: notes?.branchId ?? null, limits: waiting.limits });
  if (!own.foreign) return own;
  throw new WtError({
    kind: "refused",
    code: "database_foreign",
    message: `${api.at.place}: there is a branch ${spec.label} in the project ${api.at.project} that is not ours.`,
    hints: ["Nothing was changed. Rename or delete it in Neon's console if it is no longer needed."],
  });
}

async function wholeOf(work: Work): Promise<{ main: NeonBranch; own: OwnBranches; notes: NeonNotes }> {
  const notes = await readNotes(work.spec);
  const own = await ownOf(work, notes);
  if (own.main && notes?.complete && notes.pending === null) return { main: own.main, own, notes };
  throw new WtError({
    kind: "not_found",
    code: "database_absent",
    message: `The branch ${work.spec.label} at Neon ${own.main ? "is not whole" : "does not exist"}.`,
    hints: ["Run `wt up`."],
  });
}

function connect(spec: ResourceSpec, notes: NeonNotes): ResourceConnection {
  return connectionOf(sharedLogin(notes.url ?? ""), remoteOptions(spec).variable);
}

function remoteOptions(spec: ResourceSpec): RemoteOptions {
  const options = postgresOptions(spec.options);
  if (options.mode !== "remote") throw new Error(`the resource ${spec.name} is not remote`);
  return options;
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

function quiet(): void {
  // Nobody waits for progress.
}
