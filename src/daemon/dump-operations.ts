// `wt db dump`, and `wt db restore` of a file.
import { randomBytes } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { DumpFormat, DumpRequest, DumpResult, LoadRequest } from "../api/content.ts";
import type { ResourceDocument } from "../api/resources.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { entryAt, removeTree } from "../os/files.ts";
import { plainSession } from "./checkpoint-operations.ts";
import { noteMainSchema } from "./drift.ts";
import { type Call, runStep } from "./journaled-run.ts";
import { locateTarget } from "./projects.ts";
import { chosenResource, type MadeResource } from "./resource-choice.ts";
import { aroundServices, finished, refuseShared, trustedSession, underLock } from "./resource-operations.ts";
import { driverOf } from "./resources.ts";
import type { World } from "./world.ts";

/** Only reads, so it takes no lock: a dump of an hour must not hold up a restart. */
export async function dumpOperation(world: World, request: DumpRequest, call: Call): Promise<DumpResult> {
  const { environment } = await locateTarget(world, createGit(world.env), request.target);
  const leased = chosenResource(world, environment, { name: request.resource });
  const driver = driverOf(world, leased.type);
  if (!driver.dump) throw noDumps(leased, "dumped");
  const { path, schema, data } = request;
  checkPlace(request);
  // Beside its place, so that taking that is one rename: nobody ever sees half a dump.
  const staging = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString("hex")}.partial`);
  const report = (line: string) => call.emit({ type: "note", message: line });
  const started = world.clock.now();
  call.emit({ type: "step", step: "dump", label: `Dump ${leased.spec.name} of ${environment.slug}` });
  try {
    const wish = { path: staging, format: request.format ?? formatOf(path, leased.type), schema, data };
    const format = await driver.dump(leased.spec, wish, { abort: call.abort, report, run: noCommands });
    call.abort.throwIfAborted();
    if (request.replace && entryAt(path)?.isDirectory()) await removeTree(path);
    await rename(staging, path);
    call.emit({ type: "step_done", step: "dump", ms: Math.max(0, Math.round(world.clock.now() - started)) });
    const { name } = leased.spec;
    return { schema: 1, environment: environment.slug, resource: name, type: leased.type, path, format, bytes: bytesOf(path) };
  } finally {
    await removeTree(staging);
  }
}

export async function loadOperation(world: World, request: LoadRequest, call: Call): Promise<ResourceDocument> {
  const session = request.restart ? await trustedSession(world, request) : await plainSession(world, request);
  const { environment } = session;
  const done = await underLock(world, { environment, kind: "restore", call }, async (operation) => {
    const leased = chosenResource(world, environment, { name: request.resource });
    const { name } = leased.spec;
    const driver = driverOf(world, leased.type);
    const load = driver.load;
    if (!load) throw noDumps(leased, "loaded");
    requireDump(request.path);
    await refuseShared(world, environment, leased);
    return aroundServices(world, { session, operation, call, restart: request.restart }, async () => {
      const report = (line: string) => call.emit({ type: "note", message: line });
      const work = () => load(leased.spec, request.path, { abort: call.abort, report, run: noCommands });
      await runStep(world, call, { operation, step: `load:${name}`, label: `Load ${basename(request.path)} into ${name}`, work });
      noteMainSchema(world, environment.id, name);
      return [name];
    });
  });
  return finished(world, { session, call, ...done });
}

const endings: Readonly<Record<string, DumpFormat>> = {
  ".sql": "plain",
  ".dump": "custom",
  ".pgdump": "custom",
  ".tar": "tar",
  ".db": "file",
  ".sqlite": "file",
  ".sqlite3": "file",
  ".rdb": "rdb",
};

const formatsOf: Readonly<Record<string, readonly DumpFormat[]>> = {
  postgres: ["plain", "custom", "tar"],
  sqlite: ["plain", "file"],
  redis: ["rdb"],
  directory: ["tar"],
};

/** null: the name says nothing, or nothing that the type knows. */
function formatOf(path: string, type: string): DumpFormat | null {
  const named = endings[/\.\w+$/.exec(path.toLowerCase())?.[0] ?? ""] ?? null;
  return named !== null && formatsOf[type]?.includes(named) ? named : null;
}

function checkPlace({ path, replace }: DumpRequest): void {
  const parent = dirname(path);
  if (!statSync(parent, { throwIfNoEntry: false })?.isDirectory()) {
    throw new WtError({
      kind: "usage",
      code: "dump_place",
      message: `${parent} is not a directory, so no dump can be written there.`,
      hints: [`Make it first: mkdir -p ${parent}`],
      details: { path },
    });
  }
  const there = entryAt(path);
  // Only what a dump can be is ever replaced by one.
  if (there && !(replace && (there.isFile() || isDirectoryDump(path)))) {
    throw new WtError({
      kind: "refused",
      code: "dump_exists",
      message: `${path} exists already.`,
      hints: [there.isFile() || isDirectoryDump(path) ? "Replace it with --force, or choose another name." : "Choose another name."],
      details: { path },
    });
  }
}

function isDirectoryDump(path: string): boolean {
  return entryAt(path)?.isDirectory() === true && entryAt(join(path, "toc.dat")) !== null;
}

function requireDump(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() || stat?.isDirectory()) return;
  throw new WtError({
    kind: "not_found",
    code: "dump_absent",
    message: stat ? `${path} is neither a file nor a directory.` : `There is no file ${path}.`,
    hints: ["Make one: wt db dump"],
    details: { path },
  });
}

function bytesOf(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);
}

function noDumps({ spec, type }: MadeResource, what: string): WtError {
  return new WtError({
    kind: "refused",
    code: "dump_unsupported",
    message: `${spec.name} is of type ${type}, which cannot be ${what}.`,
    hints: ["Keep its content with a checkpoint where it can: wt db checkpoint"],
  });
}

/** What only moves content runs nothing of the repository. */
async function noCommands(): Promise<never> {
  throw new Error("a dump runs no command of the repository");
}
