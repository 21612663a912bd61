// `type: sqlite`: a database file of its own in every worktree, copied from the main one even while that is in use.
import { mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { readDiskUsage } from "../../os/disk-usage.ts";
import { entryAt, removeTree } from "../../os/files.ts";
import { mainEntryDetail, mainEntryRefused, observeMainEntry } from "../../os/main-entry.ts";
import { ensureMarkedDirectory, removeMarkedDirectory } from "../../os/marked-directory.ts";
import {
  addCheckpoint,
  checkpointPlace,
  ensureOwned,
  followOwned,
  type OwnedEntry,
  observeOwned,
  removeOwned,
  replaceOwned,
  requireCheckpoint,
} from "../../os/owned-entry.ts";
import { checkOptions, type OptionRules, textOption, variableName, variablePrefix } from "../check-options.ts";
import { requireForkable } from "../fork-source.ts";
import type { ResourceCall, ResourceConnection, ResourceDriver, ResourceObservation, ResourceSpec } from "../resource-driver.ts";
import { cloneDatabase } from "./clone-database.ts";
import { dumpFile, loadFile } from "./dump-file.ts";
import { fileMark, inspectFile } from "./inspect-file.ts";

export const sqliteOptions: OptionRules = {
  path: { kind: "path", required: true },
  from: { kind: "text" },
  migrate: { kind: "command" },
  seed: { kind: "command" },
  url_format: { kind: "text", choices: ["file", "sqlite", "sqlalchemy", "path"] },
  variable: { kind: "text", check: variableName },
};

export function createSqliteResource(): ResourceDriver {
  return {
    type: "sqlite",
    features: { checkpoints: true, sleep: false, port: false },
    identity: (options) => `the file ${textOption(options, "path")}`,
    variableNames: (options, name) => [urlVariable(options), pathVariable(name)],
    parseOptions: (written) => checkOptions(written, sqliteOptions),
    observe,
    ensure,
    fork,
    async reset(spec, call) {
      if (spec.main) throw mainEntryRefused(entryOf(spec));
      await replaceOwned(entryOf(spec), { produce: (staging) => fill(spec, staging, call), finish: () => prepare(spec, call) });
      return connectionOf(spec);
    },
    remove: (spec) => (spec.main ? removeMarkedDirectory(spec.directory, markOf(spec)) : removeOwned(entryOf(spec))),
    // The file goes where the worktree goes.
    retire: async () => true,
    async connection(spec) {
      const { state } = await observe(spec);
      return state === "ready" ? connectionOf(spec) : null;
    },
    async checkpoint(spec, id) {
      const entry = entryOf(spec);
      if (spec.main) throw mainEntryRefused(entry);
      await addCheckpoint(entry, id, (place) => clone(entry.place, place, heldPatienceMs));
    },
    async restore(spec, id) {
      const entry = entryOf(spec);
      if (spec.main) throw mainEntryRefused(entry);
      const from = await requireCheckpoint(entry, id);
      await replaceOwned(entry, { produce: (staging) => clone(from, staging) });
    },
    removeCheckpoint: (spec, id) => removeTree(checkpointPlace(entryOf(spec), id)),
    inspect: async (spec, how) => inspectFile(entryOf(spec).place, how),
    contentMark: async (spec) => fileMark(entryOf(spec).place),
    dump: (spec, wish, call) => dumpFile(entryOf(spec).place, wish, call.abort),
    async load(spec, path, call) {
      if (spec.main) throw mainEntryRefused(entryOf(spec));
      await replaceOwned(entryOf(spec), { produce: (staging) => loadFile(path, staging, call.abort) });
    },
    sleep: async () => false,
    wake: async () => undefined,
    async usage(spec) {
      const { place, companions } = entryOf(spec);
      return readDiskUsage([place, ...companions.map((suffix) => place + suffix), spec.directory]);
    },
    moved: (spec, from) => followOwned(entryOf(spec), entryOf({ ...spec, worktree: from }).place),
    adopt: async () => undefined,
    close: async () => undefined,
  };
}

async function observe(spec: ResourceSpec): Promise<ResourceObservation> {
  const seen = await (spec.main ? observeMainEntry : observeOwned)(entryOf(spec));
  return seen.state === "made" ? { state: "ready", detail: spec.main ? mainEntryDetail : null } : seen;
}

async function ensure(spec: ResourceSpec, call: ResourceCall): Promise<ResourceConnection> {
  call.abort.throwIfAborted();
  const making = { produce: (staging: string) => fill(spec, staging, call), finish: () => prepare(spec, call) };
  if (spec.main) await ensureMain(spec, call);
  else await ensureOwned(entryOf(spec), making);
  return connectionOf(spec);
}

async function fork(spec: ResourceSpec, source: ResourceSpec, call: ResourceCall): Promise<ResourceConnection> {
  call.abort.throwIfAborted();
  if (spec.main) throw mainEntryRefused(entryOf(spec));
  requireForkable(source, await observe(source));
  const { place } = entryOf(source);
  const making = {
    produce: async (staging: string) => void (await cloneDatabase({ from: place, to: staging, abort: call.abort })),
    finish: () => prepare(spec, call, ["migrate"]),
  };
  if ((await observe(spec)).state === "ready") await replaceOwned(entryOf(spec), making);
  else await ensureOwned(entryOf(spec), making);
  return connectionOf(spec);
}

/** The main worktree's own database is where the others come from: made when it is missing, and otherwise never touched. */
async function ensureMain(spec: ResourceSpec, call: ResourceCall): Promise<void> {
  const { place } = entryOf(spec);
  await ensureMarkedDirectory(spec.directory, markOf(spec));
  if (entryAt(place)) return;
  await mkdir(dirname(place), { recursive: true });
  await prepare(spec, call);
  if (!entryAt(place)) await writeFile(place, "", { flag: "wx" });
}

async function fill(spec: ResourceSpec, staging: string, call: ResourceCall): Promise<void> {
  const from = sourceOf(spec);
  if (textOption(spec.options, "from") === null && !entryAt(from)) return writeFile(staging, "", { flag: "wx" });
  call.report(`Copying ${from}`);
  const how = await cloneDatabase({ from, to: staging, abort: call.abort });
  if (how !== "copied") call.report(`${from} may not be written by wt, so its copy was written anew`);
}

async function prepare(spec: ResourceSpec, call: ResourceCall, keys = ["migrate", "seed"]): Promise<void> {
  for (const key of keys) {
    const command = textOption(spec.options, key);
    if (command === null) continue;
    call.abort.throwIfAborted();
    await call.run(command, connectionOf(spec).variables);
  }
  call.abort.throwIfAborted();
}

/** Who holds the database during a checkpoint may itself be held still: the caller then lets it go on and tries again. */
const heldPatienceMs = 100;

async function clone(from: string, to: string, patienceMs?: number): Promise<void> {
  await cloneDatabase({ from, to, abort: new AbortController().signal, ...(patienceMs === undefined ? {} : { patienceMs }) });
}

function sourceOf(spec: ResourceSpec): string {
  const from = textOption(spec.options, "from") ?? String(spec.options.path);
  const expanded = from === "~" || from.startsWith("~/") ? homedir() + from.slice(1) : from;
  return join(isAbsolute(expanded) ? "/" : spec.mainWorktree, expanded);
}

function entryOf(spec: ResourceSpec): OwnedEntry {
  return {
    place: join(spec.worktree, String(spec.options.path)),
    root: spec.worktree,
    kind: "file",
    companions: ["-wal", "-shm", "-journal"],
    directory: spec.directory,
    mark: markOf(spec),
  };
}

function markOf(spec: ResourceSpec): string {
  return `${spec.environmentId}/${spec.name}/${spec.nonce}`;
}

function urlVariable(options: ResourceSpec["options"]): string {
  return textOption(options, "variable") ?? "DATABASE_URL";
}

function pathVariable(name: string): string {
  return `${variablePrefix(name)}_PATH`;
}

function connectionOf(spec: ResourceSpec): ResourceConnection {
  const path = entryOf(spec).place;
  const url = urlOf(path, textOption(spec.options, "url_format") ?? "file");
  return { variables: { [urlVariable(spec.options)]: url, [pathVariable(spec.name)]: path }, values: { url, path } };
}

/** Only what would end a URI's path is written in percent: several clients take the rest as it is. */
function urlOf(path: string, format: string): string {
  const escaped = path.replace(/[%?#]/g, encodeURIComponent);
  if (format === "path") return path;
  if (format === "sqlalchemy") return `sqlite:///${escaped}`;
  return `${format}:${escaped}`;
}
