// Checkpoints: the content of all of an environment's resources under one name. Each resource's lease says which it holds; the entry is
// written before the driver makes it and removed after the driver has removed it.
import type {
  CheckpointList,
  CheckpointRequest,
  CheckpointResult,
  CheckpointView,
  RemoveCheckpointRequest,
  ResourceDocument,
  RestoreRequest,
} from "../api/resources.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { type JsonValue, WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { emptyConfig } from "./empty-config.ts";
import { callerEnvironment, type EnvironmentSession } from "./environment-session.ts";
import { fileEntries } from "./file-checkpoints.ts";
import { type Call, runStep } from "./journaled-run.ts";
import { locateTarget } from "./projects.ts";
import { made, noResources } from "./resource-choice.ts";
import { aroundServices, finished, refuseShared, trustedSession, underLock } from "./resource-operations.ts";
import { driverOf, type LeasedResource, leasedResources } from "./resources.ts";
import { takeAtOnce } from "./take-checkpoint.ts";
import type { World } from "./world.ts";

export async function createCheckpoint(world: World, request: CheckpointRequest, call: Call): Promise<CheckpointResult> {
  const { environment } = await locateTarget(world, createGit(world.env), request.target);
  if (request.id !== null) requireId(request.id);
  return underLock(world, { environment, kind: "checkpoint", call }, async (operation) => {
    const { held, leftOut } = await holders(world, environment);
    const createdAtMs = world.clock.now();
    const id = freeId(world, environment, { wanted: request.id, createdAtMs });
    const entry: Entry = { id, createdAtMs, state: "intended" };
    const taken: string[] = [];
    try {
      const work = async () => {
        putEntries(world, environment, { entry, names: held });
        const report = (message: string) => call.emit({ type: "note", message });
        const refusals = await takeAtOnce(world, environment, {
          id,
          resources: holdersOf(world, environment, held),
          abort: call.abort,
          report,
        });
        leftOut.push(...refusals);
        taken.push(...held.filter((name) => !refusals.some(({ resource }) => resource === name)));
      };
      await runStep(world, call, { operation, step: "checkpoint", label: `Keep ${held.join(", ")} as ${id}`, work });
      call.abort.throwIfAborted();
    } catch (error) {
      await dropCheckpoint(world, environment, { id }).catch(world.report);
      throw error;
    }
    putEntries(world, environment, { entry: { ...entry, state: "present" }, names: taken });
    await settleCheckpoints(world, environment);
    for (const { resource, reason } of leftOut) call.emit({ type: "note", message: `${resource} is not in the checkpoint: ${reason}` });
    const checkpoint = { id, createdAt: new Date(createdAtMs).toISOString(), resources: taken };
    return { schema: 1, environment: environment.slug, checkpoint, leftOut };
  });
}

export async function restoreCheckpoint(world: World, request: RestoreRequest, call: Call): Promise<ResourceDocument> {
  const session = request.restart ? await trustedSession(world, request) : await plainSession(world, request);
  const { environment } = session;
  const done = await underLock(world, { environment, kind: "restore", call }, async (operation) => {
    const names = requireCheckpoint(world, environment, request.id).resources;
    for (const one of holdersOf(world, environment, names)) await refuseShared(world, environment, made(one, environment));
    return aroundServices(world, { session, operation, call, restart: request.restart }, async () => {
      const work = () => restoreAll(world, environment, { id: request.id, names });
      await runStep(world, call, { operation, step: "restore", label: `Bring ${names.join(", ")} back to ${request.id}`, work });
      return names;
    });
  });
  return finished(world, { session, call, ...done });
}

export async function removeCheckpoint(world: World, request: RemoveCheckpointRequest, call: Call): Promise<CheckpointList> {
  const { environment } = await locateTarget(world, createGit(world.env), request.target);
  // No journal row: the entry says that it is being removed, and a full disk must not stop what frees space.
  await world.locks.run(
    `environment:${environment.id}`,
    async () => {
      requireCheckpoint(world, environment, request.id);
      await dropCheckpoint(world, environment, { id: request.id });
    },
    call.abort,
  );
  return checkpointList(world, environment);
}

export async function listCheckpoints(world: World, request: { target: CheckpointRequest["target"] }): Promise<CheckpointList> {
  const { environment } = await locateTarget(world, createGit(world.env), request.target);
  return checkpointList(world, environment);
}

/** At daemon start: what a crash left half made or half removed goes. */
export async function settleCheckpoints(world: World, environment: EnvironmentRecord): Promise<void> {
  const unfinished = leasedResources(world, environment.id).flatMap((one) => entriesOf(one).filter((entry) => entry.state !== "present"));
  for (const id of new Set(unfinished.map((entry) => entry.id))) await dropCheckpoint(world, environment, { id, unfinished: true });
}

/** Ids of whole checkpoints, for completion. */
export function checkpointIds(world: World, environmentId: string): string[] {
  return checkpointViews(world, environmentId).map((one) => one.id);
}

export interface Entry {
  id: string;
  createdAtMs: number;
  state: "intended" | "present" | "removing";
}

function entriesOf(one: LeasedResource): Entry[] {
  // Written by `putEntries` below; the ledger keeps JSON as it was given.
  return (one.lease.data.checkpoints ?? []) as unknown as Entry[];
}

export function holdersOf(world: World, environment: EnvironmentRecord, names: readonly string[]): LeasedResource[] {
  return leasedResources(world, environment.id).filter(({ spec }) => names.includes(spec.name));
}

/** One transaction: all resources have the entry, or none. */
export function putEntries(world: World, environment: EnvironmentRecord, put: { entry: Entry; names: readonly string[] }): void {
  world.ledger.transaction(() => {
    for (const one of holdersOf(world, environment, put.names)) {
      writeEntries(world, one, [...entriesOf(one).filter(({ id }) => id !== put.entry.id), put.entry]);
    }
  });
}

function writeEntries(world: World, one: LeasedResource, entries: Entry[]): void {
  world.ledger.updateLease(one.lease.id, { data: { ...one.lease.data, checkpoints: entries as unknown as JsonValue[] } });
}

/** Which resources a checkpoint can hold, and why not the others. Throws `WtError` when it would hold nothing. */
async function holders(world: World, environment: EnvironmentRecord): Promise<{ held: string[]; leftOut: CheckpointResult["leftOut"] }> {
  const leased = leasedResources(world, environment.id);
  if (leased.length === 0) throw noResources(environment);
  const reasons = await Promise.all(leased.map(async (one) => ({ resource: one.spec.name, reason: await reasonAgainst(world, one) })));
  const leftOut = reasons.flatMap(({ resource, reason }) => (reason === null ? [] : [{ resource, reason }]));
  const held = reasons.filter(({ reason }) => reason === null).map(({ resource }) => resource);
  if (held.length > 0) return { held, leftOut };
  throw new WtError({
    kind: "refused",
    code: "nothing_to_checkpoint",
    message: `None of the resources of ${environment.slug} can be kept: ${leftOut.map((one) => `${one.resource} (${one.reason})`).join(" ")}`,
  });
}

export async function reasonAgainst(world: World, one: LeasedResource): Promise<string | null> {
  const driver = driverOf(world, one.type);
  if (!driver.features.checkpoints) return `resources of type ${one.type} have no checkpoints.`;
  if (one.connection === null) return "it was not made to its end.";
  const { state } = await driver.observe(one.spec);
  if (state === "shared") return "everybody shares it.";
  return null;
}

export async function restoreAll(
  world: World,
  environment: EnvironmentRecord,
  wanted: { id: string; names: readonly string[] },
): Promise<void> {
  const resources = holdersOf(world, environment, wanted.names);
  const outcomes = await Promise.allSettled(resources.map((one) => driverOf(world, one.type).restore(one.spec, wanted.id)));
  const failures = outcomes.flatMap((outcome, index) =>
    outcome.status === "rejected" ? [{ name: resources[index]?.spec.name ?? "", error: WtError.from(outcome.reason) }] : [],
  );
  const [first] = failures;
  if (!first) return;
  const restored = wanted.names.filter((name) => !failures.some((one) => one.name === name));
  if (restored.length === 0 && failures.length === 1) throw first.error;
  throw new WtError({
    kind: first.error.kind,
    code: first.error.code,
    message: `${failures.map(({ name, error }) => `${name} was not brought back to ${wanted.id}: ${error.message}`).join(" ")}${
      restored.length > 0 ? ` ${restored.join(", ")} was, so they do not belong together now.` : ""
    }`,
    hints: [...failures.flatMap(({ error }) => error.hints), `Try again: wt db restore ${wanted.id}`],
    details: { restored, failed: failures.map(({ name }) => name) },
    cause: first.error,
  });
}

/**
 * Removes it from every resource that has an entry of it (`unfinished`: one that is not present); an entry goes when its driver has removed
 * what it stands for.
 */
export async function dropCheckpoint(
  world: World,
  environment: EnvironmentRecord,
  dropped: { id: string; unfinished?: boolean },
): Promise<void> {
  const { id } = dropped;
  const meant = (entry: Entry) => entry.id === id && !(dropped.unfinished && entry.state === "present");
  const resources = () => leasedResources(world, environment.id).filter((one) => entriesOf(one).some(meant));
  const names = resources().map((one) => one.spec.name);
  const [entry] = resources().flatMap((one) => entriesOf(one).filter(meant));
  if (!entry) return;
  putEntries(world, environment, { entry: { ...entry, state: "removing" }, names });
  for (const name of names) {
    const one = resources().find(({ spec }) => spec.name === name);
    if (!one) continue;
    await driverOf(world, one.type).removeCheckpoint(one.spec, id);
    const now = resources().find(({ spec }) => spec.name === name);
    if (now)
      writeEntries(
        world,
        now,
        entriesOf(now).filter((candidate) => candidate.id !== id),
      );
  }
}

function checkpointList(world: World, environment: EnvironmentRecord): CheckpointList {
  return { schema: 1, environment: environment.slug, checkpoints: checkpointViews(world, environment.id) };
}

export function checkpointViews(world: World, environmentId: string): CheckpointView[] {
  const found = new Map<string, { createdAtMs: number; resources: string[] }>();
  for (const one of leasedResources(world, environmentId)) {
    for (const entry of entriesOf(one).filter(({ state }) => state === "present")) {
      const known = found.get(entry.id) ?? { createdAtMs: entry.createdAtMs, resources: [] };
      found.set(entry.id, { ...known, resources: [...known.resources, one.spec.name] });
    }
  }
  return [...found]
    .sort(([, a], [, b]) => a.createdAtMs - b.createdAtMs)
    .map(([id, { createdAtMs, resources }]) => ({ id, createdAt: new Date(createdAtMs).toISOString(), resources }));
}

function requireCheckpoint(world: World, environment: EnvironmentRecord, id: string): CheckpointView {
  const known = checkpointViews(world, environment.id);
  const found = known.find((one) => one.id === id);
  if (found) return found;
  throw new WtError({
    kind: "not_found",
    code: "checkpoint_unknown",
    message: `${environment.slug} has no checkpoint ${id}.`,
    hints: [known.length > 0 ? `It has ${known.map((one) => one.id).join(", ")}.` : "Make one: wt db checkpoint"],
  });
}

export function requireId(id: string): void {
  if (/^[a-z0-9][a-z0-9-]{0,39}$/.test(id)) return;
  throw new WtError({
    kind: "usage",
    code: "checkpoint_name_invalid",
    message: `A checkpoint's name is made of a-z, 0-9 and -, begins with a letter or digit and has at most 40 characters, not "${id}".`,
  });
}

/** The wanted one unless it is taken; without a wish the time, with a number when two fall into one second. */
export function freeId(world: World, environment: EnvironmentRecord, from: { wanted: string | null; createdAtMs: number }): string {
  const taken = new Set(leasedResources(world, environment.id).flatMap((one) => entriesOf(one).map((entry) => entry.id)));
  for (const { id } of fileEntries(world, environment.id)) taken.add(id);
  if (from.wanted !== null) {
    if (!taken.has(from.wanted)) return from.wanted;
    throw new WtError({
      kind: "refused",
      code: "checkpoint_exists",
      message: `${environment.slug} has a checkpoint ${from.wanted} already.`,
      hints: [`Choose another name, or remove it: wt db checkpoints --delete ${from.wanted}`],
    });
  }
  const time = new Date(from.createdAtMs).toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  for (let number = 1; ; number++) {
    const id = number === 1 ? time : `${time}-${number}`;
    if (!taken.has(id)) return id;
  }
}

/** No command of the repository will run, so neither its config nor trust is needed. */
export async function plainSession(
  world: World,
  request: { target: RestoreRequest["target"]; env: Record<string, string> },
): Promise<EnvironmentSession> {
  const callerEnv = callerEnvironment(request.env);
  const git = createGit(callerEnv);
  const { project, environment } = await locateTarget(world, git, request.target);
  return { project, environment, config: emptyConfig(project.name), git, callerEnv };
}
