// Makes one template: filled in a private directory, verified, moved into place. Until the last rename nobody can see it.
import { mkdir, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { type CloneProbe, makeDataDirectory } from "../../os/clone-method.ts";
import { diskError } from "../../os/disk-error.ts";
import { readManifest } from "../../os/file-manifest.ts";
import { removeTree, writeFileAtomic } from "../../os/files.ts";
import { readProcessIdentity } from "../../os/process-identity.ts";
import type { ServerUser } from "../../os/server-user.ts";
import type { Stage } from "../template-stages.ts";
import type { BranchInputs } from "./branch-inputs.ts";
import { type Build, buildBase, buildContent, syncFileSystem, verifyBuild } from "./build-template.ts";
import { cloneData } from "./clone-data.ts";
import { defuse } from "./data-directory.ts";
import type { BranchOptions } from "./postgres-options.ts";
import { serverPlace, stopServer } from "./postmaster.ts";
import type { TemplateRecord } from "./template-record.ts";
import { generationOf, generationsOf, type Shelf, type Template } from "./template-shelf.ts";
import type { TemplateWish } from "./templates.ts";

export interface StageSeal {
  shelf: Shelf;
  probe: CloneProbe;
  path: string;
  user: ServerUser | null;
  wish: TemplateWish;
  stage: Stage;
  /** What it is copied from; null: from nothing. */
  origin: Template | null;
  migrations: TemplateRecord["migrations"];
}

/** Throws what went wrong, and then nothing is left. */
export async function sealStage(sealing: StageSeal): Promise<Template> {
  const { shelf, stage, wish } = sealing;
  const directory = join(shelf.building, `${stage.key}.${crypto.randomUUID().slice(0, 8)}`);
  const place = serverPlace(directory);
  const { programs, options, name } = wish;
  const build: Build = { place, programs, user: sealing.user, options, clock: shelf.clock, path: sealing.path, name };
  const sinceMs = shelf.clock.now();
  shelf.active.add(directory);
  try {
    await mkdir(directory, { mode: 0o700 });
    await writeFileAtomic(join(directory, "builder.json"), JSON.stringify(await readProcessIdentity(process.pid)));
    const notes = await fill(sealing, build);
    await verifyBuild(build, wish.call.abort);
    await defuse(place.data);
    const files = await readManifest(place.data);
    const [newest] = await generationsOf(shelf, stage.key);
    const key = newest === undefined ? stage.key : `${stage.key}.${generationOf(newest) + 1}`;
    const record: TemplateRecord = {
      schema: 2,
      key,
      version: `PostgreSQL ${programs.version}`,
      major: programs.major,
      stage: stage.kind,
      family: stage.family,
      inputs: [...stage.files],
      madeFrom: madeFrom(wish.options, wish.inputs, { stage, migrations: sealing.migrations }),
      parent: sealing.origin?.key ?? null,
      migrations: sealing.migrations,
      owner: { resource: wish.spec?.name ?? wish.name, mainWorktree: wish.spec?.mainWorktree ?? "" },
      createdAtMs: shelf.clock.now(),
      buildMs: Math.max(0, Math.round(shelf.clock.now() - sinceMs)),
      notes,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      files,
    };
    await writeFileAtomic(join(directory, "template.json"), JSON.stringify(record), { mode: 0o600 });
    await syncFileSystem(directory);
    wish.call.abort.throwIfAborted();
    await rename(directory, join(shelf.templates, key));
    for (const note of notes.slice(0, 5)) wish.call.report(`note: ${note}`);
    return { key, data: join(shelf.templates, key, "data"), record };
  } catch (error) {
    await stopServer(place, shelf.clock);
    await removeTree(directory);
    throw diskError(error, directory);
  } finally {
    shelf.active.delete(directory);
  }
}

async function fill({ probe, path, wish, stage, origin }: StageSeal, build: Build): Promise<string[]> {
  const { call } = wish;
  if (!origin) {
    call.report(`making an empty database with PostgreSQL ${wish.programs.version}`);
    await makeDataDirectory(build.place.data, probe.method, path);
    await buildBase(build, call.abort);
    return [];
  }
  call.report(`building the template: ${stage.kind}`);
  await cloneData({ probe, from: origin.data, to: build.place.data, path, abort: call.abort });
  // What it goes on from has the dump and the extensions already.
  const goesOn = origin.record.family !== null && origin.record.family === stage.family;
  return buildContent(build, { inputs: wish.inputs, does: goesOn ? ["migrate"] : stage.does }, call);
}

/** All that is in it, in the order in which it got there. */
function madeFrom(
  options: BranchOptions,
  inputs: BranchInputs,
  { stage, migrations }: { stage: Stage; migrations: TemplateRecord["migrations"] },
): string[] {
  if (stage.kind === "empty") return ["an empty database"];
  const { extensions } = options;
  const count = migrations ? ` (${migrations.all} migration${migrations.all === 1 ? "" : "s"})` : "";
  return [
    ...(extensions.length > 0 ? [`extensions ${extensions.join(", ")}`] : []),
    ...(inputs.from ? [`from ${basename(inputs.from.path)}`] : []),
    ...(inputs.migrate ? [`migrate: ${shortened(inputs.migrate.command)}${count}`] : []),
    ...(inputs.seed && stage.kind !== "migrated" ? [`seed: ${shortened(inputs.seed.command)}`] : []),
    ...(inputs.mask ? [`mask ${basename(inputs.mask.path)}`] : []),
  ];
}

function shortened(command: string): string {
  const line = command.replace(/\s+/g, " ").trim();
  return line.length <= 80 ? line : `${line.slice(0, 79)}…`;
}
