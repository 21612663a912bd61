// Making and exchanging the content of a branch: a template's copy, started, with its password, migrated.
import { mkdir, readFile } from "node:fs/promises";
import { WtError } from "../../errors/wt-error.ts";
import { type CloneProbe, methodFor } from "../../os/clone-method.ts";
import { checkFreeSpace, diskError } from "../../os/disk-error.ts";
import { removeTree, writeFileAtomic } from "../../os/files.ts";
import type { ResourceCall, ResourceConnection, ResourceSpec } from "../resource-driver.ts";
import { exchangeContent, keepContent, prepareContent, putBackContent } from "./branch-content.ts";
import { type BranchInputs, readBranchInputs } from "./branch-inputs.ts";
import type { Branch, BranchLife } from "./branch-life.ts";
import { type BranchRecord, writeBranchRecord } from "./branch-record.ts";
import type { BranchServerOptions } from "./branch-server.ts";
import { appLogin, connectionOf, randomPassword } from "./connection.ts";
import { adminRole, appRole } from "./data-directory.ts";
import { defuseFork } from "./live-defuse.ts";
import { quoteLiteral, type Session } from "./pg-session.ts";
import { type BranchOptions, postgresOptions } from "./postgres-options.ts";
import { adminPasswordFile, findServer, type ServerPlace } from "./postmaster.ts";
import { scramVerifier } from "./scram-verifier.ts";
import type { ServerPrograms } from "./server-programs.ts";
import type { Template } from "./template-shelf.ts";

export type BranchParts = BranchServerOptions & { life: BranchLife };

/** What the branch itself has to run after it is up. */
export interface AfterStart {
  commands: { key: string; command: string }[];
  /** null: there is nothing to run. */
  call: ResourceCall | null;
  /** The content is another branch's: what ties it to others is taken out. */
  forked?: boolean;
}

export interface Prepared {
  template: Template;
  programs: ServerPrograms;
  inputs: BranchInputs;
  method: string;
}

interface Chosen extends Prepared {
  probe: CloneProbe;
}

export function branchOptions(spec: ResourceSpec): BranchOptions {
  const options = postgresOptions(spec.options);
  if (options.mode !== "branch") throw new Error(`the resource ${spec.name} is not a branch`);
  return options;
}

function freshRecord(spec: ResourceSpec, { template, programs, inputs, method }: Prepared, nowMs: number): BranchRecord {
  if (spec.port === null) throw new Error(`the resource ${spec.name} has no port`);
  return {
    schema: 1,
    environmentId: spec.environmentId,
    nonce: spec.nonce,
    name: spec.name,
    port: spec.port,
    password: randomPassword(),
    major: programs.major,
    version: programs.version,
    template: template.key,
    method,
    inputsHash: inputs.inputsHash,
    createdAtMs: nowMs,
    complete: false,
  };
}

/** An empty database, and room to begin with. */
const smallestBytes = 64 * 1024 * 1024;

/** A template for what wt.yaml says now, and a copy of it prepared beside the data. */
export async function prepareBranch(parts: BranchParts, spec: ResourceSpec, call: ResourceCall): Promise<Prepared> {
  const chosen = await chooseTemplate(parts, spec, call);
  await copyTemplate(chosen, spec, { path: parts.path, abort: call.abort });
  return chosen;
}

async function chooseTemplate({ templates, programs: find }: BranchParts, spec: ResourceSpec, call: ResourceCall): Promise<Chosen> {
  const options = branchOptions(spec);
  const programs = await find(options.version);
  const inputs = await readBranchInputs(spec, options);
  const probe = await templates.cloneMethod(spec.directory);
  checkFreeSpace(spec.directory, smallestBytes);
  const template = await templates.ensure({ name: `resources.${spec.name}`, options, inputs, programs, call, spec });
  const method = methodFor(probe, template.record.bytes);
  checkFreeSpace(spec.directory, method === "copy" ? template.record.bytes : smallestBytes);
  return { template, programs, inputs, method, probe };
}

function copyTemplate({ template, method, probe }: Chosen, spec: ResourceSpec, how: { path: string; abort: AbortSignal }): Promise<void> {
  return prepareContent(spec.directory, { ...how, probe, overlay: method === "overlay", from: template.data });
}

/** Makes a branch from nothing, or from what a crash left. Throws, and then nothing is left. */
export async function createBranch(parts: BranchParts, branch: Branch, call: ResourceCall): Promise<ResourceConnection> {
  const { spec } = branch;
  const { life } = parts;
  try {
    await life.halt(branch);
    await removeTree(spec.directory);
    await mkdir(spec.directory, { recursive: true, mode: 0o700 });
    const record = await attempt(parts, branch, { call, last: false });
    return connectionOf(appLogin(record), branchOptions(spec).variable);
  } catch (error) {
    await life.halt(branch);
    await removeTree(spec.directory);
    life.forget(branch);
    throw diskError(error, spec.directory);
  }
}

async function attempt(parts: BranchParts, branch: Branch, { call, last }: { call: ResourceCall; last: boolean }): Promise<BranchRecord> {
  const { spec } = branch;
  const prepared = await chooseTemplate(parts, spec, call);
  const record = freshRecord(spec, prepared, parts.clock.now());
  // The disk writes what is noted while the copy is made; all has ended before a failure is dealt with.
  const work = [
    copyTemplate(prepared, spec, { path: parts.path, abort: call.abort }),
    writeBranchRecord(spec.directory, record),
    writeFileAtomic(adminPasswordFile(branch.place), randomPassword(), { mode: 0o600 }),
  ];
  await Promise.allSettled(work);
  await Promise.all(work);
  await exchangeContent(spec.directory);
  try {
    await bringUp(parts, branch, { record, after: { commands: prepared.inputs.branchCommands, call } });
  } catch (error) {
    // A copy that does not start may come from a template that was damaged on the disk.
    if (last || !isStartFailure(error) || !(await parts.templates.putAwayIfDamaged(prepared.template))) throw error;
    await parts.life.halt(branch);
    call.report("the template was damaged and is built again");
    return attempt(parts, branch, { call, last: true });
  }
  const complete = { ...record, complete: true };
  await writeBranchRecord(spec.directory, complete);
  return complete;
}

/** Exchanges the content of a branch that is there for the prepared one; on failure the old one is back as it was. */
export async function exchangeBranch(parts: BranchParts, branch: Branch, made: { record: BranchRecord; after: AfterStart }): Promise<void> {
  const { spec } = branch;
  const { record } = made;
  const ran = (await findServer(branch.place)) !== null;
  await parts.life.layDown(branch, record);
  try {
    await exchangeContent(spec.directory);
    await bringUp(parts, branch, made);
  } catch (error) {
    await parts.life.layDown(branch, record);
    await putBackContent(spec.directory);
    if (ran) await parts.life.awaken(branch, record).catch(parts.report);
    throw diskError(error, spec.directory);
  }
  await keepContent(spec.directory);
}

export async function bringUp(
  { life }: BranchParts,
  branch: Branch,
  { record, after }: { record: BranchRecord; after: AfterStart },
): Promise<void> {
  const { commands, call, forked } = after;
  const { place, spec } = branch;
  await life.awaken(branch, record, { abort: call?.abort, prepare: (session) => setPasswords(place, record, session) });
  if (forked) await defuseFork(place, record.port, (line) => call?.report(line));
  for (const { key, command } of commands) {
    call?.report(`${key}: ${command}`);
    await call?.run(command, connectionOf(appLogin(record), branchOptions(spec).variable).variables);
  }
  call?.abort.throwIfAborted();
}

/** The app's own password, and one for the superuser: only with that may connections be carried to the socket. One statement, written to the disk once. */
async function setPasswords(place: ServerPlace, record: BranchRecord, session: Session): Promise<void> {
  const file = adminPasswordFile(place);
  const known = await readFile(file, "utf8").catch(() => null);
  const password = known ?? randomPassword();
  const [app, admin] = await Promise.all([scramVerifier(record.password), scramVerifier(password)]);
  await session.query(`ALTER ROLE ${appRole} PASSWORD ${quoteLiteral(app)}; ALTER ROLE ${adminRole} PASSWORD ${quoteLiteral(admin)}`);
  if (known === null) await writeFileAtomic(file, password, { mode: 0o600 });
}

function isStartFailure(error: unknown): boolean {
  return error instanceof WtError && error.code === "postgres_start_failed";
}
