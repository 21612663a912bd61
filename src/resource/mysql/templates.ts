// Sealed data directories that branches are copied from: a chain of stages, each keyed by everything that makes its content.
import { join } from "node:path";
import type { Clock } from "../../os/clock.ts";
import { type CloneProbe, readCloneMethod } from "../../os/clone-method.ts";
import { checkFreeSpace } from "../../os/disk-error.ts";
import { removeTree } from "../../os/files.ts";
import { createSealedStore, type Sealed, type SealedStore } from "../../os/sealed-store.ts";
import { continues, type InputFile, migrationsAmong } from "../migration-order.ts";
import type { ResourceCall, ResourceSpec, SealedTemplate } from "../resource-driver.ts";
import type { Stage, StageChain } from "../template-stages.ts";
import { copyData } from "./branch-content.ts";
import { type BranchInputs, madeFrom, stagesOf } from "./branch-inputs.ts";
import { type Build, buildBase, buildContent, buildMasked, verifyBuild } from "./build-template.ts";
import type { BranchOptions } from "./mysql-options.ts";
import { stopServer } from "./mysql-server.ts";
import { ensureHome, own, type Runner, serverHome } from "./server-home.ts";
import { programTitle, type ServerPrograms } from "./server-programs.ts";

export interface TemplateDetails {
  stage: Stage["kind"];
  family: string | null;
  /** What `migrate` read, sorted. */
  inputs: InputFile[];
  madeFrom: string[];
  /** The template it was copied from. */
  parent: string | null;
  migrations: SealedTemplate["migrations"];
  /** For which resource it was built first. */
  owner: { resource: string; mainWorktree: string };
}

export type Template = Sealed<TemplateDetails>;

export interface TemplateWish {
  /** `resources.db`, for errors. */
  name: string;
  options: BranchOptions;
  inputs: BranchInputs;
  programs: ServerPrograms;
  call: ResourceCall;
  /** For which resource; kept in the record. */
  spec: Pick<ResourceSpec, "name" | "mainWorktree">;
}

export interface Templates {
  readonly store: SealedStore<TemplateDetails>;
  /** The template for this; built when it is not there, with `anew` from the beginning in any case. */
  ensure(wish: TemplateWish, how?: { anew: boolean }): Promise<Template>;
  /** Of each stage of the chain, the empty database first: the template that is there, and what would be gone on from. Builds nothing. */
  look(wish: Omit<TemplateWish, "call">): Promise<{ key: string | null; prefix: string | null }[]>;
  /** How data directories are copied here, as found out by trying. */
  cloneMethod(target: string): Promise<CloneProbe>;
}

export interface TemplatesOptions {
  /** Of everything of this driver. */
  root: string;
  clock: Clock;
  path: string;
  runner: () => Runner;
}

/** An empty database, and room to begin with. */
export const smallestBytes = 64 * 1024 * 1024;

/** Where a database lies that is not masked yet. */
const unmaskedName = "unmasked";

export function createTemplates(options: TemplatesOptions): Templates {
  const { root, clock, path } = options;
  const settle = async (directory: string) => {
    for (const place of [directory, join(directory, unmaskedName)]) await stopServer(serverHome(place), clock);
  };
  const store = createSealedStore<TemplateDetails>({ root, content: "server/data", now: () => clock.now(), settle });
  const cloneMethod = async (target: string) => {
    await store.prepare();
    return readCloneMethod(join(root, "clone-method.json"), { source: store.places.sealed, target, path, nowMs: clock.now() });
  };
  const shop: Workshop = { ...options, store, cloneMethod };
  return {
    store,
    cloneMethod,
    async ensure(wish, { anew } = { anew: false }) {
      await store.prepare();
      return obtain(shop, { wish, stages: stagesOf(wish.programs, wish.options, wish.inputs), anew });
    },
    look: ({ programs, options: wanted, inputs }) =>
      Promise.all(
        stagesOf(programs, wanted, inputs).map(async (stage) => ({
          key: (await store.look(stage.key))?.key ?? null,
          prefix: (await findPrefix(shop, stage))?.key ?? null,
        })),
      ),
  };
}

interface Workshop extends TemplatesOptions, Pick<Templates, "store" | "cloneMethod"> {}

interface Wanted {
  wish: TemplateWish;
  stages: StageChain;
  anew: boolean;
}

/** The last of the stages; those before are only made when it has to be built. */
function obtain(shop: Workshop, wanted: Wanted): Promise<Template> {
  const { wish, stages, anew } = wanted;
  const { abort, report } = wish.call;
  const stage = stages.at(-1) ?? stages[0];
  const fill = async (directory: string) => {
    const origin = await originOf(shop, wanted);
    const migrations = migrationsOf(stage, origin);
    if (origin && migrations && stage.kind === "migrated" && migrations.before > 0) report(goingOn(origin, migrations));
    const work = () => fillStage(shop, { wish, stage, origin, directory });
    const notes = await (origin ? shop.store.use(origin, work) : work());
    for (const note of notes.slice(0, 5)) report(`note: ${note}`);
    const details: TemplateDetails = {
      stage: stage.kind,
      family: stage.family,
      inputs: [...stage.files],
      madeFrom: madeFrom(wish.inputs, { kind: stage.kind, migrations }),
      parent: origin?.key ?? null,
      migrations,
      owner: { resource: wish.spec.name, mainWorktree: wish.spec.mainWorktree },
    };
    return { notes, details };
  };
  return shop.store.ensure({ key: stage.key, title: programTitle(wish.programs), anew, abort, report, fill });
}

/** What the last of the stages goes on from; null: it is the first. */
async function originOf(shop: Workshop, { wish, stages, anew }: Wanted): Promise<Template | null> {
  const [first, ...rest] = stages.slice(0, -1);
  if (!first) return null;
  const find = async (again: boolean) =>
    (again ? null : await findPrefix(shop, stages.at(-1) ?? first)) ??
    (await obtain(shop, { wish, stages: [first, ...rest], anew: again && rest.length > 0 }));
  const origin = await find(anew);
  // A build is slow beside this, and what it makes of a damaged template would look whole.
  if (!(await shop.store.putAwayIfDamaged(origin))) return origin;
  wish.call.report("the template it goes on from was damaged and is built again");
  return find(false);
}

/** The template with the most migrations that this one only adds to. */
async function findPrefix({ store }: Workshop, { family, files }: Stage): Promise<Template | null> {
  if (family === null) return null;
  const records = (await store.list()).flatMap(({ record }) => record ?? []);
  const fitting = records.filter(({ details }) => details.family === family && continues(details.inputs, files));
  fitting.sort((one, other) => other.details.inputs.length - one.details.inputs.length || other.createdAtMs - one.createdAtMs);
  for (const { key } of fitting) {
    const whole = await store.look(key);
    if (whole) return whole;
  }
  return null;
}

function migrationsOf(stage: Stage, origin: Template | null): TemplateDetails["migrations"] {
  // A seed goes on from what was migrated for it.
  if (stage.kind === "seeded" && origin) return origin.record.details.migrations;
  const all = migrationsAmong(stage.files);
  const had = new Set(origin ? migrationsAmong(origin.record.details.inputs) : []);
  return all.length > 0 ? { before: all.filter((path) => had.has(path)).length, all: all.length } : null;
}

function goingOn({ key }: Template, { before, all }: { before: number; all: number }): string {
  const rest = all - before;
  const what = `${before} of ${all} migration${all === 1 ? "" : "s"} ${before === 1 ? "was" : "were"} there already`;
  return `${what}, in the template ${key}; ${rest === 0 ? "what is pending runs" : `the other ${rest === 1 ? "one runs" : `${rest} run`}`}`;
}

interface Filling {
  wish: TemplateWish;
  stage: Stage;
  origin: Template | null;
  directory: string;
}

async function fillStage(shop: Workshop, { wish, stage, origin, directory }: Filling): Promise<string[]> {
  const { call, programs, options, name } = wish;
  const { clock, path } = shop;
  const runner = shop.runner();
  const buildAt = (place: string): Build => ({ place: serverHome(place), programs, runner, options, clock, path, name });
  const build = buildAt(directory);
  const { building } = shop.store.places;
  const { method } = await shop.cloneMethod(building);
  const copies = stage.kind === "masked" ? 2 : 1;
  checkFreeSpace(building, smallestBytes + (method === "copy" ? copies * (origin?.record.bytes ?? 0) : 0));
  const begin = async ({ place }: Build) => {
    await ensureHome(place, runner);
    if (!origin) return;
    await copyData({ method, from: origin.content, to: place.data, path, abort: call.abort });
    own(place.data, runner);
  };
  await begin(build);
  const make = async () => {
    if (!origin) {
      call.report(`making an empty database with ${programTitle(programs)}`);
      await buildBase(build, method, call.abort);
      return [];
    }
    call.report(`building the template: ${stage.kind}`);
    const content = { inputs: wish.inputs, does: stage.does };
    if (stage.kind !== "masked") {
      // What it goes on from has the dump already.
      const goesOn = origin.record.details.family !== null && origin.record.details.family === stage.family;
      return buildContent(build, goesOn ? { ...content, does: ["migrate"] } : content, call);
    }
    const open = buildAt(join(directory, unmaskedName));
    await begin(open);
    const notes = await buildMasked(build, open, { content, call });
    await removeTree(join(directory, unmaskedName));
    return notes;
  };
  const notes = await make();
  await verifyBuild(build, call.abort);
  return notes;
}
