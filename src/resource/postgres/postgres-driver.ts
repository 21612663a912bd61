// `type: postgres`: a server of its own for every environment, a database of its own on a server that is there, or one that all share.
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import type { CloneProbe } from "../../os/clone-method.ts";
import { type ServerUser, serverUser } from "../../os/server-user.ts";
import type { ResourceDriver, ResourceSpec, ResourceTemplates } from "../resource-driver.ts";
import { type BranchServer, createBranchServer } from "./branch-server.ts";
import { connectionOf, variableNames } from "./connection.ts";
import { createDatabaseOnServer } from "./database-on-server.ts";
import { contentTools } from "./dump-modes.ts";
import { createNeonDatabase } from "./neon/neon-database.ts";
import { postgresIdentity } from "./postgres-identity.ts";
import { parsePostgresOptions, postgresOptions } from "./postgres-options.ts";
import { findServerPrograms, type ServerPrograms } from "./server-programs.ts";
import { findStrays } from "./server-strays.ts";
import { checkReachable, sharedDetail, sharedLogin } from "./shared-database.ts";
import { templateService } from "./template-service.ts";
import { createTemplates, type Templates } from "./templates.ts";

export interface PostgresDriverOptions {
  /** The world's state directory; templates lie in `postgres/` below it. */
  stateDirectory: string;
  clock: Clock;
  /** PATH that programs are searched on; default: this process's own. */
  path?: string;
  /** Takes what goes wrong in the background. */
  report?: (error: unknown) => void;
  /** From which size on databases are overlays where copies share nothing. */
  overlayFromBytes?: number;
  /** The daemon's own variables; a key of a remote service may be among them. */
  env?: Readonly<Record<string, string>>;
  /** The user's settings, where a file may hold such a key. */
  configDirectory?: string;
  /** Another address than Neon's, for tests. */
  neon?: { apiUrl: string; pollMs: number };
}

export interface PostgresDriver extends ResourceDriver {
  /** How databases are copied on this machine, with the proof; tried out when nothing is recorded. */
  describeStorage(): Promise<CloneProbe>;
  describeStorage(spec?: ResourceSpec): Promise<CloneProbe | null>;
  readonly templates: ResourceTemplates;
}

export function createPostgresDriver({
  stateDirectory,
  clock,
  path = process.env.PATH ?? "",
  report = ignore,
  overlayFromBytes,
  env = {},
  configDirectory,
  neon,
}: PostgresDriverOptions): PostgresDriver {
  let known: ServerUser | null | undefined;
  const user = () => {
    if (known === undefined) known = serverUser(path, { title: "PostgreSQL", user: "postgres" });
    return known;
  };
  const found = new Map<number | null, ServerPrograms>();
  const programs = async (major: number | null): Promise<ServerPrograms> => {
    const before = found.get(major);
    if (before && existsSync(join(before.directory, "postgres"))) return before;
    const now = await findServerPrograms(major, { path, stateDirectory, user: user() });
    found.set(major, now);
    return now;
  };
  const templates = createTemplates({ stateDirectory, clock, path, user, overlayFromBytes });
  const branches = createBranchServer({ stateDirectory, clock, path, user, programs, templates, report });
  const modes = byMode({
    branch: branches,
    server: createDatabaseOnServer(),
    remote: createNeonDatabase({ clock, env, configDirectory: configDirectory ?? null, ...neon }),
  });
  return {
    type: "postgres",
    features: { checkpoints: true, sleep: true, port: true },
    identity: postgresIdentity,
    variableNames: (options) => variableNames(postgresOptions(options).variable),
    keyNames: (written) => {
      const options = postgresOptions(written);
      return options.mode === "remote" ? [options.keyVariable] : [];
    },
    parseOptions: parsePostgresOptions,
    ...modes,
    ...contentTools({ branch: branches, connection: modes.connection, path }),
    findStrays,
    templates: templateService({ templates, programs, path }),
    describeStorage: storageOf(templates, stateDirectory),
  };
}

function storageOf(templates: Templates, stateDirectory: string): PostgresDriver["describeStorage"] {
  const describe = async (spec?: ResourceSpec) => {
    if (spec && postgresOptions(spec.options).mode !== "branch") return null;
    const place = spec && existsSync(spec.directory) ? spec.directory : join(stateDirectory, "postgres");
    await mkdir(place, { recursive: true, mode: 0o700 });
    return templates.cloneMethod(place);
  };
  return describe as PostgresDriver["describeStorage"];
}

interface Modes {
  branch: BranchServer;
  server: BranchServer;
  remote: BranchServer;
}

/** Each verb goes to what wt.yaml asks for: a branch, a database on a server, or the shared one. */
function byMode(modes: Modes): BranchServer {
  const shared = (spec: ResourceSpec): string | null => {
    const options = postgresOptions(spec.options);
    return options.mode === "shared" ? options.url : null;
  };
  const own = (spec: ResourceSpec) => {
    const { mode } = postgresOptions(spec.options);
    return mode === "shared" ? modes.branch : modes[mode];
  };
  const refuse = (spec: ResourceSpec, what: string) => {
    if (shared(spec) !== null) throw sharedRefusal(spec, what);
  };
  const connect = (spec: ResourceSpec, url: string) => connectionOf(sharedLogin(url), postgresOptions(spec.options).variable);
  return {
    async observe(spec) {
      const url = shared(spec);
      return url === null ? own(spec).observe(spec) : { state: "shared", detail: sharedDetail(url) };
    },
    async ensure(spec, call) {
      const url = shared(spec);
      if (url === null) return own(spec).ensure(spec, call);
      await checkReachable(url, `resources.${spec.name}.url`);
      return connect(spec, url);
    },
    async fork(spec, source, call) {
      const modeOf = (one: ResourceSpec) => postgresOptions(one.options).mode;
      if (modeOf(spec) !== "branch" || modeOf(source) !== "branch" || !modes.branch.fork) throw notForked(spec);
      return modes.branch.fork(spec, source, call);
    },
    async reset(spec, call) {
      refuse(spec, "reset");
      return own(spec).reset(spec, call);
    },
    async remove(spec) {
      if (own(spec) !== modes.branch) await own(spec).remove(spec);
      // Also when wt.yaml says something else by now: a branch from before goes.
      await modes.branch.remove(spec);
    },
    async retire(spec) {
      if (shared(spec) !== null) return true;
      return (await own(spec).retire?.(spec)) ?? false;
    },
    async connection(spec) {
      const url = shared(spec);
      return url === null ? own(spec).connection(spec) : connect(spec, url);
    },
    async checkpoint(spec, id, report) {
      refuse(spec, "kept as a checkpoint");
      return own(spec).checkpoint(spec, id, report);
    },
    async restore(spec, id) {
      refuse(spec, "restored");
      return own(spec).restore(spec, id);
    },
    removeCheckpoint: async (spec, id) => (shared(spec) === null ? own(spec).removeCheckpoint(spec, id) : undefined),
    sleep: async (spec) => (shared(spec) === null ? own(spec).sleep(spec) : false),
    wake: async (spec) => (shared(spec) === null ? own(spec).wake(spec) : undefined),
    async usage(spec) {
      if (shared(spec) === null) return own(spec).usage(spec);
      return { exclusiveBytes: 0, sharedBytes: null, how: "the database is shared by everybody" };
    },
    adopt: async (spec) => (shared(spec) === null ? own(spec).adopt(spec) : undefined),
    close: () => modes.branch.close(),
  };
}

function notForked(spec: ResourceSpec): WtError {
  return new WtError({
    kind: "refused",
    code: "database_not_forked",
    message: `The database ${spec.name} cannot begin as a fork: both sides must be servers of their own, without \`branch: shared\` and \`server:\`.`,
    hints: ["Take `from:` out of wt.yaml, or give each environment its own server."],
  });
}

function sharedRefusal(spec: ResourceSpec, what: string): WtError {
  return new WtError({
    kind: "refused",
    code: "database_shared",
    message: `The database ${spec.name} is shared by everybody and is not ${what}.`,
    hints: ["Take `branch: shared` out of wt.yaml to give each environment its own."],
  });
}

function ignore(): void {
  // Nobody asked to hear of it.
}
