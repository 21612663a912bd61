// A server of its own for every environment: copied from a template, started on its leased port, put to sleep when nobody uses it.
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import { entryAt, moveToTrash, removeTree } from "../../os/files.ts";
import type { ResourceCall, ResourceConnection, ResourceDriver, ResourceObservation, ResourceSpec } from "../resource-driver.ts";
import {
  checkpointData,
  exchangeContent,
  keepContent,
  prepareContent,
  putBackContent,
  settleContent,
  writeCheckpoint,
} from "./branch-content.ts";
import { type BranchInputs, readBranchInputs } from "./branch-inputs.ts";
import { type Branch, createBranchLife } from "./branch-life.ts";
import { type BranchRecord, readBranchRecord, writeBranchRecord } from "./branch-record.ts";
import { syncFileSystem } from "./build-template.ts";
import { connectionOf, connectionVariables, randomPassword } from "./connection.ts";
import { appRole, readMajor } from "./data-directory.ts";
import { checkFreeSpace, diskError } from "./disk-error.ts";
import { readDiskUsage } from "./disk-usage.ts";
import { quoteLiteral } from "./pg-session.ts";
import { type BranchOptions, postgresOptions } from "./postgres-options.ts";
import { asAdmin, findServer } from "./postmaster.ts";
import type { ServerPrograms } from "./server-programs.ts";
import { findServerProcesses } from "./server-spawn.ts";
import type { ServerUser } from "./system-user.ts";
import type { Template, Templates } from "./templates.ts";

export type BranchServer = Omit<ResourceDriver, "type" | "features" | "variableNames" | "parseOptions">;

export interface BranchServerOptions {
  stateDirectory: string;
  clock: Clock;
  path: string;
  user: () => ServerUser | null;
  programs: (major: number | null) => Promise<ServerPrograms>;
  templates: Templates;
  report: (error: unknown) => void;
}

export function createBranchServer(parts: BranchServerOptions): BranchServer {
  const { clock, path, templates } = parts;
  const life = createBranchLife(parts);

  /** A template for what wt.yaml says now, and a copy of it prepared beside the data. */
  const prepare = async (spec: ResourceSpec, call: ResourceCall): Promise<Prepared> => {
    const options = branchOptions(spec);
    const programs = await parts.programs(options.version);
    const inputs = await readBranchInputs(spec, options);
    const probe = await templates.cloneMethod(spec.directory);
    const wish = { name: `resources.${spec.name}`, options, inputs, programs, call };
    const template = await templates.ensure(wish);
    checkFreeSpace(spec.directory, probe.method === "copy" ? template.record.bytes : 16_000_000);
    await prepareContent(spec.directory, { probe, from: template.data, path, abort: call.abort });
    return { template, programs, inputs, method: probe.method };
  };

  /** Starts the exchanged content, sets its password, runs what only the branch can run. */
  const bringUp = async (
    branch: Branch,
    record: BranchRecord,
    { inputs, call }: { inputs: BranchInputs | null; call: ResourceCall | null },
  ) => {
    await life.awaken(branch, record, call?.abort);
    await asAdmin(branch.place, record.port, (session) => session.query(`ALTER ROLE ${appRole} PASSWORD ${quoteLiteral(record.password)}`));
    for (const { key, command } of inputs?.branchCommands ?? []) {
      call?.report(`${key}: ${command}`);
      await call?.run(command, connectionVariables(record));
    }
  };

  const create = async (branch: Branch, call: ResourceCall): Promise<ResourceConnection> => {
    const { spec } = branch;
    try {
      await life.halt(branch);
      await removeTree(spec.directory);
      await mkdir(spec.directory, { recursive: true, mode: 0o700 });
      for (let attempt = 1; ; attempt++) {
        const prepared = await prepare(spec, call);
        const record = freshRecord(spec, prepared, clock.now());
        await writeBranchRecord(spec.directory, record);
        await exchangeContent(spec.directory);
        try {
          await bringUp(branch, record, { inputs: prepared.inputs, call });
        } catch (error) {
          // A copy that does not start may come from a template that was damaged on the disk.
          const damaged = attempt === 1 && isStartFailure(error) && (await templates.putAwayIfDamaged(prepared.template));
          if (!damaged) throw error;
          await life.halt(branch);
          call.report("the template was damaged and is built again");
          continue;
        }
        await writeBranchRecord(spec.directory, { ...record, complete: true });
        return connectionOf(connectionVariables(record));
      }
    } catch (error) {
      await life.halt(branch);
      await removeTree(spec.directory);
      life.forget(branch);
      throw diskError(error, spec.directory);
    }
  };

  /** Exchanges the content of a branch that is there; on failure the old one is back as it was. */
  const exchange = async (branch: Branch, record: BranchRecord, made: { inputs: BranchInputs | null; call: ResourceCall | null }) => {
    const { spec } = branch;
    const ran = (await findServer(branch.place)) !== null;
    await life.layDown(branch, record);
    try {
      await exchangeContent(spec.directory);
      await bringUp(branch, record, made);
    } catch (error) {
      await life.layDown(branch, record);
      await putBackContent(spec.directory);
      if (ran) await life.awaken(branch, record).catch(parts.report);
      throw diskError(error, spec.directory);
    }
    await keepContent(spec.directory);
  };

  /** The record of a branch that is whole and ours. */
  const own = async (spec: ResourceSpec): Promise<BranchRecord> => {
    const record = await readBranchRecord(spec.directory);
    if (record?.complete && record.nonce === spec.nonce) return record;
    if (record && record.nonce !== spec.nonce) throw foreign(spec);
    throw new WtError({
      kind: "not_found",
      code: "database_absent",
      message: `The database ${spec.name} does not exist.`,
      hints: ["Run `wt up`."],
    });
  };

  return {
    observe: (spec) => observe(spec, life.branch(spec)),
    ensure: (spec, call) =>
      life.exclusively(spec, async (branch) => {
        const record = await readBranchRecord(spec.directory);
        if (record && record.nonce !== spec.nonce) throw foreign(spec);
        if (!record?.complete) return create(branch, call);
        await settleContent(spec.directory, clock);
        const moved = await movePort(branch, record, life);
        await life.awaken(branch, moved, call.abort);
        await reportChanges(spec, moved, call);
        return connectionOf(connectionVariables(moved));
      }),
    reset: (spec, call) =>
      life.exclusively(spec, async (branch) => {
        const record = await own(spec);
        await settleContent(spec.directory, clock);
        const prepared = await prepare(spec, call);
        const { template, programs, inputs, method } = prepared;
        const about = { major: programs.major, version: programs.version, template: template.key, method, inputsHash: inputs.inputsHash };
        const next = { ...record, ...about };
        await exchange(branch, next, { inputs, call });
        await writeBranchRecord(spec.directory, next);
        return connectionOf(connectionVariables(next));
      }),
    remove: (spec) =>
      life.exclusively(spec, async (branch) => {
        const record = await readBranchRecord(spec.directory);
        if (record && record.nonce !== spec.nonce) throw foreign(spec);
        await life.halt(branch);
        await removeDirectory(spec, parts.stateDirectory);
        life.forget(branch);
      }),
    async connection(spec) {
      const record = await readBranchRecord(spec.directory);
      return record?.complete && record.nonce === spec.nonce ? connectionOf(connectionVariables(record)) : null;
    },
    checkpoint: (spec, id) =>
      life.exclusively(spec, async (branch) => {
        const record = await own(spec);
        checkpointData(spec.directory, id);
        const probe = await templates.cloneMethod(spec.directory);
        const ran = (await findServer(branch.place)) !== null;
        // Clients that connect meanwhile wait at the listener.
        if (ran) await life.layDown(branch, record);
        try {
          await writeCheckpoint(spec.directory, id, { probe, path });
        } finally {
          if (ran) await life.awaken(branch, record);
        }
        await syncFileSystem(spec.directory);
      }),
    restore: (spec, id) =>
      life.exclusively(spec, async (branch) => {
        const record = await own(spec);
        const data = checkpointData(spec.directory, id);
        if (!existsSync(data))
          throw new WtError({ kind: "not_found", code: "checkpoint_absent", message: `There is no checkpoint ${id}.` });
        await settleContent(spec.directory, clock);
        const probe = await templates.cloneMethod(spec.directory);
        await prepareContent(spec.directory, { probe, from: data, path });
        await exchange(branch, { ...record, major: readMajor(data) ?? record.major }, { inputs: null, call: null });
      }),
    removeCheckpoint: (spec, id) =>
      life.exclusively(spec, async () => {
        await removeTree(dirname(checkpointData(spec.directory, id)));
      }),
    sleep: (spec) => life.exclusively(spec, async (branch) => life.rest(branch, await own(spec))),
    wake: (spec) => life.exclusively(spec, async (branch) => life.awaken(branch, await own(spec))),
    async usage(spec) {
      const { data } = life.branch(spec).place;
      if (!existsSync(data)) return { exclusiveBytes: 0, sharedBytes: 0, how: "there is no database" };
      return readDiskUsage(data, path);
    },
    adopt: (spec) =>
      life.exclusively(spec, async (branch) => {
        const record = await readBranchRecord(spec.directory);
        if (!record?.complete || record.nonce !== spec.nonce) return;
        await settleContent(spec.directory, clock);
        if (await findServer(branch.place)) await life.awaken(branch, record);
        else await life.layDown(branch, record);
      }),
    close: () => life.close(),
  };
}

interface Prepared {
  template: Template;
  programs: ServerPrograms;
  inputs: BranchInputs;
  method: string;
}

function branchOptions(spec: ResourceSpec): BranchOptions {
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

async function observe(spec: ResourceSpec, branch: Branch): Promise<ResourceObservation> {
  const record = await readBranchRecord(spec.directory);
  if (!record) {
    const entry = entryAt(spec.directory);
    return entry ? { state: "broken", reason: "it was left half-made; `wt up` makes it anew" } : { state: "absent" };
  }
  if (record.nonce !== spec.nonce) return { state: "foreign", reason: "its directory belongs to another environment" };
  if (!record.complete) return { state: "broken", reason: "it was left half-made; `wt up` makes it anew" };
  const detail = `PostgreSQL ${record.version}, ${record.method === "copy" ? "full copy" : `copy-on-write (${record.method})`}`;
  if (await findServer(branch.place)) return { state: "ready", detail };
  if (branch.problem) return { state: "broken", reason: branch.problem };
  return branch.listener
    ? { state: "asleep", detail }
    : { state: "broken", reason: "its server does not run and nothing waits to start it" };
}

/** The lease may have been made anew on another port; then the server moves there. */
async function movePort(branch: Branch, record: BranchRecord, life: { halt(branch: Branch): Promise<void> }): Promise<BranchRecord> {
  const { spec } = branch;
  if (spec.port === null || spec.port === record.port) return record;
  await life.halt(branch);
  const moved = { ...record, port: spec.port };
  await writeBranchRecord(spec.directory, moved);
  return moved;
}

/** What wt.yaml wants by now and this database is not; it is the user's to decide. */
async function reportChanges(spec: ResourceSpec, record: BranchRecord, call: ResourceCall): Promise<void> {
  const options = branchOptions(spec);
  if (options.version !== null && options.version !== record.major) {
    call.report(`note: wt.yaml asks for PostgreSQL ${options.version}, this database has ${record.major}; \`wt db reset\` makes it anew`);
  }
  if (record.inputsHash === null || options.inputs.length === 0) return;
  const inputs = await readBranchInputs(spec, options);
  if (inputs.inputsHash !== record.inputsHash) {
    call.report("note: the files under `inputs:` changed since this database was made; run the migration, or `wt db reset`");
  }
}

function isStartFailure(error: unknown): boolean {
  return error instanceof WtError && error.code === "postgres_start_failed";
}

async function removeDirectory(spec: ResourceSpec, stateDirectory: string): Promise<void> {
  if (!entryAt(spec.directory)) return;
  const place = await moveToTrash(spec.directory, join(stateDirectory, "postgres/trash"));
  const left = await findServerProcesses(join(place ?? spec.directory, "data"));
  if (left.length > 0) throw new Error(`the server of ${spec.name} runs on after it was stopped`);
  await removeTree(place ?? spec.directory);
}

function foreign(spec: ResourceSpec): WtError {
  return new WtError({
    kind: "refused",
    code: "database_foreign",
    message: `The database in ${spec.directory} belongs to another environment.`,
    hints: ["Nothing was changed. Run `wt doctor`."],
  });
}
