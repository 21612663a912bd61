// The list of drivers of this build, in one place.
import type { ResourceConfig } from "../config/config.ts";
import type { Clock } from "../os/clock.ts";
import type { WorldPaths } from "../os/paths.ts";
import { checkOptions, type OptionProblem } from "../resource/check-options.ts";
import { createDirectoryResource, directoryOptions } from "../resource/directory/directory-resource.ts";
import { createExecResource, execOptions } from "../resource/exec/exec-resource.ts";
import { createMysqlDriver } from "../resource/mysql/mysql-driver.ts";
import { parseMysqlOptions } from "../resource/mysql/mysql-options.ts";
import { createPostgresDriver } from "../resource/postgres/postgres-driver.ts";
import { parsePostgresOptions } from "../resource/postgres/postgres-options.ts";
import { parseRedisOptions } from "../resource/redis/redis-options.ts";
import { createRedisResource } from "../resource/redis/redis-resource.ts";
import type { ResourceDriver } from "../resource/resource-driver.ts";
import { createSqliteResource, sqliteOptions } from "../resource/sqlite/sqlite-resource.ts";
import { guardStorage } from "./storage-guard.ts";

export interface DriverOptions {
  paths: WorldPaths;
  clock: Clock;
  /** The daemon's own; its PATH is where servers are looked for. */
  env: Readonly<Record<string, string>>;
  /** Takes what goes wrong in the background. */
  report: (error: unknown) => void;
}

/** What a build knows of a type of resource before any driver exists. */
interface ResourceKind {
  parseOptions: ResourceDriver["parseOptions"];
  create(options: DriverOptions): ResourceDriver;
}

function mysqlKind(type: "mysql" | "mariadb"): ResourceKind {
  return {
    parseOptions: parseMysqlOptions,
    create: ({ paths, clock, env, report }) =>
      createMysqlDriver({ type, stateDirectory: paths.state, clock, path: env.PATH ?? "", report }),
  };
}

/** By `type:` in wt.yaml. */
const kinds: Readonly<Record<string, ResourceKind>> = {
  postgres: {
    parseOptions: parsePostgresOptions,
    create: ({ paths, clock, env, report }) =>
      createPostgresDriver({
        stateDirectory: paths.state,
        configDirectory: paths.config,
        clock,
        path: env.PATH ?? "",
        env,
        report,
        ...(env.WT_TEST_NEON_API ? { neon: { apiUrl: env.WT_TEST_NEON_API, pollMs: 5 } } : {}),
      }),
  },
  mysql: mysqlKind("mysql"),
  mariadb: mysqlKind("mariadb"),
  redis: {
    parseOptions: parseRedisOptions,
    create: ({ env, report }) => createRedisResource({ env, report }),
  },
  exec: { parseOptions: (written) => checkOptions(written, execOptions), create: ({ env }) => createExecResource({ env }) },
  sqlite: { parseOptions: (written) => checkOptions(written, sqliteOptions), create: () => createSqliteResource() },
  directory: { parseOptions: (written) => checkOptions(written, directoryOptions), create: () => createDirectoryResource() },
};

/** The config refuses other types with this list. */
export const resourceTypes: readonly string[] = Object.keys(kinds);

/** What is wrong with what wt.yaml says beside a resource's type. */
export function resourceProblems({ type, options }: ResourceConfig): OptionProblem[] {
  const parsed = kinds[type]?.parseOptions(options);
  return parsed && "problems" in parsed ? parsed.problems : [];
}

export function createResourceDrivers(options: DriverOptions): ReadonlyMap<string, ResourceDriver> {
  return new Map(Object.entries(kinds).map(([type, kind]) => [type, guardStorage(kind.create(options), options.paths.state)]));
}
