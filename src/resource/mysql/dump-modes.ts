// Looking into, dumping and loading, in each of the modes a database can be in.
import { WtError } from "../../errors/wt-error.ts";
import { databaseAbsent } from "../database-absent.ts";
import type { ResourceConnection, ResourceSpec } from "../resource-driver.ts";
import type { BranchServer } from "./branch-server.ts";
import { loginWay } from "./client-programs.ts";
import { loadOnServer } from "./database-on-server.ts";
import { dumpDatabase } from "./dump-database.ts";
import { inspectDatabase } from "./inspect-database.ts";
import { type Login, loginOfUrl } from "./mysql-connection.ts";
import { mysqlOptions } from "./mysql-options.ts";
import { asUser } from "./mysql-session.ts";

type Tool = "inspect" | "contentMark" | "inputsChanged" | "dump" | "load";

export function contentTools(of: {
  branch: BranchServer;
  connection: BranchServer["connection"];
  /** PATH. */
  path: string;
}): Required<Pick<BranchServer, Tool>> {
  const { branch, connection, path } = of;
  const isBranch = (spec: ResourceSpec) => mysqlOptions(spec.options).mode === "branch";
  return {
    async inspect(spec, how) {
      if (isBranch(spec) && branch.inspect) return branch.inspect(spec, how);
      const login = present(spec, await connection(spec));
      return asUser(login, `resources.${spec.name}`, (session) => inspectDatabase(session, { database: login.database, how }));
    },
    contentMark: async (spec) => (isBranch(spec) ? ((await branch.contentMark?.(spec)) ?? null) : null),
    inputsChanged: async (spec) => (isBranch(spec) ? ((await branch.inputsChanged?.(spec)) ?? null) : null),
    async dump(spec, wish, call) {
      if (isBranch(spec) && branch.dump) return branch.dump(spec, wish, call);
      const login = present(spec, await connection(spec));
      return dumpDatabase(wish, { way: loginWay(login), database: login.database, searchPath: path, abort: call.abort });
    },
    async load(spec, from, call) {
      const { mode } = mysqlOptions(spec.options);
      if (mode === "branch" && branch.load) return branch.load(spec, from, call);
      if (mode === "server") return loadOnServer(spec, { path, from, call });
      throw notLoaded(spec);
    },
  };
}

/** The login that the environment itself has. */
function present(spec: ResourceSpec, found: ResourceConnection | null): Login {
  const url = found?.values.url;
  if (url !== undefined) return loginOfUrl(url);
  throw databaseAbsent(spec.name);
}

function notLoaded(spec: ResourceSpec): WtError {
  return new WtError({
    kind: "refused",
    code: "database_shared",
    message: `The database ${spec.name} is shared by everybody, so a dump is not put in its place.`,
    hints: ["Load it with that database's own tools: wt db url"],
  });
}
