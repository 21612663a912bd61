// `type: mysql` and `type: mariadb`: a server of its own for every environment, a database of its own on a server that is there, or one that all
// share.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import type { ResourceConnection, ResourceDriver, ResourceSpec, StorageDescription } from "../resource-driver.ts";
import { type BranchServer, createBranchServer } from "./branch-server.ts";
import { createDatabaseOnServer } from "./database-on-server.ts";
import { contentTools } from "./dump-modes.ts";
import { connectionOf, loginDetail, loginOfUrl, variableNames } from "./mysql-connection.ts";
import { mysqlIdentity } from "./mysql-identity.ts";
import { mysqlOptions, parseMysqlOptions } from "./mysql-options.ts";
import { asUser } from "./mysql-session.ts";
import { findRunner, type Runner } from "./server-home.ts";
import { type Flavor, findServerPrograms, programTitle, type ServerPrograms } from "./server-programs.ts";
import { templateService } from "./template-service.ts";
import { createTemplates, type Templates } from "./templates.ts";

export interface MysqlDriverOptions {
  type: Flavor;
  /** The world's state directory; templates lie in `mysql/` or `mariadb/` below it. */
  stateDirectory: string;
  clock: Clock;
  /** PATH that programs are searched on; default: this process's own. */
  path?: string;
  /** Takes what goes wrong in the background. */
  report?: (error: unknown) => void;
}

export function createMysqlDriver(options: MysqlDriverOptions): ResourceDriver {
  const { type, stateDirectory, clock, path = process.env.PATH ?? "", report = ignore } = options;
  let known: Runner | undefined;
  const runner = () => (known ??= findRunner(path));
  const finder = createProgramFinder(type, path);
  const root = join(stateDirectory, type);
  const templates = createTemplates({ root, clock, path, runner });
  const branch = createBranchServer({ root, clock, path, runner, ...finder, templates, report });
  const modes = byMode({ branch, server: createDatabaseOnServer({ path }) });
  return {
    type,
    features: { checkpoints: true, sleep: true, port: true },
    identity: (written) => mysqlIdentity(type, written),
    variableNames: (written) => variableNames(mysqlOptions(written).variable),
    parseOptions: parseMysqlOptions,
    ...modes,
    ...contentTools({ branch, connection: modes.connection, path }),
    templates: templateService({ templates, stateDirectory, programs: finder.programs, path }),
    describeStorage: (spec) => describeStorage(templates, root, spec),
  };
}

/** null: no database of this kind was ever made here, or this one is not copied. */
async function describeStorage(templates: Templates, root: string, spec?: ResourceSpec): Promise<StorageDescription | null> {
  if (spec ? mysqlOptions(spec.options).mode !== "branch" : !existsSync(templates.store.places.sealed)) return null;
  const { method, proof, rejected, fileSystem } = await templates.cloneMethod(spec && existsSync(spec.directory) ? spec.directory : root);
  return { method, proof, large: null, rejected: rejected.filter((one) => one.method !== "overlay"), fileSystem };
}

interface ProgramFinder {
  programs(version: string | null): Promise<ServerPrograms>;
  programsFor(made: { flavor: Flavor; version: string }): Promise<ServerPrograms>;
}

/** Looking at every program of the machine takes a moment, so what was found is remembered while it is there. */
function createProgramFinder(type: Flavor, path: string): ProgramFinder {
  const found = new Map<string, ServerPrograms>();
  const find = async (wanted: Flavor, version: string | null): Promise<ServerPrograms> => {
    const key = `${wanted} ${version}`;
    const before = found.get(key);
    if (before && existsSync(before.server)) return before;
    const now = await findServerPrograms({ type: wanted, version, path });
    found.set(key, now);
    return now;
  };
  return {
    programs: (version) => find(type, version),
    async programsFor(made) {
      const series = made.version.split(".").slice(0, 2).join(".");
      const programs = await find(made.flavor, series);
      if (programs.flavor === made.flavor) return programs;
      throw new WtError({
        kind: "machine",
        code: "mysql_missing",
        message: `This database was made with ${programTitle(made)}, and here is only ${programTitle(programs)}.`,
        hints: ["Install that one, or make the database anew with `wt db reset`."],
      });
    },
  };
}

interface Modes {
  branch: BranchServer;
  server: BranchServer;
}

/** Each verb goes to what wt.yaml asks for: a branch, a database on a server, or the shared one. */
function byMode(modes: Modes): BranchServer {
  const own = (spec: ResourceSpec) => (mysqlOptions(spec.options).mode === "server" ? modes.server : modes.branch);
  const refuse = (spec: ResourceSpec, what: string) => {
    if (sharedUrl(spec) !== null) throw sharedRefusal(spec, what);
  };
  return {
    async observe(spec) {
      const url = sharedUrl(spec);
      return url === null ? own(spec).observe(spec) : { state: "shared", detail: loginDetail(loginOfUrl(url)) };
    },
    async ensure(spec, call) {
      const url = sharedUrl(spec);
      if (url === null) return own(spec).ensure(spec, call);
      await asUser(loginOfUrl(url), `resources.${spec.name}.url`, async () => undefined);
      return sharedConnection(spec, url);
    },
    async fork(spec, source, call) {
      refuse(spec, "filled from another environment");
      refuse(source, "copied");
      const [from, to] = [own(source), own(spec)];
      if (from !== to || !to.fork) throw forkRefusal(spec, source);
      return to.fork(spec, source, call);
    },
    async reset(spec, call) {
      refuse(spec, "reset");
      return own(spec).reset(spec, call);
    },
    async remove(spec) {
      if (mysqlOptions(spec.options).mode === "server") await modes.server.remove(spec);
      // Also when wt.yaml says something else by now: a branch from before goes.
      await modes.branch.remove(spec);
    },
    async retire(spec) {
      if (sharedUrl(spec) !== null) return true;
      return (await own(spec).retire?.(spec)) ?? false;
    },
    async connection(spec) {
      const url = sharedUrl(spec);
      return url === null ? own(spec).connection(spec) : sharedConnection(spec, url);
    },
    async checkpoint(spec, id) {
      refuse(spec, "kept as a checkpoint");
      return own(spec).checkpoint(spec, id);
    },
    async restore(spec, id) {
      refuse(spec, "restored");
      return own(spec).restore(spec, id);
    },
    removeCheckpoint: async (spec, id) => (sharedUrl(spec) === null ? own(spec).removeCheckpoint(spec, id) : undefined),
    sleep: async (spec) => (sharedUrl(spec) === null ? own(spec).sleep(spec) : false),
    wake: async (spec) => (sharedUrl(spec) === null ? own(spec).wake(spec) : undefined),
    async usage(spec) {
      if (sharedUrl(spec) === null) return own(spec).usage(spec);
      return { exclusiveBytes: 0, sharedBytes: null, how: "the database is shared by everybody" };
    },
    adopt: async (spec) => (sharedUrl(spec) === null ? own(spec).adopt(spec) : undefined),
    close: () => modes.branch.close(),
  };
}

/** null: it is not the shared one. */
function sharedUrl(spec: ResourceSpec): string | null {
  const options = mysqlOptions(spec.options);
  return options.mode === "shared" ? options.url : null;
}

function sharedConnection(spec: ResourceSpec, url: string): ResourceConnection {
  const { variable } = mysqlOptions(spec.options);
  return connectionOf(loginOfUrl(url), { variable, scheme: "mysql", url });
}

function sharedRefusal(spec: ResourceSpec, what: string): WtError {
  return new WtError({
    kind: "refused",
    code: "database_shared",
    message: `The database ${spec.name} is shared by everybody and is not ${what}.`,
    hints: ["Take `branch: shared` out of wt.yaml to give each environment its own."],
  });
}

function forkRefusal(spec: ResourceSpec, source: ResourceSpec): WtError {
  return new WtError({
    kind: "refused",
    code: "fork_refused",
    message: `The database ${spec.name} cannot be made from ${source.name} of the other environment: only one with a server of its own can be copied live.`,
    hints: ["On a server that is there already, `from:` names the database to copy."],
  });
}

function ignore(): void {
  // Nobody asked to hear of it.
}
