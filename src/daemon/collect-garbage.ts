// `wt db gc`, and the light version of it that follows every build of a template.

import { basename, dirname } from "node:path";
import type { GarbageItem, GarbageReport, GarbageRequest } from "../api/templates.ts";
import { WtError } from "../errors/wt-error.ts";
import { readBlockUsage } from "../os/block-usage.ts";
import { removeTree } from "../os/files.ts";
import type { ResourceSpec, ResourceTemplates } from "../resource/resource-driver.ts";
import { noEnvironment } from "./changes.ts";
import { dayMs, planGarbage } from "./garbage-plan.ts";
import type { Call } from "./journaled-run.ts";
import { keptOf, keptSpecs } from "./kept-environment.ts";
import { type Orphan, readOrphans } from "./orphans.ts";
import { leasedResources } from "./resources.ts";
import { readNeeds } from "./template-needs.ts";
import { templatedTypes } from "./template-operations.ts";
import type { World } from "./world.ts";

const defaultDays = 7;

export async function collectGarbage(world: World, request: GarbageRequest, call: Call): Promise<GarbageReport> {
  const { dryRun } = request;
  const days = request.days ?? defaultDays;
  if (!Number.isInteger(days) || days < 0) {
    throw new WtError({ kind: "usage", code: "days_invalid", message: "The number of days must be 0 or more, and whole." });
  }
  const bin: Bin = { world, dryRun, call, retentionMs: days * dayMs, items: [] };
  const startedMs = world.clock.now();
  call.emit({ type: "step", step: "look", label: "Look at what there is" });
  for (const { type, templates } of templatedTypes(world)) {
    // First of all: a list that cannot be had is no empty list.
    const references = await templates.references().catch((error: unknown) => {
      throw listingFailed(error);
    });
    await collectTemplates(bin, { type, templates, references, light: false });
    await collectLeftovers(bin, templates);
  }
  await collectOrphans(bin);
  call.emit({ type: "step_done", step: "look", ms: Math.max(0, Math.round(world.clock.now() - startedMs)) });
  const freedBytes = bin.items.reduce((sum, { outcome, bytes }) => sum + (outcome === "removed" ? (bytes ?? 0) : 0), 0);
  return { schema: 1, dryRun, items: bin.items, freedBytes };
}

/** After each build: templates that nothing needs and nobody used for long. Quiet; everything else waits for `wt db gc`. */
export async function tidyTemplates(world: World): Promise<void> {
  const call: Call = { emit: () => undefined, abort: new AbortController().signal };
  const bin: Bin = { world, dryRun: false, call, retentionMs: defaultDays * dayMs, items: [] };
  for (const { type, templates } of templatedTypes(world)) {
    await collectTemplates(bin, { type, templates, references: await templates.references(), light: true });
  }
}

interface Bin {
  world: World;
  dryRun: boolean;
  call: Call;
  retentionMs: number;
  items: GarbageItem[];
}

interface TemplatesOfType {
  type: string;
  templates: ResourceTemplates;
  references: Awaited<ReturnType<ResourceTemplates["references"]>>;
  /** Does not read all bytes of all templates. */
  light: boolean;
}

async function collectTemplates(bin: Bin, { type, templates, references, light }: TemplatesOfType): Promise<void> {
  const { world, call } = bin;
  const listed = await templates.list();
  const damaged = new Map<string, string>();
  for (const { key, problem } of light ? [] : listed) {
    call.abort.throwIfAborted();
    const damage = problem === null ? await templates.damage(key) : null;
    if (damage !== null) damaged.set(key, damage);
  }
  const operations = world.ledger.operations().map(({ startedAtMs }) => startedAtMs);
  const verdicts = planGarbage({
    templates: listed,
    references,
    ...(await readNeeds(world, type)),
    damaged,
    nowMs: world.clock.now(),
    retentionMs: bin.retentionMs,
    busySinceMs: operations.length > 0 ? Math.min(...operations) : null,
  });
  for (const { key, remove, reason } of verdicts) {
    if (light && !remove) continue;
    const usage = await templates.usage(key).catch(() => null);
    const item = { kind: "template" as const, name: key, bytes: usage?.exclusiveBytes ?? null, reason };
    if (remove) await discard(bin, item, () => templates.remove(key));
    else bin.items.push({ ...item, outcome: "kept" });
  }
  if (verdicts.some(({ remove }) => remove)) world.changes.emit(noEnvironment);
}

async function collectLeftovers(bin: Bin, templates: ResourceTemplates): Promise<void> {
  for (const { path, kind } of await templates.leftovers()) {
    const reason = kind === "trash" ? "Its removal did not come to its end." : "Who built it died before it was whole.";
    await discard(bin, { kind, name: path, bytes: await bytesOf(bin.world, path), reason }, () => templates.removeLeftover(path));
  }
}

/** Databases on servers first: the directory is the proof that they are ours. */
async function collectOrphans(bin: Bin): Promise<void> {
  const { world } = bin;
  const orphans = await readOrphans(world).catch((error: unknown) => {
    throw listingFailed(error);
  });
  const needed = new Set<string>();
  for (const [type, driver] of world.resources) {
    if (!driver.findStrays) continue;
    const environments = world.ledger.environments({ members: "with" });
    const kept = world.ledger.deleted().map(keptOf);
    const specs: ResourceSpec[] = [
      ...environments.flatMap(({ id }) => leasedResources(world, id).filter((one) => one.type === type)).map(({ spec }) => spec),
      ...kept.flatMap((one) => keptSpecs(one, type)),
    ];
    const owners = [...environments, ...kept.map(({ environment }) => environment)];
    const search = { specs, living: new Set(owners.map(({ nonce }) => nonce)) };
    const { strays, problems } = await driver.findStrays({ ...search, orphans: orphans.map(({ directory }) => directory) });
    for (const { name, where, bytes, sessions, proof, remove } of strays) {
      const orphan = orphans.find(({ directory }) => directory === proof);
      const item = { kind: "database" as const, name: `${name} on ${where}`, bytes };
      const doubt =
        proof === null
          ? "It carries a mark of worldtree that this machine does not know; it may be somebody else's."
          : sessions > 0
            ? `Its environment is gone, but ${sessions === 1 ? "somebody is" : `${sessions} sessions are`} connected to it.`
            : (orphan && doubtOf(bin, orphan)) || null;
      if (doubt === null) await discard(bin, { ...item, reason: "Its environment is gone." }, remove);
      else bin.items.push({ ...item, outcome: "reported", reason: doubt });
      if (proof !== null && bin.items.at(-1)?.outcome !== "removed") needed.add(proof);
    }
    for (const problem of problems)
      bin.items.push({
        kind: "database",
        name: type,
        bytes: null,
        outcome: "reported",
        reason: `A server could not be looked at: ${problem}`,
      });
  }
  for (const orphan of orphans) {
    const { directory } = orphan;
    const item = { kind: "directory" as const, name: directory, bytes: await bytesOf(world, directory) };
    const doubt = needed.has(directory) ? "It proves whose a database on a server is." : doubtOf(bin, orphan);
    if (doubt === null) await discard(bin, { ...item, reason: "Its environment is gone." }, () => removeTree(directory));
    else bin.items.push({ ...item, outcome: "reported", reason: doubt });
  }
}

function doubtOf({ world, retentionMs }: Bin, { doubt, changedMs }: Orphan): string | null {
  if (doubt !== null) return `The ledger does not know its environment. ${doubt}`;
  return world.clock.now() - changedMs < retentionMs ? "The ledger does not know its environment, but it was changed not long ago." : null;
}

async function discard(bin: Bin, item: Omit<GarbageItem, "outcome">, remove: () => Promise<void>): Promise<void> {
  const { dryRun, call } = bin;
  call.abort.throwIfAborted();
  if (dryRun) {
    bin.items.push({ ...item, outcome: "removed" });
    return;
  }
  const step = `remove:${item.name}`;
  call.emit({
    type: "step",
    step,
    label: `Remove ${item.kind === "directory" ? `${basename(dirname(dirname(item.name)))}/` : ""}${basename(item.name)}`,
  });
  const startedMs = bin.world.clock.now();
  try {
    await remove();
    bin.items.push({ ...item, outcome: "removed" });
  } catch (error) {
    bin.items.push({ ...item, outcome: "failed", reason: `${item.reason} It could not be removed: ${WtError.from(error).message}` });
  }
  call.emit({ type: "step_done", step, ms: Math.max(0, Math.round(bin.world.clock.now() - startedMs)) });
}

async function bytesOf(world: World, path: string): Promise<number | null> {
  return (await readBlockUsage(path, world.env.PATH ?? "").catch(() => null))?.exclusiveBytes ?? null;
}

function listingFailed(error: unknown): WtError {
  return new WtError({
    kind: "machine",
    code: "listing_failed",
    message: `What belongs to environments cannot be listed, so nothing was removed: ${WtError.from(error).message.replace(/\.$/, "")}.`,
    hints: ["Run `wt doctor`."],
    cause: error,
  });
}
