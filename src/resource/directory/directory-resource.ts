// `type: directory`: uploads, buckets on disk. A copy of a directory in every worktree, sharing blocks where the file system can.
import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, normalize, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { WtError } from "../../errors/wt-error.ts";
import { readDiskUsage } from "../../os/disk-usage.ts";
import { copyTree, entryAt, removeTree } from "../../os/files.ts";
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
import { dumpDirectory, loadDirectory } from "./dump-directory.ts";

export const directoryOptions: OptionRules = {
  path: { kind: "path", required: true },
  from: { kind: "text" },
  variable: { kind: "text", check: variableName },
};

export function createDirectoryResource(): ResourceDriver {
  return {
    type: "directory",
    features: { checkpoints: true, sleep: false, port: false },
    identity: (options) => `the directory ${textOption(options, "path")}`,
    variableNames: (options, name) => [variableOf({ options, name })],
    parseOptions: (written) => checkOptions(written, directoryOptions),
    observe,
    ensure,
    fork,
    reset,
    remove: (spec) => (spec.main ? removeMarkedDirectory(spec.directory, markOf(spec)) : removeOwned(entryOf(spec))),
    // It goes where the worktree goes.
    retire: async () => true,
    async connection(spec) {
      const { state } = await observe(spec);
      return state === "ready" ? connectionOf(spec) : null;
    },
    checkpoint: (spec, id) =>
      spec.main
        ? Promise.reject(mainEntryRefused(entryOf(spec)))
        : addCheckpoint(entryOf(spec), id, async (place) => void (await copyTree(entryOf(spec).place, place))),
    async restore(spec, id) {
      if (spec.main) throw mainEntryRefused(entryOf(spec));
      const from = await requireCheckpoint(entryOf(spec), id);
      await replaceOwned(entryOf(spec), { produce: async (staging) => void (await copyTree(from, staging)) });
    },
    removeCheckpoint: (spec, id) => removeTree(checkpointPlace(entryOf(spec), id)),
    dump: (spec, wish, call) => dumpDirectory(entryOf(spec).place, wish, call.abort),
    async load(spec, path, call) {
      if (spec.main) throw mainEntryRefused(entryOf(spec));
      await replaceOwned(entryOf(spec), { produce: (staging) => loadDirectory(path, staging, call.abort) });
    },
    sleep: async () => false,
    wake: async () => undefined,
    usage: async (spec) => readDiskUsage([entryOf(spec).place, spec.directory]),
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
  if (spec.main) await ensureMain(spec);
  else await ensureOwned(entryOf(spec), { produce: (staging) => fill(spec, staging, call) });
  return connectionOf(spec);
}

async function reset(spec: ResourceSpec, call: ResourceCall): Promise<ResourceConnection> {
  if (spec.main) throw mainEntryRefused(entryOf(spec));
  await replaceOwned(entryOf(spec), { produce: (staging) => fill(spec, staging, call) });
  return connectionOf(spec);
}

async function fork(spec: ResourceSpec, source: ResourceSpec, call: ResourceCall): Promise<ResourceConnection> {
  call.abort.throwIfAborted();
  if (spec.main) throw mainEntryRefused(entryOf(spec));
  requireForkable(source, await observe(source));
  const making = { produce: (staging: string) => copyInto(staging, entryOf(source).place, call) };
  if ((await observe(spec)).state === "ready") await replaceOwned(entryOf(spec), making);
  else await ensureOwned(entryOf(spec), making);
  return connectionOf(spec);
}

/** The main worktree's own directory is where the others come from: made when it is missing, and otherwise never touched. */
async function ensureMain(spec: ResourceSpec): Promise<void> {
  await ensureMarkedDirectory(spec.directory, markOf(spec));
  await mkdir(entryOf(spec).place, { recursive: true });
}

async function fill(spec: ResourceSpec, staging: string, call: ResourceCall): Promise<void> {
  const from = sourceOf(spec);
  const stat = entryAt(from);
  if (!stat && textOption(spec.options, "from") === null) return void (await mkdir(staging));
  if (!stat) throw sourceError(spec, `${from} does not exist`);
  if (stat.isSymbolicLink()) throw sourceError(spec, `${from} is a link, which is not followed`);
  if (!stat.isDirectory()) throw sourceError(spec, `${from} is not a directory`);
  if (`${spec.worktree}/`.startsWith(`${from}/`)) throw sourceError(spec, `${from} holds the worktree itself`);
  await copyInto(staging, from, call);
}

async function copyInto(staging: string, from: string, call: ResourceCall): Promise<void> {
  call.report(`Copying ${from}`);
  const { skipped } = await copyTree(from, staging, { abort: call.abort, link: (target, at) => linkInside(from, target, at) });
  if (skipped.length > 0) {
    const more = skipped.length > 5 ? ` and ${skipped.length - 5} more` : "";
    call.report(`Left out, because links that lead out and sockets are not copied: ${skipped.slice(0, 5).join(", ")}${more}`);
  }
}

/** A link that stays inside the directory does so in the copy too; one that leads out would share what must not be shared. */
function linkInside(from: string, target: string, at: string): string | null {
  const parts = target.split("/");
  // `linked/../x`: where that leads depends on where `linked` points to.
  if (parts.lastIndexOf("..") > parts.findIndex((part) => part !== ".." && part !== ".")) return null;
  const home = join(from, dirname(at));
  const meant = isAbsolute(target) ? normalize(target) : join(home, target);
  if (meant !== from && !meant.startsWith(`${from}/`)) return null;
  return isAbsolute(target) ? relative(home, meant) || "." : target;
}

function sourceOf(spec: ResourceSpec): string {
  const from = textOption(spec.options, "from") ?? String(spec.options.path);
  const expanded = from === "~" || from.startsWith("~/") ? homedir() + from.slice(1) : from;
  return join(isAbsolute(expanded) ? "/" : spec.mainWorktree, expanded).replace(/(.)\/+$/, "$1");
}

function entryOf(spec: ResourceSpec): OwnedEntry {
  return {
    place: join(spec.worktree, String(spec.options.path)).replace(/\/+$/, ""),
    root: spec.worktree,
    kind: "directory",
    companions: [],
    directory: spec.directory,
    mark: markOf(spec),
  };
}

function markOf(spec: ResourceSpec): string {
  return `${spec.environmentId}/${spec.name}/${spec.nonce}`;
}

function variableOf({ options, name }: Pick<ResourceSpec, "options" | "name">): string {
  return textOption(options, "variable") ?? `${variablePrefix(name)}_PATH`;
}

function connectionOf(spec: ResourceSpec): ResourceConnection {
  const { place } = entryOf(spec);
  return { variables: { [variableOf(spec)]: place }, values: { path: place, url: pathToFileURL(place).href } };
}

function sourceError(spec: ResourceSpec, what: string): WtError {
  return new WtError({
    kind: "machine",
    code: "resource_source",
    message: `resources.${spec.name} cannot be copied: ${what}.`,
    hints: [`Set \`from:\` of resources.${spec.name} in wt.yaml to a directory, by its real path.`],
    details: { resource: spec.name },
  });
}
