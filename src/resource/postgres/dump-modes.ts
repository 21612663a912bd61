// Looking into, dumping and loading, in each of the modes a database can be in.
import { WtError } from "../../errors/wt-error.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import type { BranchServer } from "./branch-server.ts";
import { loadOnServer, readingVerbs } from "./dump-server.ts";
import { postgresOptions } from "./postgres-options.ts";

type Tool = "inspect" | "contentMark" | "inputsChanged" | "dump" | "load";

export function contentTools(of: {
  branch: BranchServer;
  connection: BranchServer["connection"];
  /** PATH. */
  path: string;
}): Required<Pick<BranchServer, Tool>> {
  const { branch, connection, path } = of;
  const reading = readingVerbs({ connection, path });
  const isBranch = (spec: ResourceSpec) => postgresOptions(spec.options).mode === "branch";
  return {
    inspect: async (spec, how) => (isBranch(spec) && branch.inspect ? branch.inspect(spec, how) : reading.inspect(spec, how)),
    contentMark: async (spec) => (isBranch(spec) ? ((await branch.contentMark?.(spec)) ?? null) : null),
    inputsChanged: async (spec) => (isBranch(spec) ? ((await branch.inputsChanged?.(spec)) ?? null) : null),
    dump: async (spec, wish, call) => (isBranch(spec) && branch.dump ? branch.dump(spec, wish, call) : reading.dump(spec, wish, call)),
    async load(spec, from, call) {
      const options = postgresOptions(spec.options);
      if (options.mode === "branch" && branch.load) return branch.load(spec, from, call);
      if (options.mode === "server") return loadOnServer(spec, { connection, path, from, options, call });
      throw notLoaded(spec, options.mode);
    },
  };
}

function notLoaded(spec: ResourceSpec, mode: string): WtError {
  const why = mode === "shared" ? "is shared by everybody" : "lives on a service of its own";
  return new WtError({
    kind: "refused",
    code: mode === "shared" ? "database_shared" : "load_unsupported",
    message: `The database ${spec.name} ${why}, so a dump is not put in its place.`,
    hints: ["Load it with that database's own tools: wt db url"],
  });
}
