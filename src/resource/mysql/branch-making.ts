// Making and exchanging the content of a branch: a template's copy, started, with its password, migrated.
import { mkdir, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { readBlockUsage } from "../../os/block-usage.ts";
import { checkFreeSpace, diskError } from "../../os/disk-error.ts";
import { removeTree } from "../../os/files.ts";
import type { ResourceCall, ResourceConnection, ResourceSpec } from "../resource-driver.ts";
import { exchangeContent, keepContent, prepareContent, putBackContent, settleContent } from "./branch-content.ts";
import { type BranchInputs, readBranchInputs } from "./branch-inputs.ts";
import type { Branch, BranchLife } from "./branch-life.ts";
import { type BranchRecord, foreignBranch, readBranchRecord, readOwnRecord, writeBranchRecord } from "./branch-record.ts";
import type { BranchServerOptions } from "./branch-server.ts";
import { defuse, ensureApp } from "./build-template.ts";
import { captureData } from "./live-capture.ts";
import { appLogin, connectionOf, randomPassword } from "./mysql-connection.ts";
import { type BranchOptions, mysqlOptions } from "./mysql-options.ts";
import { findServer } from "./mysql-server.ts";
import { asRoot } from "./mysql-session.ts";
import { smallestBytes, type Template } from "./templates.ts";

export type BranchParts = BranchServerOptions & { life: BranchLife };

type Made = Pick<BranchRecord, "flavor" | "version" | "template" | "method" | "inputsHash">;

export interface Prepared {
  template: Template;
  made: Made;
  inputs: BranchInputs;
}

export function branchOptions(spec: ResourceSpec): BranchOptions {
  const options = mysqlOptions(spec.options);
  if (options.mode !== "branch") throw new Error(`the resource ${spec.name} is not a branch`);
  return options;
}

export function branchConnection(spec: ResourceSpec, record: BranchRecord): ResourceConnection {
  return connectionOf(appLogin(record), branchOptions(spec));
}

/** Throws `WtError` (`disk_full`) where a copy of this data, made by this method, would leave too little. */
export async function checkRoom(directory: string, { data, method, path }: { data: string; method: string; path: string }): Promise<void> {
  if (method !== "copy") return checkFreeSpace(directory, smallestBytes);
  const { exclusiveBytes, sharedBytes } = await readBlockUsage(data, path);
  checkFreeSpace(directory, smallestBytes + (exclusiveBytes ?? 0) + (sharedBytes ?? 0));
}

/** A template for what wt.yaml says now, and a copy of it prepared beside the data. */
export async function prepareBranch(
  { templates, programs: find, path }: BranchParts,
  spec: ResourceSpec,
  call: ResourceCall,
): Promise<Prepared> {
  const options = branchOptions(spec);
  const programs = await find(options.version);
  const inputs = await readBranchInputs(spec, options);
  const { method } = await templates.cloneMethod(spec.directory);
  checkFreeSpace(spec.directory, smallestBytes);
  const template = await templates.ensure({ name: `resources.${spec.name}`, options, inputs, programs, call, spec });
  checkFreeSpace(spec.directory, method === "copy" ? template.record.bytes : smallestBytes);
  await templates.store.use(template, () => prepareContent(spec.directory, { method, from: template.content, path, abort: call.abort }));
  const { flavor, version } = programs;
  return { template, made: { flavor, version, template: template.key, method, inputsHash: inputs.inputsHash }, inputs };
}

/** Makes a branch from nothing, or from what a crash left. Throws, and then nothing is left. */
export function createBranch(parts: BranchParts, branch: Branch, call: ResourceCall): Promise<BranchRecord> {
  return fromNothing(parts, branch, () => attempt(parts, branch, { call, last: false }));
}

async function fromNothing(parts: BranchParts, branch: Branch, make: () => Promise<BranchRecord>): Promise<BranchRecord> {
  const { spec } = branch;
  const { life } = parts;
  try {
    await life.halt(branch);
    await removeTree(spec.directory);
    await mkdir(spec.directory, { recursive: true, mode: 0o700 });
    const complete = { ...(await make()), complete: true };
    await writeBranchRecord(spec.directory, complete);
    return complete;
  } catch (error) {
    await life.halt(branch);
    await removeTree(spec.directory);
    life.forget(branch);
    throw diskError(error, spec.directory);
  }
}

async function attempt(parts: BranchParts, branch: Branch, { call, last }: { call: ResourceCall; last: boolean }): Promise<BranchRecord> {
  const { spec } = branch;
  const { template, made, inputs } = await prepareBranch(parts, spec, call);
  const record = freshRecord(spec, made, parts.clock.now());
  await writeBranchRecord(spec.directory, record);
  await exchangeContent(spec.directory);
  try {
    await bringUp(parts, branch, { record, commands: inputs.branchCommands, call });
    return record;
  } catch (error) {
    // A copy that does not start may come from a template that was damaged on the disk.
    const mayBeTemplate = error instanceof WtError && error.code === "mysql_start_failed";
    if (last || !mayBeTemplate || !(await parts.templates.store.putAwayIfDamaged(template))) throw error;
    await parts.life.halt(branch);
    call.report("the template was damaged and is built again");
    return attempt(parts, branch, { call, last: true });
  }
}

function freshRecord(spec: ResourceSpec, made: Made, nowMs: number): BranchRecord {
  if (spec.port === null) throw new Error(`the resource ${spec.name} has no port`);
  const { environmentId, nonce, name, port } = spec;
  return { schema: 1, environmentId, nonce, name, port, password: randomPassword(), ...made, createdAtMs: nowMs, complete: false };
}

/** Back to the beginning, by what wt.yaml says now; on failure all is as it was. */
export async function resetBranch(parts: BranchParts, branch: Branch, call: ResourceCall): Promise<BranchRecord> {
  const { spec } = branch;
  const record = await readOwnRecord(spec);
  await settleContent(spec.directory, parts.clock);
  const { made, inputs } = await prepareBranch(parts, spec, call);
  const next = { ...record, ...made };
  await exchangeBranch(parts, branch, { record: next, commands: inputs.branchCommands, call });
  return next;
}

interface Up {
  record: BranchRecord;
  /** Commands of the repository that run in it. */
  commands: { key: string; command: string }[];
  /** null: with nobody to report to. */
  call: ResourceCall | null;
}

/** Exchanges the content of a branch that is there for the prepared one; on failure the old one is back as it was. */
export async function exchangeBranch(parts: BranchParts, branch: Branch, up: Up): Promise<void> {
  const { spec } = branch;
  const before = await readOwnRecord(spec);
  const ran = (await findServer(branch.place)) !== null;
  await parts.life.layDown(branch, before);
  try {
    await exchangeContent(spec.directory);
    await bringUp(parts, branch, up);
    await writeBranchRecord(spec.directory, up.record);
  } catch (error) {
    await parts.life.layDown(branch, before);
    await putBackContent(spec.directory);
    if (ran) await parts.life.awaken(branch, before).catch(parts.report);
    throw diskError(error, spec.directory);
  }
  await keepContent(spec.directory);
}

async function bringUp({ life }: BranchParts, branch: Branch, { record, commands, call }: Up): Promise<void> {
  await life.awaken(branch, record, call?.abort);
  await asRoot(branch.place, (session) => ensureApp(session, record.password));
  for (const { key, command } of commands) {
    call?.report(`${key}: ${command}`);
    await call?.run(command, branchConnection(branch.spec, record).variables);
  }
  call?.abort.throwIfAborted();
}

/** Makes `spec` with the present content of `source`. See `fork` of the contract. */
export async function forkBranch(
  parts: BranchParts,
  spec: ResourceSpec,
  from: { source: ResourceSpec; call: ResourceCall },
): Promise<BranchRecord> {
  const { source, call } = from;
  const known = await readBranchRecord(spec.directory);
  if (known && known.nonce !== spec.nonce) throw foreignBranch(spec);
  const staging = forkStaging(spec.directory);
  await removeTree(staging);
  await mkdir(dirname(staging), { recursive: true, mode: 0o700 });
  try {
    // Nothing holds both branches at once, so two that are forked from each other cannot wait for one another.
    const origin = await parts.life.exclusively(source, (branch) => takeSource(parts, branch, { staging, call }));
    const { migrate } = branchOptions(spec);
    const up = (record: BranchRecord): Up => ({ record, commands: migrate === null ? [] : [{ key: "migrate", command: migrate }], call });
    const { flavor, version, template, method } = origin;
    const made = { flavor, version, template, method, inputsHash: null };
    return await parts.life.exclusively(spec, async (branch) => {
      const before = await readBranchRecord(spec.directory);
      if (before?.complete) {
        await settleContent(spec.directory, parts.clock);
        await rename(staging, join(spec.directory, "next"));
        const next = { ...before, ...made };
        await exchangeBranch(parts, branch, up(next));
        return next;
      }
      return fromNothing(parts, branch, async () => {
        const record = freshRecord(spec, made, parts.clock.now());
        await writeBranchRecord(spec.directory, record);
        await rename(staging, join(spec.directory, "next"));
        await exchangeContent(spec.directory);
        await bringUp(parts, branch, up(record));
        return record;
      });
    });
  } finally {
    await removeTree(staging);
  }
}

/** Where the copy grows: beside the branch's directory, which may not be there yet. */
export function forkStaging(directory: string): string {
  return join(dirname(directory), `.fork-${basename(directory)}`);
}

async function takeSource(
  parts: BranchParts,
  branch: Branch,
  { staging, call }: { staging: string; call: ResourceCall },
): Promise<BranchRecord> {
  const record = await readOwnRecord(branch.spec);
  call.abort.throwIfAborted();
  await settleContent(branch.spec.directory, parts.clock);
  const { method } = await parts.templates.cloneMethod(dirname(staging));
  await checkRoom(dirname(staging), { data: branch.place.data, method, path: parts.path });
  const how = await captureData(parts, branch, { to: staging, abort: call.abort });
  await defuse({ data: staging, home: dirname(staging) });
  call.report(`copied ${record.name} of the other environment: ${how}`);
  return record;
}
