// A branch's content as a dump, and a dump as a branch's content.
import { asLoading } from "../as-loading.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { settleContent } from "./branch-content.ts";
import { type BranchParts, branchOptions, exchangeBranch, prepareBranch } from "./branch-making.ts";
import { type BranchRecord, readOwnRecord } from "./branch-record.ts";
import type { BranchServer } from "./branch-server.ts";
import { withRootWay } from "./client-programs.ts";
import { dumpDatabase } from "./dump-database.ts";
import { whileAwake } from "./inspect-branch.ts";
import { appName } from "./mysql-connection.ts";
import type { BranchOptions } from "./mysql-options.ts";

export function dumpVerbs(parts: BranchParts): Required<Pick<BranchServer, "dump" | "load">> {
  const { life, path, clock } = parts;
  return {
    // Alone with the branch: nobody resets it meanwhile or puts it to sleep.
    dump: (spec, wish, call) =>
      life.exclusively(spec, async (branch) => {
        const record = await readOwnRecord(spec);
        const { abort } = call;
        return whileAwake(parts, { branch, record, abort }, () =>
          withRootWay(branch.place, (way) => dumpDatabase(wish, { way, database: appName, searchPath: path, abort })),
        );
      }),
    load: (spec, from, call) =>
      life.exclusively(spec, async (branch) => {
        const record = await readOwnRecord(spec);
        await settleContent(spec.directory, clock);
        // What is made of the dump stays like any template until `wt db gc` finds that nothing would be made from it.
        const { made } = await prepareBranch(parts, fromDump(spec, from, record), call).catch(asLoading(from));
        await exchangeBranch(parts, branch, { record: { ...record, ...made, inputsHash: null }, commands: [], call });
      }),
  };
}

/** The same resource as wt.yaml would have it if it began with this dump and nothing else. */
function fromDump(spec: ResourceSpec, from: string, record: BranchRecord): ResourceSpec {
  const version = record.version.split(".").slice(0, 2).join(".");
  const bare = { from, migrate: null, seed: null, mask: null, inputs: [], stageInputs: null, version } satisfies Partial<BranchOptions>;
  return { ...spec, options: { ...(branchOptions(spec) as unknown as ResourceSpec["options"]), ...bare } };
}
