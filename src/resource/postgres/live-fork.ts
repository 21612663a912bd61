// A branch made of another branch's present content: captured beside its place while nothing else happens to the source, then put in place as any
// other content is. Nothing holds both branches at once, so two that are forked from each other cannot wait for one another.
import { mkdir, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { readBlockUsage } from "../../os/block-usage.ts";
import { checkFreeSpace, diskError } from "../../os/disk-error.ts";
import { removeTree } from "../../os/files.ts";
import { isOverlay } from "../../os/overlay-directory.ts";
import type { ResourceCall, ResourceConnection, ResourceSpec } from "../resource-driver.ts";
import { exchangeContent, settleContent } from "./branch-content.ts";
import { readBranchInputs } from "./branch-inputs.ts";
import type { Branch } from "./branch-life.ts";
import { type AfterStart, type BranchParts, branchOptions, bringUp, exchangeBranch } from "./branch-making.ts";
import { type BranchRecord, foreignBranch, readBranchRecord, readOwnRecord, writeBranchRecord } from "./branch-record.ts";
import { cloneData } from "./clone-data.ts";
import { appLogin, connectionOf, randomPassword } from "./connection.ts";
import { defuse } from "./data-directory.ts";
import { type Capture, captureLive } from "./live-capture.ts";
import { findServer } from "./postmaster.ts";

/** Makes `spec` with the present content of `source`. See `fork` of the contract. */
export async function forkBranch(
  parts: BranchParts,
  spec: ResourceSpec,
  from: { source: ResourceSpec; call: ResourceCall },
): Promise<ResourceConnection> {
  const { source, call } = from;
  const { life } = parts;
  const known = await readBranchRecord(spec.directory);
  if (known && known.nonce !== spec.nonce) throw foreignBranch(spec);
  const staging = forkStaging(spec.directory);
  await removeTree(staging);
  await mkdir(dirname(staging), { recursive: true, mode: 0o700 });
  try {
    const { record: origin, capture } = await life.exclusively(source, (branch) => takeSource(parts, branch, { spec, staging, call }));
    call.report(`copied the other ${origin.name} ${capture.how}`);
    await defuse(staging);
    const making = { origin, capture, staging, call };
    const record = await life.exclusively(spec, async (branch) => {
      const before = await readBranchRecord(spec.directory);
      return before?.complete ? replaceByFork(parts, branch, { ...making, before }) : createByFork(parts, branch, making);
    });
    return connectionOf(appLogin(record), branchOptions(spec).variable);
  } finally {
    await removeTree(staging);
  }
}

/** Where the copy grows: beside the branch's directory, which may not be there yet. */
export function forkStaging(directory: string): string {
  return join(dirname(directory), `.fork-${basename(directory)}`);
}

/** Copies a running branch's data; where no way to do so live is safe, it is stopped for that moment and its clients are disconnected. */
export async function captureBranch(
  { life, templates, path, clock }: BranchParts,
  branch: Branch,
  { record, to, abort }: { record: BranchRecord; to: string; abort?: AbortSignal | undefined },
): Promise<Capture> {
  const { place } = branch;
  const probe = await templates.cloneMethod(dirname(to));
  const copying = { probe, from: place.data, to, path, ...(abort ? { abort } : {}) };
  if (!(await findServer(place))) {
    await cloneData(copying);
    return { way: "asleep", how: "as it lay there, asleep" };
  }
  const live = { place, port: record.port, major: record.major, probe, to, path, clock, abort };
  const captured = await captureLive(live);
  if (captured) return captured;
  await life.layDown(branch, record);
  try {
    await cloneData(copying);
  } finally {
    await life.awaken(branch, record);
  }
  return { way: "stopped", how: "while it was stopped for a moment, because it could not be held still" };
}

async function takeSource(
  parts: BranchParts,
  branch: Branch,
  { spec, staging, call }: { spec: ResourceSpec; staging: string; call: ResourceCall },
): Promise<{ record: BranchRecord; capture: Capture }> {
  const source = branch.spec;
  const record = await readOwnRecord(source);
  call.abort.throwIfAborted();
  await settleContent(source.directory, parts.clock);
  const { version } = branchOptions(spec);
  if (version !== null && version !== record.major) throw otherVersion(spec, version, record.major);
  await checkRoom(parts, dirname(staging), branch.place.data);
  const capture = await captureBranch(parts, branch, { record, to: staging, abort: call.abort });
  call.abort.throwIfAborted();
  return { record, capture };
}

/** Room for the log that a start replays, and where nothing is shared for all the rest too. */
const smallestBytes = 64 * 1024 * 1024;

async function checkRoom({ templates, path }: BranchParts, directory: string, data: string): Promise<void> {
  const probe = await templates.cloneMethod(directory);
  if (probe.method !== "copy") return checkFreeSpace(directory, smallestBytes);
  const { exclusiveBytes, sharedBytes } = await readBlockUsage(data, path);
  checkFreeSpace(directory, smallestBytes + (exclusiveBytes ?? 0) + (sharedBytes ?? 0));
}

interface Making {
  origin: BranchRecord;
  capture: Capture;
  staging: string;
  call: ResourceCall;
}

async function createByFork(parts: BranchParts, branch: Branch, making: Making): Promise<BranchRecord> {
  const { spec } = branch;
  const { life } = parts;
  try {
    if (spec.port === null) throw new Error(`the resource ${spec.name} has no port`);
    await life.halt(branch);
    await removeTree(spec.directory);
    await mkdir(spec.directory, { recursive: true, mode: 0o700 });
    const owner = { environmentId: spec.environmentId, nonce: spec.nonce, name: spec.name, port: spec.port, password: randomPassword() };
    const record = { ...(await describeFork(parts, spec, making)), ...owner, complete: false };
    await writeBranchRecord(spec.directory, record);
    await rename(making.staging, join(spec.directory, "next"));
    await exchangeContent(spec.directory);
    await bringUp(parts, branch, { record, after: afterFork(spec, making.call) });
    const complete = { ...record, complete: true };
    await writeBranchRecord(spec.directory, complete);
    return complete;
  } catch (error) {
    await life.halt(branch);
    await removeTree(spec.directory);
    life.forget(branch);
    throw diskError(error, spec.directory);
  }
}

async function replaceByFork(parts: BranchParts, branch: Branch, making: Making & { before: BranchRecord }): Promise<BranchRecord> {
  const { spec } = branch;
  await settleContent(spec.directory, parts.clock);
  const { environmentId, nonce, name, port, password } = making.before;
  const record = { ...(await describeFork(parts, spec, making)), environmentId, nonce, name, port, password };
  await rename(making.staging, join(spec.directory, "next"));
  await exchangeBranch(parts, branch, { record, after: afterFork(spec, making.call) });
  await writeBranchRecord(spec.directory, record);
  return record;
}

/** What the source's record says of the content, with how it came here. */
async function describeFork({ templates, clock }: BranchParts, spec: ResourceSpec, making: Making): Promise<BranchRecord> {
  const { origin, capture, staging } = making;
  const method = isOverlay(staging) ? "overlay" : (await templates.cloneMethod(dirname(spec.directory))).method;
  const { inputsHash } = await readBranchInputs(spec, branchOptions(spec));
  const forked = { environmentId: origin.environmentId, way: capture.way, atMs: clock.now() };
  return { ...origin, method, inputsHash, forked, createdAtMs: clock.now(), complete: true };
}

/** The seed is in the content already; of migrations those that this environment's code has on top are pending. */
function afterFork(spec: ResourceSpec, call: ResourceCall): AfterStart {
  const { migrate } = branchOptions(spec);
  return { commands: migrate === null ? [] : [{ key: "migrate", command: migrate }], call, forked: true };
}

function otherVersion(spec: ResourceSpec, wanted: number, present: number): WtError {
  return new WtError({
    kind: "config",
    code: "fork_version",
    message: `resources.${spec.name}.version: wt.yaml asks for PostgreSQL ${wanted}, and the database to begin with has ${present}.`,
    hints: [`Write \`version: ${present}\`, or reset the other one first: wt db reset`],
  });
}
