// Branches at Neon that are ours: how they are named, how it is proven that they are ours, and what is made of them. The branch of an environment
// bears its label; it is made under another name and renamed at the end, so that what bears the label is whole. Everything else carries a digest of
// the nonce in its name, which nobody else knows.
import { WtError } from "../../../errors/wt-error.ts";
import type { ResourceSpec } from "../../resource-driver.ts";
import type { NeonApi, NeonBranch, NeonOperation, NewBranch } from "./neon-api.ts";
import { type Limits, UncertainOutcome, unreachable } from "./neon-link.ts";

export type HelperKind = "making" | "checkpoint" | "before" | "gone";

export interface OwnBranches {
  /** The environment's branch, whole. */
  main: NeonBranch | null;
  /** Something else bears our label. */
  foreign: NeonBranch | null;
  helpers: NeonBranch[];
}

/** The key of a branch's annotation that holds our nonce. */
const annotationKey = "worldtree";

export function helperName({ label, nonce }: ResourceSpec, kind: HelperKind, id: string): string {
  return `${label}.${new Bun.CryptoHasher("sha256").update(nonce).digest("hex").slice(0, 16)}.${kind}.${id}`;
}

export function freshHelperName(spec: ResourceSpec, kind: HelperKind): string {
  return helperName(spec, kind, crypto.randomUUID().slice(0, 8));
}

export function helperKind(spec: ResourceSpec, { name }: NeonBranch): HelperKind | null {
  const kinds: HelperKind[] = ["making", "checkpoint", "before", "gone"];
  return kinds.find((kind) => name.startsWith(helperName(spec, kind, ""))) ?? null;
}

/** `knownId`: what Neon itself told us when we made the branch. */
export async function readOwn(api: NeonApi, spec: ResourceSpec, known: { id: string | null; limits: Limits }): Promise<OwnBranches> {
  const found = await api.branches(spec.label, known.limits);
  const own: OwnBranches = { main: null, foreign: null, helpers: [] };
  for (const branch of found) {
    const ours = branch.annotation[annotationKey] === spec.nonce || branch.id === known.id;
    if (branch.name === spec.label && ours) own.main = branch;
    else if (branch.name === spec.label) own.foreign = branch;
    else if (helperKind(spec, branch) !== null) own.helpers.push(branch);
  }
  return own;
}

export interface Made {
  branch: NeonBranch;
  operations: NeonOperation[];
}

/** Makes a branch; where the answer was lost, looks whether it is there. */
export async function makeBranch(
  api: NeonApi,
  spec: ResourceSpec,
  wanted: Omit<NewBranch, "annotation"> & { limits: Limits },
): Promise<Made> {
  const { limits, ...branch } = wanted;
  const asked = { ...branch, annotation: { [annotationKey]: spec.nonce } };
  const operations = await api.createBranch(asked, limits).catch((error: unknown) => {
    if (error instanceof UncertainOutcome) return [];
    throw error;
  });
  const there = (await api.branches(branch.name, limits)).find((each) => each.name === branch.name);
  if (there) return { branch: there, operations };
  throw unreachable(api.at, { what: `make the branch ${branch.name}` }, new Error("no answer came, and the branch is not there"));
}

/** Waits for the operations, telling each change; then for the branch itself where no operation told. */
export async function settle(api: NeonApi, operations: NeonOperation[], { limits, report }: Waiting): Promise<void> {
  for (const operation of operations) {
    for (let now: NeonOperation | null = operation, told = "", attempt = 0; now !== null && now.status !== "finished"; attempt++) {
      if (now.status === "skipped") break;
      if (["failed", "error", "cancelled"].includes(now.status)) throw operationFailure(api, now);
      if (now.status !== told) report(`Neon: ${now.action} is ${now.status}`);
      told = now.status;
      if (api.at.clock.now() >= limits.untilMs) throw operationLate(api, now);
      await api.at.clock.sleep(api.at.pollMs * Math.min(10, 1 + attempt), limits.abort);
      now = await api.operation(now.id, limits);
    }
  }
}

export interface Waiting {
  limits: Limits;
  report: (line: string) => void;
}

/** A branch that is being made or reset serves nobody yet. */
export async function awaitReady(api: NeonApi, id: string, { limits, report }: Waiting): Promise<NeonBranch> {
  for (let attempt = 0; ; attempt++) {
    const branch = await api.branch(id, limits);
    if (!branch) throw unreachable(api.at, { what: "make the branch ready" }, new Error("it disappeared"));
    if (branch.state === "ready" || branch.state === "archived") return branch;
    if (attempt === 0) report(`Neon: the branch is ${branch.state}`);
    if (api.at.clock.now() >= limits.untilMs) throw operationLate(api, { action: branch.state });
    await api.at.clock.sleep(api.at.pollMs * Math.min(10, 1 + attempt), limits.abort);
  }
}

/** Deletes these branches of ours, children first. Throws `WtError` (`refused`) for one that a person protected or made the default. */
export async function deleteBranches(api: NeonApi, branches: NeonBranch[], waiting: Waiting): Promise<void> {
  const guarded = branches.find((branch) => branch.default || branch.protected);
  if (guarded) throw guardedRefusal(api, guarded);
  const left = new Map(branches.map((branch) => [branch.id, branch]));
  while (left.size > 0) {
    const leaves = [...left.values()].filter((branch) => ![...left.values()].some((other) => other.parentId === branch.id));
    for (const branch of leaves.length > 0 ? leaves : [...left.values()]) {
      await deleteBranch(api, branch, waiting);
      left.delete(branch.id);
    }
  }
}

async function deleteBranch(api: NeonApi, branch: NeonBranch, waiting: Waiting): Promise<void> {
  waiting.report(`Neon: deleting ${branch.name}`);
  await settle(api, await api.deleteBranch(branch.id, waiting.limits), waiting);
  // Believed when it is seen.
  for (let attempt = 0; await api.branch(branch.id, waiting.limits); attempt++) {
    if (api.at.clock.now() >= waiting.limits.untilMs) throw operationLate(api, { action: `deleting ${branch.name}` });
    await api.at.clock.sleep(api.at.pollMs * Math.min(10, 1 + attempt), waiting.limits.abort);
  }
}

/**
 * Puts the content of another branch in the place of this one's. What was there stays as a branch of that name, with the branches made from it:
 * Neon demands that where there are any. Endpoint, host and id stay.
 */
export async function restoreFrom(
  api: NeonApi,
  branch: NeonBranch,
  how: { source: NeonBranch; preserveUnder: string; waiting: Waiting },
): Promise<void> {
  const wanted = { sourceId: how.source.id, preserveUnder: how.preserveUnder };
  const operations = await api.restoreBranch(branch.id, wanted, how.waiting.limits).catch(async (error: unknown) => {
    if (!(error instanceof UncertainOutcome)) throw error;
    const kept = (await api.branches(how.preserveUnder, how.waiting.limits)).some((each) => each.name === how.preserveUnder);
    if (!kept) throw unreachable(api.at, { what: "restore the branch" }, error);
    return [];
  });
  await settle(api, operations, how.waiting);
  await awaitReady(api, branch.id, how.waiting);
}

/** Gives a branch another name; where the answer was lost, looks which one it has. */
export async function rename(api: NeonApi, branch: NeonBranch, { name, waiting }: { name: string; waiting: Waiting }): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await settle(api, await api.renameBranch(branch.id, name, waiting.limits), waiting);
    } catch (error) {
      if (!(error instanceof UncertainOutcome)) throw error;
      const now = await api.branch(branch.id, waiting.limits);
      if (now?.name === name) return;
      if (attempt > 2) throw unreachable(api.at, { what: `rename a branch to ${name}` }, error);
    }
  }
}

/** Deletes what restores left behind, as far as nothing is made from it; what stays is tried again next time. */
export async function sweep(api: NeonApi, spec: ResourceSpec, waiting: Waiting & { keep: string | null }): Promise<void> {
  for (;;) {
    const { main, helpers } = await readOwn(api, spec, { id: null, limits: waiting.limits });
    const all = main ? [main, ...helpers] : helpers;
    const done = helpers.filter(
      (branch) =>
        ["before", "gone"].includes(helperKind(spec, branch) ?? "") &&
        branch.name !== waiting.keep &&
        !branch.default &&
        !branch.protected &&
        !all.some((other) => other.parentId === branch.id),
    );
    if (done.length === 0) return;
    await deleteBranches(api, done, waiting);
  }
}

function operationFailure({ at }: NeonApi, { action, status, error }: NeonOperation): WtError {
  return new WtError({
    kind: "machine",
    code: "neon_operation_failed",
    message: `${at.place}: Neon's operation ${action} ${status === "cancelled" ? "was cancelled" : "failed"}${error ? `: ${error.replace(/\.$/, "")}` : ""}.`,
    hints: ["Try again; https://neonstatus.com tells of outages."],
  });
}

function operationLate({ at }: NeonApi, { action }: { action: string }): WtError {
  return new WtError({
    kind: "machine",
    code: "neon_slow",
    message: `${at.place}: Neon did not come to an end with ${action} in time.`,
    hints: ["Try again in a moment."],
  });
}

function guardedRefusal({ at }: NeonApi, { name, protected: guarded }: NeonBranch): WtError {
  return new WtError({
    kind: "refused",
    code: "neon_branch_protected",
    message: `${at.place}: the branch ${name} at Neon is ${guarded ? "protected" : "the project's default branch"} now, so it is not deleted.`,
    hints: ["Take that back in Neon's console, then try again."],
  });
}
