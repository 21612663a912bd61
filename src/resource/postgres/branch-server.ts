// A server of its own for every environment: copied from a template, started on its leased port, put to sleep when nobody uses it.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { readBlockUsage } from "../../os/block-usage.ts";
import type { Clock } from "../../os/clock.ts";
import { methodWords } from "../../os/clone-method.ts";
import { entryAt, moveToTrash, removeTree } from "../../os/files.ts";
import type { ServerUser } from "../../os/server-user.ts";
import type { ResourceCall, ResourceDriver, ResourceObservation, ResourceSpec } from "../resource-driver.ts";
import { checkpointData, prepareContent, refuseTaken, settleContent, writeCheckpoint } from "./branch-content.ts";
import { readBranchInputs } from "./branch-inputs.ts";
import { type Branch, type BranchLife, createBranchLife } from "./branch-life.ts";
import { type BranchParts, branchOptions, createBranch, exchangeBranch, prepareBranch } from "./branch-making.ts";
import { type BranchRecord, foreignBranch, readBranchRecord, readOwnRecord, writeBranchRecord } from "./branch-record.ts";
import { syncFileSystem } from "./build-template.ts";
import { appLogin, connectionOf } from "./connection.ts";
import { readMajor } from "./data-directory.ts";
import { createDiskGuard } from "./disk-guard.ts";
import { dumpVerbs } from "./dump-branch.ts";
import { inspectVerbs } from "./inspect-branch.ts";
import { unloggedTables } from "./live-defuse.ts";
import { captureBranch, forkBranch, forkStaging } from "./live-fork.ts";
import { thawServer } from "./live-freeze.ts";
import { findServer, isCarried, serverPlace } from "./postmaster.ts";
import type { ServerPrograms } from "./server-programs.ts";
import { findServerProcesses } from "./server-spawn.ts";
import type { Templates } from "./templates.ts";

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

export function createBranchServer(options: BranchServerOptions): BranchServer {
  const disk = createDiskGuard({ ...options, running: () => life.awake(), stop: (spec) => stopForRoom(life, spec) });
  const life: BranchLife = createBranchLife({ ...options, disk });
  const parts: BranchParts = { ...options, life };
  return {
    ...contentVerbs(parts),
    ...checkpointVerbs(parts),
    ...inspectVerbs(parts),
    ...dumpVerbs(parts),
    observe: (spec) => observe(spec, life.branch(spec)),
    async connection(spec) {
      const record = await readBranchRecord(spec.directory);
      return record?.complete && record.nonce === spec.nonce ? connectionOf(appLogin(record), branchOptions(spec).variable) : null;
    },
    sleep: (spec) => life.exclusively(spec, async (branch) => life.rest(branch, await readOwnRecord(spec))),
    wake: (spec) =>
      life.exclusively(spec, async (branch) => {
        disk.forgive(spec.directory);
        await life.awaken(branch, await readOwnRecord(spec));
      }),
    async usage(spec) {
      const { data } = serverPlace(spec.directory);
      if (!existsSync(data)) return { exclusiveBytes: 0, sharedBytes: 0, how: "there is no database" };
      return readBlockUsage(data, options.path);
    },
    adopt: (spec) =>
      life.exclusively(spec, async (branch) => {
        disk.watch();
        await removeTree(forkStaging(spec.directory));
        const record = await readBranchRecord(spec.directory);
        if (!record?.complete || record.nonce !== spec.nonce) return;
        // A daemon that was killed while it copied may have left it held still.
        await thawServer(branch.place);
        await settleContent(spec.directory, options.clock);
        if (await findServer(branch.place)) await life.awaken(branch, record);
        else await life.layDown(branch, record);
      }),
    close() {
      disk.close();
      return life.close();
    },
  };
}

/** Nothing is stopped that is being made: it fails by itself, and is taken away. */
function stopForRoom(life: BranchLife, spec: ResourceSpec): Promise<void> {
  return life.exclusively(spec, async (branch) => {
    const record = await readBranchRecord(spec.directory);
    if (record?.complete) await life.layDown(branch, record);
  });
}

function contentVerbs(parts: BranchParts): Pick<BranchServer, "ensure" | "fork" | "reset" | "remove" | "retire"> {
  const { life, clock } = parts;
  return {
    fork: (spec, source, call) => forkBranch(parts, spec, { source, call }),
    ensure: (spec, call) =>
      life.exclusively(spec, async (branch) => {
        const record = await readBranchRecord(spec.directory);
        if (record && record.nonce !== spec.nonce) throw foreignBranch(spec);
        if (!record?.complete) return createBranch(parts, branch, call);
        await settleContent(spec.directory, clock);
        const moved = await movePort(branch, record, life);
        await life.awaken(branch, moved, { abort: call.abort });
        await reportChanges(spec, moved, call);
        return connectionOf(appLogin(moved), branchOptions(spec).variable);
      }),
    reset: (spec, call) =>
      life.exclusively(spec, async (branch) => {
        const record = await readOwnRecord(spec);
        await settleContent(spec.directory, clock);
        const { template, programs, inputs, method } = await prepareBranch(parts, spec, call);
        const about = { major: programs.major, version: programs.version, template: template.key, method, inputsHash: inputs.inputsHash };
        const next = { ...record, ...about };
        await exchangeBranch(parts, branch, { record: next, after: { commands: inputs.branchCommands, call } });
        await writeBranchRecord(spec.directory, next);
        return connectionOf(appLogin(next), branchOptions(spec).variable);
      }),
    retire: (spec) =>
      life.exclusively(spec, async (branch) => {
        const record = await readBranchRecord(spec.directory);
        if (!record?.complete || record.nonce !== spec.nonce) return false;
        await thawServer(branch.place);
        await life.halt(branch);
        life.forget(branch);
        return true;
      }),
    remove: (spec) =>
      life.exclusively(spec, async (branch) => {
        const record = await readBranchRecord(spec.directory);
        if (record && record.nonce !== spec.nonce) throw foreignBranch(spec);
        await life.halt(branch);
        await removeDirectory(spec, parts.stateDirectory);
        life.forget(branch);
      }),
  };
}

function checkpointVerbs(parts: BranchParts): Pick<BranchServer, "checkpoint" | "restore" | "removeCheckpoint"> {
  const { life, clock, path, templates } = parts;
  return {
    checkpoint: (spec, id, report) =>
      life.exclusively(spec, async (branch) => {
        const record = await readOwnRecord(spec);
        refuseTaken(spec.directory, id);
        await writeCheckpoint(spec.directory, id, async (to) => {
          const { way } = await captureBranch(parts, branch, { record, to });
          const emptied = way === "asleep" || way === "stopped" ? [] : await unloggedTables(branch.place, record.port);
          if (emptied.length > 0) report?.(`Unlogged tables of ${spec.name} will be empty after a restore: ${emptied.join(", ")}.`);
        });
        await syncFileSystem(spec.directory);
      }),
    restore: (spec, id) =>
      life.exclusively(spec, async (branch) => {
        const record = await readOwnRecord(spec);
        const data = checkpointData(spec.directory, id);
        if (!existsSync(data))
          throw new WtError({ kind: "not_found", code: "checkpoint_absent", message: `There is no checkpoint ${id}.` });
        await settleContent(spec.directory, clock);
        const probe = await templates.cloneMethod(spec.directory);
        await prepareContent(spec.directory, { probe, from: data, path });
        const restored = { ...record, major: readMajor(data) ?? record.major };
        await exchangeBranch(parts, branch, { record: restored, after: { commands: [], call: null } });
        await writeBranchRecord(spec.directory, restored);
      }),
    removeCheckpoint: (spec, id) =>
      life.exclusively(spec, async () => {
        await removeTree(dirname(checkpointData(spec.directory, id)));
      }),
  };
}

async function observe(spec: ResourceSpec, branch: Branch): Promise<ResourceObservation> {
  const record = await readBranchRecord(spec.directory);
  if (!record) {
    const entry = entryAt(spec.directory);
    return entry ? { state: "broken", reason: "it was left half-made; `wt up` makes it anew." } : { state: "absent" };
  }
  if (record.nonce !== spec.nonce) return { state: "foreign", reason: "its directory belongs to another environment." };
  if (!record.complete) return { state: "broken", reason: "it was left half-made; `wt up` makes it anew." };
  const detail = `PostgreSQL ${record.version}, ${methodWords(record.method)}`;
  if (await findServer(branch.place)) {
    // Nobody gets through to its socket.
    if (branch.problem && !branch.listener && (await isCarried(branch.place))) return { state: "broken", reason: sentence(branch.problem) };
    return { state: "ready", detail };
  }
  if (branch.problem) return { state: "broken", reason: sentence(branch.problem) };
  return branch.listener
    ? { state: "asleep", detail }
    : { state: "broken", reason: "its server does not run and nothing waits to start it." };
}

function sentence(text: string): string {
  return text.endsWith(".") ? text : `${text}.`;
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

async function removeDirectory(spec: ResourceSpec, stateDirectory: string): Promise<void> {
  if (!entryAt(spec.directory)) return;
  const place = await moveToTrash(spec.directory, join(stateDirectory, "postgres/trash"));
  const left = await findServerProcesses(join(place ?? spec.directory, "data"));
  if (left.length > 0) throw new Error(`the server of ${spec.name} runs on after it was stopped`);
  await removeTree(place ?? spec.directory);
}
