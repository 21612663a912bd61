// How the content of a branch at Neon is made, exchanged and brought back, so that what fails or is cut off leaves a whole branch or none.
import { removeTree } from "../../../os/files.ts";
import type { ResourceConnection } from "../../resource-driver.ts";
import type { NeonBranch } from "./neon-api.ts";
import {
  awaitReady,
  deleteBranches,
  freshHelperName,
  makeBranch,
  type OwnBranches,
  rename,
  restoreFrom,
  settle,
  sweep,
} from "./neon-branches.ts";
import { UncertainOutcome, unreachable } from "./neon-link.ts";
import { type NeonNotes, passwordOf, withPassword, writeNotes } from "./neon-notes.ts";
import { chooseContent } from "./neon-parent.ts";
import { setOwnPassword } from "./neon-session.ts";
import { cleaning, connect, endpointOf, ownOf, type Work } from "./neon-work.ts";

/** Makes the branch under another name, fills it, and renames it last. Whatever fails, nothing is left. */
export async function made(work: Work, own: OwnBranches, before: NeonNotes | null): Promise<ResourceConnection> {
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
    await rename(api, branch, { name: spec.label, waiting: cleaning(work) });
    await writeNotes(spec, { ...notes, complete: true });
    return connect(spec, notes);
  } catch (error) {
    await discard(work, notes);
    throw error;
  }
}

/** A branch that is there gets what it lacks: what was there before a reset that was cut off, a compute, a password. */
export async function completed(work: Work, main: NeonBranch, notes: NeonNotes | null): Promise<ResourceConnection> {
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
  const anew = await awaken(work, main.id);
  // Another compute has another host.
  if (anew && now.url !== null) {
    const uri = await api.connectionUri({ branchId: main.id, database: now.database, role: now.role }, waiting.limits);
    now.url = withPassword(uri, passwordOf(now));
  }
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

export interface Exchange {
  notes: NeonNotes;
  source: NeonBranch;
  /** Name of the branch that keeps what is there now. */
  before: string;
  fill: () => Promise<void>;
}

/** Puts another branch's content in the place of ours; what fails brings back what was there. */
export async function exchange(work: Work, main: NeonBranch, { notes, source, before, fill: refill }: Exchange): Promise<void> {
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

export async function fill(work: Work, notes: NeonNotes): Promise<void> {
  const { call, spec, options } = work;
  for (const key of ["migrate", "seed"] as const) {
    const command = options[key];
    if (command === null || !call) continue;
    call.report(`${key}: ${command}`);
    await call.run(command, connect(spec, notes).variables);
    call.abort.throwIfAborted();
  }
}

/** True: it had no compute any more and got a new one. */
export async function awaken(work: Work, branchId: string): Promise<boolean> {
  const { api, waiting } = work;
  const endpoint = await endpointOf(work, branchId);
  if (endpoint && endpoint.state !== "idle") return false;
  if (endpoint) {
    await settle(api, await api.startEndpoint(endpoint.id, waiting.limits), waiting);
    return false;
  }
  const operations = await api.createEndpoint(branchId, waiting.limits).catch(async (error: unknown) => {
    if (!(error instanceof UncertainOutcome)) throw error;
    if (await endpointOf(work, branchId)) return [];
    throw unreachable(api.at, { what: "make a compute endpoint" }, error);
  });
  await settle(api, operations, waiting);
  return true;
}

/** After a failure: everything of ours goes, even where the caller no longer waits. */
async function discard(work: Work, notes: NeonNotes): Promise<void> {
  const after = { ...work, waiting: cleaning(work) };
  const own = await ownOf(after, notes);
  await deleteBranches(after.api, own.main ? [own.main, ...own.helpers] : own.helpers, after.waiting);
  await removeTree(work.spec.directory);
}
