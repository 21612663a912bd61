// Sealed, immutable data directories that branches are copied from: a chain of stages, each keyed by everything that makes its content. Built
// privately by one builder while others wait, verified, renamed into place. One that was changed or damaged is put away and built again.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import { type CloneProbe, readCloneMethod } from "../../os/clone-method.ts";
import { findDamage } from "../../os/file-manifest.ts";
import { hashParts } from "../../os/input-files.ts";
import type { ServerUser } from "../../os/server-user.ts";
import { continues, migrationsAmong } from "../migration-order.ts";
import type { ResourceCall, ResourceSpec } from "../resource-driver.ts";
import { planStages, type Stage, type StageChain } from "../template-stages.ts";
import type { BranchInputs } from "./branch-inputs.ts";
import { readCollationLibraries } from "./collation-libraries.ts";
import type { BranchOptions } from "./postgres-options.ts";
import { sealStage } from "./seal-stage.ts";
import type { ServerPrograms } from "./server-programs.ts";
import {
  createShelf,
  findSealed,
  generationsOf,
  markUsed,
  prepareShelf,
  putAway,
  readTemplates,
  removeTemplate,
  type Shelf,
  type Template,
} from "./template-shelf.ts";

export interface TemplateWish {
  /** `resources.db`, for errors. */
  name: string;
  options: BranchOptions;
  inputs: BranchInputs;
  programs: ServerPrograms;
  call: ResourceCall;
  /** For which resource; kept in the record. */
  spec?: Pick<ResourceSpec, "name" | "mainWorktree">;
}

export interface StageState {
  kind: Stage["kind"];
  /** Of the whole template that is there; null: none. */
  key: string | null;
  /** What would be gone on from if it were built now. */
  prefix: string | null;
}

export interface Templates {
  /** The template for this; built when it is not there. */
  ensure(wish: TemplateWish): Promise<Template>;
  /** Built from the beginning, also when there is one; that one goes as soon as no branch lies upon it. */
  rebuild(wish: TemplateWish): Promise<Template>;
  /** The chain for this, the empty database first. Builds nothing. */
  look(wish: Omit<TemplateWish, "call">): Promise<StageState[]>;
  /** Reads all of a template; when its content is not what was sealed it is put away. True: it was damaged. */
  putAwayIfDamaged(template: Template): Promise<boolean>;
  /** Removes one; a branch that lies upon it must be gone. */
  remove(key: string): Promise<void>;
  /** Takes away what dead builders left, their servers included. */
  prepare(): Promise<void>;
  /** Called after a template was sealed. */
  onSealed(listener: () => void): void;
  readonly shelf: Shelf;
  /** How data directories are copied here, as found out by trying. */
  cloneMethod(target: string): Promise<CloneProbe>;
}

export interface TemplatesOptions {
  stateDirectory: string;
  clock: Clock;
  path: string;
  user: () => ServerUser | null;
  overlayFromBytes?: number | undefined;
}

export function createTemplates(options: TemplatesOptions): Templates {
  const shelf = createShelf(options.stateDirectory, options.clock);
  const shop: Workshop = { ...options, shelf, building: new Map(), held: new Map(), sealed: [] };
  let prepared: Promise<void> | null = null;
  const prepare = () => {
    prepared ??= prepareShelf(shelf);
    return prepared;
  };
  const make = async (wish: TemplateWish, anew: boolean) => {
    await prepare();
    const template = await obtain(shop, { wish, stages: await stagesOf(wish), anew });
    await markUsed(shelf, template.key);
    return template;
  };
  return {
    shelf,
    prepare,
    cloneMethod: (target) => cloneMethod(shop, target),
    ensure: (wish) => make(wish, false),
    rebuild: (wish) => make(wish, true),
    async look(wish) {
      const stages = await stagesOf(wish);
      return Promise.all(
        stages.map(async (stage) => ({
          kind: stage.kind,
          key: (await findSealed(shelf, stage.key, { onlyLook: true }))?.key ?? null,
          prefix: (await findPrefix(shelf, stage, { onlyLook: true }))?.key ?? null,
        })),
      );
    },
    async putAwayIfDamaged({ key, data, record }) {
      const damage = await findDamage(data, record.files);
      if (damage !== null) await putAway(shelf, key);
      return damage !== null;
    },
    async remove(key) {
      if ((shop.held.get(key) ?? 0) > 0) {
        throw new WtError({
          kind: "refused",
          code: "template_in_use",
          message: `The template ${key} is being copied just now.`,
          hints: ["Try again in a moment."],
        });
      }
      await removeTemplate(shelf, key);
    },
    onSealed: (listener) => void shop.sealed.push(listener),
  };
}

interface Workshop extends TemplatesOptions {
  shelf: Shelf;
  /** By the key of the stage. */
  building: Map<string, Promise<Template>>;
  /** How many builds copy a template at this moment. */
  held: Map<string, number>;
  sealed: (() => void)[];
}

async function stagesOf({ programs, options, inputs }: Omit<TemplateWish, "call">): Promise<StageChain> {
  const collation = await readCollationLibraries(programs.directory);
  const empty = {
    format: 3,
    build: programs.build,
    // What decides how text is sorted beside the server itself.
    collation,
    platform: `${process.platform}-${process.arch}`,
    owner: process.getuid?.() === 0 ? "other" : "self",
    locale: options.locale,
  };
  return planStages({ empty, extensions: options.extensions, inputs, hashOf: hashParts });
}

async function cloneMethod({ shelf, path, clock, overlayFromBytes }: Workshop, target: string): Promise<CloneProbe> {
  await mkdir(shelf.templates, { recursive: true, mode: 0o700 });
  const file = join(shelf.stateDirectory, "postgres/clone-method.json");
  return readCloneMethod(file, { source: shelf.templates, target, path, nowMs: clock.now(), overlayFromBytes });
}

interface Wanted {
  wish: TemplateWish;
  stages: StageChain;
  anew: boolean;
}

/** The last of the stages; those before are only made when it has to be built. */
function obtain(shop: Workshop, { wish, stages, anew }: Wanted): Promise<Template> {
  const stage = stages.at(-1) ?? stages[0];
  const before = stages.slice(0, -1);
  return once(shop, { wish, stage, anew }, async () => {
    const [first, ...rest] = before;
    if (!first) return seal(shop, { wish, stage, origin: null });
    const prefix = anew ? null : await findPrefix(shop.shelf, stage);
    const origin = prefix ?? (await obtain(shop, { wish, stages: [first, ...rest], anew: anew && rest.length > 0 }));
    // A build is slow beside this, and what it makes of a damaged template would look whole.
    if ((await findDamage(origin.data, origin.record.files)) !== null) {
      wish.call.report("the template it goes on from was damaged and is built again");
      await putAway(shop.shelf, origin.key);
      return obtainAgain(shop, { wish, stages, anew });
    }
    return seal(shop, { wish, stage, origin });
  });
}

/** With a damaged origin out of the way; its place in the chain is found anew. */
async function obtainAgain(shop: Workshop, { wish, stages, anew }: Wanted): Promise<Template> {
  const stage = stages.at(-1) ?? stages[0];
  const [first, ...rest] = stages.slice(0, -1);
  const prefix = anew ? null : await findPrefix(shop.shelf, stage);
  const origin = prefix ?? (first ? await obtain(shop, { wish, stages: [first, ...rest], anew: false }) : null);
  return seal(shop, { wish, stage, origin });
}

/** The template with the most migrations that this one only adds to. */
async function findPrefix(shelf: Shelf, { family, files }: Stage, how = { onlyLook: false }): Promise<Template | null> {
  if (family === null) return null;
  const fitting = (await readTemplates(shelf)).filter(({ record }) => record.family === family && continues(record.inputs, files));
  fitting.sort((one, other) => other.record.inputs.length - one.record.inputs.length || other.record.createdAtMs - one.record.createdAtMs);
  for (const { key } of fitting) {
    const whole = await findSealed(shelf, key.split(".")[0] ?? key, how);
    if (whole) return whole;
  }
  return null;
}

interface Sealing {
  wish: TemplateWish;
  stage: Stage;
  origin: Template | null;
}

async function seal(shop: Workshop, { wish, stage, origin }: Sealing): Promise<Template> {
  const { shelf } = shop;
  const all = migrationsAmong(stage.files);
  const had = new Set(origin ? migrationsAmong(origin.record.inputs) : []);
  const before = all.filter((path) => had.has(path)).length;
  if (stage.kind === "migrated" && origin && before > 0) {
    const rest = all.length - before;
    const what = `${before} of ${all.length} migration${all.length === 1 ? "" : "s"} ${before === 1 ? "was" : "were"} there already`;
    wish.call.report(
      `${what}, in the template ${origin.key}; ${rest === 0 ? "what is pending runs" : `the other ${rest === 1 ? "one runs" : `${rest} run`}`}`,
    );
  }
  if (origin) hold(shop, origin.key, 1);
  try {
    // A seed goes on from what was migrated for it.
    const migrations = stage.kind === "seeded" && origin ? origin.record.migrations : all.length > 0 ? { before, all: all.length } : null;
    if (origin) await markUsed(shelf, origin.key);
    const { path, user } = shop;
    const probe = await cloneMethod(shop, shelf.building);
    const template = await sealStage({ shelf, probe, path, user: user(), wish, stage, origin, migrations });
    for (const older of (await generationsOf(shelf, stage.key)).filter((key) => key !== template.key)) await putAway(shelf, older);
    for (const listener of shop.sealed) listener();
    return template;
  } finally {
    if (origin) hold(shop, origin.key, -1);
  }
}

function hold({ held }: Workshop, key: string, by: 1 | -1): void {
  held.set(key, (held.get(key) ?? 0) + by);
}

/** One builder per stage; who finds it at work waits, and takes over when that one failed or was interrupted. */
async function once(
  shop: Workshop,
  { wish, stage, anew }: { wish: TemplateWish; stage: Stage; anew: boolean },
  build: () => Promise<Template>,
): Promise<Template> {
  const { call } = wish;
  for (;;) {
    call.abort.throwIfAborted();
    const other = shop.building.get(stage.key);
    if (!other) break;
    call.report("waiting for the same template, which is being built");
    const outcome = await untilAborted(other, call.abort).catch(() => null);
    if (outcome && !anew) return outcome;
  }
  const work = (async () => (anew ? null : await findSealed(shop.shelf, stage.key)) ?? (await build()))();
  shop.building.set(stage.key, work);
  try {
    return await work;
  } finally {
    shop.building.delete(stage.key);
  }
}

function untilAborted<T>(work: Promise<T>, abort: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(abort.reason);
    abort.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => abort.removeEventListener("abort", stop));
  });
}
