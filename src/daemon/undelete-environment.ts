// `wt undelete`: a deleted environment comes back under its own names. First its rows, then its branch and its files by renames, then its resources;
// what a crash cuts off is carried on by the next daemon, and what cannot be done is taken back.
import { existsSync } from "node:fs";
import type { DeletedList, DeletedView, PurgeRequest, UndeleteRequest, UndeleteResult } from "../api/deleted.ts";
import type { DeletedRecord, EnvironmentRecord, OperationRecord, ProjectRecord } from "../environment/ledger.ts";
import { hostLabelFor, lowestFreeSlot } from "../environment/slug.ts";
import { WtError } from "../errors/wt-error.ts";
import { deleteBranch } from "../git/branches.ts";
import { createGit, type Git } from "../git/git.ts";
import { pointHeadTo, returnBranch } from "../git/kept-branch.ts";
import { dropRefs, keepWorktree, keptRefs, returnWorktree } from "../git/kept-worktree.ts";
import { filledStamp } from "./environment-observer.ts";
import { callerEnvironment } from "./environment-session.ts";
import { environmentDocument } from "./environment-views.ts";
import { beginOperation, type Call, endOperation, never, runStep } from "./journaled-run.ts";
import { type KeptEnvironment, keepPlace, keptOf } from "./kept-environment.ts";
import { purgeDeleted } from "./kept-upkeep.ts";
import { locate } from "./projects.ts";
import { leasedResources, restResources, reviveResource } from "./resources.ts";
import { claimKeptStack } from "./stack-leases.ts";
import { bringUp } from "./up-environment.ts";
import type { World } from "./world.ts";

export async function undeleteEnvironment(world: World, request: UndeleteRequest, call: Call): Promise<UndeleteResult> {
  const callerEnv = callerEnvironment(request.env);
  const git = createGit(callerEnv);
  const { project } = await locate(world, git, request.cwd);
  const { id } = requireDeleted(world, project, request.name);
  const returned = await world.locks.run(
    `environment:${id}`,
    () => {
      // Another request may have been first.
      const record = requireDeleted(world, project, id);
      return bringBack(world, { git, project, record }, call);
    },
    call.abort,
  );
  const { environment, wasUp } = returned;
  const services = request.up && wasUp ? "all" : "none";
  if (request.up) await bringUp(world, { project, environment, git, callerEnv, services, anew: false, cwd: request.cwd }, call);
  const { removedResources } = returned;
  return { ...(await environmentDocument(world, git, environment.id)), branch: environment.branch, removedResources };
}

export async function listDeleted(world: World, request: { cwd: string; all: boolean }): Promise<DeletedList> {
  const git = createGit(world.env);
  const { project } = request.all ? { project: null } : await locate(world, git, request.cwd);
  const records = world.ledger.deleted(project ? { projectId: project.id } : undefined).toReversed();
  return { schema: 1, deleted: records.flatMap((record) => viewOf(world, record)) };
}

export async function purgeNamed(world: World, request: PurgeRequest, call: Call): Promise<DeletedList> {
  const { project } = await locate(world, createGit(world.env), request.cwd);
  // One whose removal was begun already has no name any more that others may not have.
  const begun = world.ledger.deleted({ projectId: project.id }).find(({ id }) => id === request.name);
  const record = begun ?? requireDeleted(world, project, request.name);
  await purgeDeleted(world, record.id, {
    consent: request.abandon === true,
    command: `wt undelete ${record.id} --purge --abandon`,
    left: (what, reason) => call.emit({ type: "note", message: `${what} was left where it is: ${reason}` }),
  });
  return { schema: 1, deleted: viewOf(world, record) };
}

function viewOf(world: World, record: DeletedRecord): DeletedView[] {
  const { environment, branch, bytes, resources, removedResources, unsavedFiles, state } = keptOf(record);
  const project = world.ledger.project(record.projectId);
  if (state !== "kept" || !project) return [];
  return [
    {
      id: record.id,
      project: project.name,
      slug: environment.slug,
      branch: branch?.name ?? null,
      path: environment.path,
      deletedAt: new Date(record.deletedAtMs).toISOString(),
      until: new Date(record.expiresAtMs).toISOString(),
      bytes,
      unsavedFiles,
      resources: resources.map(({ spec }) => String((spec as { name?: unknown }).name)),
      removedResources,
    },
  ];
}

/** By id, slug or branch; of several the one that was deleted last. */
function requireDeleted(world: World, project: ProjectRecord, name: string): DeletedRecord {
  const records = world.ledger.deleted({ projectId: project.id }).filter((one) => keptOf(one).state === "kept");
  const matching = (test: (kept: KeptEnvironment) => boolean) => records.findLast((one) => test(keptOf(one)));
  const found =
    records.find(({ id }) => id === name) ??
    matching(({ environment }) => environment.slug === name) ??
    matching(({ branch }) => branch?.name === name);
  if (found) return found;
  const names = [...new Set(records.map((one) => keptOf(one).environment.slug))];
  throw new WtError({
    kind: "not_found",
    code: "deleted_unknown",
    message: `Nothing is kept of an environment called ${name} in ${project.name}.`,
    hints: [names.length > 0 ? `There is ${names.slice(-5).join(", ")}; see \`wt undelete\`.` : "Nothing that was deleted is kept."],
  });
}

interface Returning {
  git: Git;
  project: ProjectRecord;
  record: DeletedRecord;
}

interface Returned {
  environment: EnvironmentRecord;
  wasUp: boolean;
  removedResources: string[];
}

async function bringBack(world: World, returning: Returning, call: Call): Promise<Returned> {
  const { project, record } = returning;
  const kept = keptOf(record);
  refuseTaken(world, project, kept);
  call.abort.throwIfAborted();
  const { environment, operation } = claim(world, project, kept);
  try {
    await carryReturn(world, { ...returning, environment, operation }, call);
  } catch (error) {
    await takeBack(world, { ...returning, environment, operation });
    throw error;
  }
  const now = world.ledger.environment(environment.id) ?? environment;
  world.gateway.sync(now.id);
  world.changes.emit(now.id);
  return { environment: now, wasUp: kept.environment.wanted === "up", removedResources: kept.removedResources };
}

function refuseTaken(world: World, project: ProjectRecord, { environment }: KeptEnvironment): void {
  const { slug, path } = environment;
  const other = world.ledger.environments({ projectId: project.id }).find((one) => one.slug === slug || one.path === path);
  if (other) {
    throw new WtError({
      kind: "refused",
      code: "environment_exists",
      message: `There is another environment called ${other.slug} by now.`,
      hints: [
        `Delete that one first (it is kept too, as long): wt delete ${other.slug}`,
        "Then name this one by its id: wt undelete --json",
      ],
    });
  }
  if (!existsSync(path)) return;
  throw new WtError({
    kind: "refused",
    code: "path_exists",
    message: `Something else is at ${path} by now.`,
    hints: ["Move it away, then try again."],
    details: { path },
  });
}

/** One transaction: all rows are there before anything moves, and what is kept keeps its own until everything is back. */
function claim(world: World, project: ProjectRecord, kept: KeptEnvironment): { environment: EnvironmentRecord; operation: string } {
  const { ledger } = world;
  return ledger.transaction(() => {
    const siblings = ledger.environments({ projectId: project.id });
    const slots = new Set(siblings.map(({ slot }) => slot));
    const labels = new Set(ledger.environments().map(({ hostLabel }) => hostLabel));
    const { slug, hostLabel, slot } = kept.environment;
    const environment: EnvironmentRecord = {
      ...kept.environment,
      hostLabel: labels.has(hostLabel) ? hostLabelFor({ slug, project: project.name }, labels) : hostLabel,
      slot: slots.has(slot) ? lowestFreeSlot(slots) : slot,
      wanted: "down",
    };
    const { id } = environment;
    ledger.insertEnvironment(environment);
    ledger.claim({ environmentId: id, kind: "worktree", key: environment.path });
    // In the middle of its return nobody may take it for a create of its own that went wrong.
    for (const { service, port } of kept.ports) ledger.claim({ environmentId: id, kind: "port", key: String(port), data: { service } });
    claimKeptStack(world, id, kept);
    for (const data of kept.resources) {
      const { name } = data.spec as { name: string };
      ledger.claim({ environmentId: id, kind: "resource", key: `${id}/${name}`, data });
    }
    for (const { step, hash } of stampsOf(kept)) ledger.putSetupStamp({ environmentId: id, step, hash });
    return { environment, operation: beginOperation(world, { environmentId: id, kind: "undelete" }) };
  });
}

/** What was thrown away is made again: then nothing counts as set up. */
function stampsOf({ stamps, dropped }: KeptEnvironment): KeptEnvironment["stamps"] {
  const madeAgain = (dropped ?? []).length > 0;
  return stamps.filter(({ step }) => !madeAgain || (step.startsWith("worldtree:") && step !== filledStamp));
}

interface Carrying extends Returning {
  environment: EnvironmentRecord;
  operation: string;
}

/** Each step is idempotent: the next daemon does them all again. */
async function carryReturn(world: World, carrying: Carrying, call: Call): Promise<void> {
  const { git, project, record, environment, operation } = carrying;
  const kept = keptOf(record);
  const place = { root: project.root, path: environment.path, keep: keepPlace(project, environment.id) };
  const calm: Call = { ...call, abort: never() };
  if (kept.branch) {
    const { name, commit, settings } = kept.branch;
    const work = async () => {
      // What an earlier attempt chose holds.
      const chosen = await returnBranch(git, { root: project.root, branch: environment.branch ?? name, commit, settings });
      world.ledger.transaction(() => {
        world.ledger.updateEnvironment(environment.id, { branch: chosen.branch });
        if (chosen.made) world.ledger.advanceOperation(operation, "branch", { made: chosen.branch, commit });
      });
      if (chosen.branch !== name)
        call.emit({ type: "note", message: `${name} is in use or has moved on; its work is on ${chosen.branch}.` });
    };
    await runStep(world, calm, { operation, step: "branch", label: `Bring back the branch ${name}`, work });
  }
  const returnFiles = async () => {
    await returnWorktree(git, place);
    const branch = world.ledger.environment(environment.id)?.branch ?? null;
    if (kept.branch && branch !== null && branch !== kept.branch.name)
      await pointHeadTo(git, environment.path, { from: kept.branch.name, branch });
    world.ledger.transaction(() => {
      const [lease] = world.ledger.leases({ environmentId: environment.id, kind: "worktree" });
      if (lease) world.ledger.updateLease(lease.id, { state: "present" });
      world.ledger.dropDeleted(environment.id);
    });
    await dropRefs(git, project.root, keptRefs(environment.id));
  };
  await runStep(world, calm, { operation, step: "return", label: "Bring back the worktree", work: returnFiles });
  await reviveAll(world, environment, { operation, call: calm });
  endOperation(world, { id: operation, environmentId: environment.id });
}

/** One that does not come back now is made whole by the next `wt up`, which says why not. */
async function reviveAll(
  world: World,
  environment: EnvironmentRecord,
  { operation, call }: { operation: string; call: Call },
): Promise<void> {
  for (const leased of leasedResources(world, environment.id).filter(({ connection }) => connection === null)) {
    const { name } = leased.spec;
    const work = () =>
      reviveResource(world, environment, { leased, abort: call.abort }).catch((error: unknown) => {
        call.emit({ type: "note", message: `${name} is not back yet: ${WtError.from(error).message} Run \`wt up\` there.` });
      });
    await runStep(world, call, { operation, step: `revive:${name}`, label: `Bring back ${name}`, work });
  }
  await restResources(world, environment.id);
}

/** As if nothing had been asked. What is back already, because its own row is gone, stays. */
async function takeBack(world: World, { git, project, environment, operation }: Carrying): Promise<void> {
  const { ledger } = world;
  if (!ledger.deletedRecord(environment.id)) return endOperation(world, { id: operation, environmentId: environment.id });
  const made = ledger.operations({ environmentId: environment.id }).find(({ id }) => id === operation)?.data ?? {};
  const place = { root: project.root, path: environment.path, keep: keepPlace(project, environment.id) };
  try {
    if (existsSync(environment.path)) await keepWorktree(git, place);
  } catch (error) {
    // Without its rows nobody would know of it any more: with them the next daemon carries the return on.
    return world.report(error);
  }
  if (typeof made.made === "string" && typeof made.commit === "string") {
    await deleteBranch(git, { root: project.root, branch: made.made, expectedCommit: made.commit }).catch(world.report);
  }
  ledger.transaction(() => {
    for (const one of ledger.operations({ environmentId: environment.id })) ledger.endOperation(one.id);
    for (const lease of ledger.leases({ environmentId: environment.id })) ledger.release(lease.id);
    ledger.deleteEnvironment(environment.id);
  });
  world.gateway.forget(environment.id);
}

/** Carries on, under its lock, what a crash cut off. */
export async function resumeUndelete(
  world: World,
  operation: OperationRecord,
  found: { project: ProjectRecord; environment: EnvironmentRecord },
): Promise<void> {
  const { environment, project } = found;
  const git = createGit(world.env);
  const call: Call = { emit: () => undefined, abort: never() };
  const record = world.ledger.deletedRecord(environment.id);
  if (!record) {
    await dropRefs(git, project.root, keptRefs(environment.id));
    await reviveAll(world, environment, { operation: operation.id, call });
    return endOperation(world, { id: operation.id, environmentId: environment.id });
  }
  const carrying = { git, project, record, environment, operation: operation.id };
  try {
    await carryReturn(world, carrying, call);
  } catch (error) {
    await takeBack(world, carrying);
    throw error;
  }
}
