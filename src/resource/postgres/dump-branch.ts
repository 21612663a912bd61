// A branch's content as a dump, and a dump as a branch's content.
import { asLoading } from "../as-loading.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { settleContent } from "./branch-content.ts";
import { type BranchParts, branchOptions, exchangeBranch, prepareBranch } from "./branch-making.ts";
import { readOwnRecord, writeBranchRecord } from "./branch-record.ts";
import type { BranchServer } from "./branch-server.ts";
import { dumpDatabase } from "./dump-database.ts";
import { whileAwake, withAdminVariables } from "./inspect-branch.ts";
import type { BranchOptions } from "./postgres-options.ts";

export function dumpVerbs(parts: BranchParts): Required<Pick<BranchServer, "dump" | "load">> {
  const { life, programs, path, clock } = parts;
  return {
    // Alone with the branch: nobody resets it meanwhile or puts it to sleep.
    dump: (spec, wish, call) =>
      life.exclusively(spec, async (branch) => {
        const record = await readOwnRecord(spec);
        const { directory } = await programs(record.major);
        return whileAwake({ life, branch, record, abort: call.abort }, () =>
          withAdminVariables(spec, record.port, (connection) =>
            dumpDatabase(wish, { connection, major: record.major, searchPath: path, programs: directory, abort: call.abort }),
          ),
        );
      }),
    load: (spec, from, call) =>
      life.exclusively(spec, async (branch) => {
        const record = await readOwnRecord(spec);
        await settleContent(spec.directory, clock);
        // What is made of the dump stays like any template until `wt db gc` finds that no branch lies upon it.
        const prepared = await prepareBranch(parts, fromDump(spec, from, record.major), call).catch(asLoading(from));
        const { template, programs: found, method } = prepared;
        const next = { ...record, major: found.major, version: found.version, template: template.key, method, inputsHash: null };
        await exchangeBranch(parts, branch, { record: next, after: { commands: [], call } });
        await writeBranchRecord(spec.directory, next);
      }),
  };
}

/** The same resource as wt.yaml would have it if it began with this dump and nothing else. */
function fromDump(spec: ResourceSpec, from: string, major: number): ResourceSpec {
  const bare = { from, migrate: null, seed: null, mask: null, inputs: [], extensions: [], version: major } satisfies Partial<BranchOptions>;
  const { stageInputs: _, ...options } = branchOptions(spec) as BranchOptions & { stageInputs?: unknown };
  return { ...spec, options: { ...(options as unknown as ResourceSpec["options"]), ...bare } };
}
