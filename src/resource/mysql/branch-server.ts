// A server of its own for every environment: copied from a template, started on its leased port, put to sleep when nobody uses it.
import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { readBlockUsage } from "../../os/block-usage.ts";
import type { Clock } from "../../os/clock.ts";
import { entryAt, moveToTrash, removeTree } from "../../os/files.ts";
import { checkpointPlace } from "../../os/owned-entry.ts";
import type { ResourceCall, ResourceDriver, ResourceObservation, ResourceSpec } from "../resource-driver.ts";
import { prepareContent, refuseTaken, settleContent } from "./branch-content.ts";
import { readBranchInputs } from "./branch-inputs.ts";
import { type Branch, createBranchLife } from "./branch-life.ts";
import {
  type BranchParts,
  branchConnection,
  branchOptions,
  checkRoom,
  createBranch,
  exchangeBranch,
  forkBranch,
  forkStaging,
  resetBranch,
} from "./branch-making.ts";
import { type BranchRecord, foreignBranch, readBranchRecord, readOwnRecord, writeBranchRecord } from "./branch-record.ts";
import { dumpVerbs } from "./dump-branch.ts";
import { inspectVerbs } from "./inspect-branch.ts";
import { captureData, thaw } from "./live-capture.ts";
import { findServer } from "./mysql-server.ts";
import { type Runner, serverHome } from "./server-home.ts";
import { type Flavor, programTitle, type ServerPrograms } from "./server-programs.ts";
import type { Templates } from "./templates.ts";

export type BranchServer = Omit<ResourceDriver, "type" | "features" | "variableNames" | "parseOptions">;

export interface BranchServerOptions {
  /** Of everything of this driver. */
  root: string;
  clock: Clock;
  path: string;
  runner: () => Runner;
  programs: (version: string | null) => Promise<ServerPrograms>;
  /** For data that this version made. */
  programsFor: (made: { flavor: Flavor; version: string }) => Promise<ServerPrograms>;
  templates: Templates;
  report: (error: unknown) => void;
}

export function createBranchServer(options: BranchServerOptions): BranchServer {
  const life = createBranchLife(options);
  const parts: BranchParts = { ...options, life };
  return {
    ...contentVerbs(parts),
    ...checkpointVerbs(parts),
    ...inspectVerbs(parts),
    ...dumpVerbs(parts),
    observe: (spec) => observe(spec, life.branch(spec)),
    async connection(spec) {
      const record = await readBranchRecord(spec.directory);
      return record?.complete && record.nonce === spec.nonce ? branchConnection(spec, record) : null;
    },
    sleep: (spec) => life.exclusively(spec, async (branch) => life.rest(branch, await readOwnRecord(spec))),
    wake: (spec) => life.exclusively(spec, async (branch) => life.awaken(branch, await readOwnRecord(spec))),
    async usage(spec) {
      const { data } = serverHome(spec.directory);
      if (!existsSync(data)) return { exclusiveBytes: 0, sharedBytes: 0, how: "there is no database" };
      return readBlockUsage(data, options.path);
    },
    adopt: (spec) =>
      life.exclusively(spec, async (branch) => {
        await removeTree(forkStaging(spec.directory));
        const record = await readBranchRecord(spec.directory);
        if (!record?.complete || record.nonce !== spec.nonce) return;
        await thaw(branch.place.data);
        await settleContent(spec.directory, options.clock);
        if (await findServer(branch.place)) await life.awaken(branch, record);
        else await life.layDown(branch, record);
      }),
    close: () => life.close(),
  };
}

function contentVerbs(parts: BranchParts): Pick<BranchServer, "ensure" | "fork" | "reset" | "remove" | "retire"> {
  const { life, clock } = parts;
  return {
    ensure: (spec, call) =>
      life.exclusively(spec, async (branch) => {
        const record = await readBranchRecord(spec.directory);
        if (record && record.nonce !== spec.nonce) throw foreignBranch(spec);
        if (!record?.complete) return branchConnection(spec, await createBranch(parts, branch, call));
        await thaw(branch.place.data);
        await settleContent(spec.directory, clock);
        const moved = await movePort(branch, record, parts);
        await life.awaken(branch, moved, call.abort);
        await reportChanges(spec, moved, call);
        return branchConnection(spec, moved);
      }),
    fork: async (spec, source, call) => branchConnection(spec, await forkBranch(parts, spec, { source, call })),
    reset: (spec, call) => life.exclusively(spec, async (branch) => branchConnection(spec, await resetBranch(parts, branch, call))),
    retire: (spec) =>
      life.exclusively(spec, async (branch) => {
        const record = await readBranchRecord(spec.directory);
        if (!record?.complete || record.nonce !== spec.nonce) return false;
        await thaw(branch.place.data);
        await life.halt(branch);
        life.forget(branch);
        return true;
      }),
    remove: (spec) =>
      life.exclusively(spec, async (branch) => {
        const record = await readBranchRecord(spec.directory);
        if (record && record.nonce !== spec.nonce) throw foreignBranch(spec);
        await thaw(branch.place.data);
        await life.halt(branch);
        await removeTree(forkStaging(spec.directory));
        // At once: what is half removed would look half made.
        const place = existsSync(spec.directory) ? await moveToTrash(spec.directory, join(parts.root, "trash")) : null;
        await removeTree(place ?? spec.directory);
        life.forget(branch);
      }),
  };
}

function checkpointVerbs(parts: BranchParts): Pick<BranchServer, "checkpoint" | "restore" | "removeCheckpoint"> {
  const { life, clock, path, templates } = parts;
  return {
    checkpoint: (spec, id) =>
      life.exclusively(spec, async (branch) => {
        await readOwnRecord(spec);
        refuseTaken(spec.directory, id);
        await writeCheckpoint(parts, branch, id);
      }),
    restore: (spec, id) =>
      life.exclusively(spec, async (branch) => {
        const record = await readOwnRecord(spec);
        const data = join(checkpointPlace(spec, id), "data");
        if (!existsSync(data)) {
          throw new WtError({ kind: "not_found", code: "checkpoint_absent", message: `There is no checkpoint ${id}.` });
        }
        await settleContent(spec.directory, clock);
        const { method } = await templates.cloneMethod(spec.directory);
        await checkRoom(spec.directory, { data, method, path });
        await prepareContent(spec.directory, { method, from: data, path });
        await exchangeBranch(parts, branch, { record, commands: [], call: null });
      }),
    removeCheckpoint: (spec, id) => life.exclusively(spec, () => removeTree(checkpointPlace(spec, id))),
  };
}

async function writeCheckpoint(parts: BranchParts, branch: Branch, id: string): Promise<void> {
  const target = checkpointPlace(branch.spec, id);
  // No id begins with a dot.
  const partial = join(dirname(target), `.${id}`);
  await removeTree(partial);
  await mkdir(partial, { recursive: true, mode: 0o700 });
  try {
    const { method } = await parts.templates.cloneMethod(partial);
    await checkRoom(partial, { data: branch.place.data, method, path: parts.path });
    await captureData(parts, branch, { to: join(partial, "data") });
    await rename(partial, target);
  } finally {
    await removeTree(partial);
  }
}

async function observe(spec: ResourceSpec, branch: Branch): Promise<ResourceObservation> {
  const record = await readBranchRecord(spec.directory);
  if (!record) {
    return entryAt(spec.directory) ? { state: "broken", reason: "it was left half-made; `wt up` makes it anew." } : { state: "absent" };
  }
  if (record.nonce !== spec.nonce) return { state: "foreign", reason: "its directory belongs to another environment." };
  if (!record.complete) return { state: "broken", reason: "it was left half-made; `wt up` makes it anew." };
  const detail = `${programTitle(record)}, ${record.method === "copy" ? "full copy" : `copy-on-write (${record.method})`}`;
  if (await findServer(branch.place)) return { state: "ready", detail };
  if (branch.problem) return { state: "broken", reason: `${branch.problem.replace(/\.$/, "")}.` };
  return branch.listener
    ? { state: "asleep", detail }
    : { state: "broken", reason: "its server does not run and nothing waits to start it." };
}

/** The lease may have been made anew on another port; then the server moves there. */
async function movePort(branch: Branch, record: BranchRecord, { life }: BranchParts): Promise<BranchRecord> {
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
  if (options.version !== null && !`${record.version}.`.startsWith(`${options.version}.`)) {
    call.report(`it is of ${programTitle(record)}, wt.yaml says ${options.version}; \`wt db reset\` makes it anew`);
  }
  if (options.inputs.length === 0 || record.inputsHash === null) return;
  const { inputsHash } = await readBranchInputs(spec, options);
  if (inputsHash !== record.inputsHash) call.report("the files of its migrations changed; run them, or make it anew with `wt db reset`");
}
