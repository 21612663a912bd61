// What may stand beside `type: postgres` in wt.yaml. Pure.
import type { JsonValue } from "../../errors/wt-error.ts";
import { type OptionProblem, variableName } from "../check-options.ts";
import type { ResourceOptions } from "../resource-driver.ts";
import { checkStages, readStageInputs, type StageOptions } from "../stage-options.ts";
import { type RemoteOptions, readRemote, remoteKeys } from "./neon/neon-options.ts";
import { parseServerUrl } from "./server-url.ts";

/** A server of its own for every environment. */
export interface BranchOptions extends StageOptions {
  mode: "branch";
  /** Gets the URL. */
  variable: string;
  /** Major version; null: any. */
  version: number | null;
  /** Path of an SQL file or dump. */
  from: string | null;
  extensions: string[];
  locale: string | null;
  /** Idle time before the server is stopped; null: never. */
  sleepMs: number | null;
  settings: Record<string, string>;
}

/** Everybody uses the same database. */
export interface SharedOptions {
  mode: "shared";
  variable: string;
  url: string;
}

/** A database and role of its own on a server that is there already. */
export interface ServerOptions {
  mode: "server";
  variable: string;
  url: string;
  /** Name of the template database; null: an empty database. */
  from: string | null;
  migrate: string | null;
  seed: string | null;
}

export type PostgresOptions = BranchOptions | SharedOptions | ServerOptions | RemoteOptions;

const keysOf: Record<PostgresOptions["mode"], string[]> = {
  branch: ["branch", "version", "from", "migrate", "seed", "mask", "inputs", "extensions", "locale", "sleep", "settings", "variable"],
  shared: ["branch", "url", "variable"],
  server: ["server", "from", "migrate", "seed", "variable"],
  remote: remoteKeys,
};

export const defaultVariable = "DATABASE_URL";
const defaultSleepMs = 10 * 60_000;

export function parsePostgresOptions(written: ResourceOptions): { options: ResourceOptions } | { problems: OptionProblem[] } {
  const problems: OptionProblem[] = [];
  const problem = (key: string, message: string, hint: string | null = null): null => {
    problems.push({ key, message: `${key} ${message}`, hint });
    return null;
  };
  const reader = createReader(written, problem);
  const mode =
    written.remote !== undefined ? "remote" : written.server !== undefined ? "server" : written.branch === "shared" ? "shared" : "branch";
  if (written.branch !== undefined && written.branch !== "shared" && written.branch !== "own") {
    problem("branch", "must be `own` (a database for each environment) or `shared`.", "Write `branch: shared`, or leave it out.");
  }
  for (const key of Object.keys(written)) {
    if (!keysOf[mode].includes(key)) problem(key, unknownKey(key, mode), `Keys that fit: ${keysOf[mode].join(", ")}.`);
  }
  const options: PostgresOptions =
    mode === "branch"
      ? readBranch(reader, written, problem)
      : mode === "shared"
        ? { mode, variable: readVariable(written.variable, problem), url: reader.url("url") }
        : mode === "remote"
          ? {
              ...readRemote(written, { text: reader.text, problem }),
              variable: readVariable(written.variable, problem),
              ...readCommands(reader),
            }
          : {
              mode,
              variable: readVariable(written.variable, problem),
              url: reader.url("server"),
              ...readCommands(reader),
              from: reader.text("from"),
            };
  // Interfaces have no index signature; every value above is plain JSON.
  return problems.length > 0 ? { problems } : { options: options as unknown as ResourceOptions };
}

/** The options `parsePostgresOptions` gave, as the spec brought them back. */
export function postgresOptions(options: ResourceOptions): PostgresOptions {
  return options as unknown as PostgresOptions;
}

type Problem = (key: string, message: string, hint?: string | null) => null;

function unknownKey(key: string, mode: PostgresOptions["mode"]): string {
  const other = Object.entries(keysOf).find(([name, keys]) => name !== mode && keys.includes(key))?.[0];
  if (!other) return "is not an option of postgres.";
  if (mode === "branch" && key === "url") return "belongs to `branch: shared`; a server that is there already is named by `server:`.";
  if (mode === "branch" && other === "remote") return "has no meaning without `remote: neon`.";
  const place = { shared: "with `branch: shared`", server: "with `server:`", remote: "with `remote:`", branch: "without `server:`" };
  return `has no meaning ${place[mode]}.`;
}

function readBranch(reader: Reader, written: ResourceOptions, problem: Problem): BranchOptions {
  const options: BranchOptions = {
    mode: "branch",
    variable: readVariable(written.variable, problem),
    version: readVersion(written.version, problem),
    from: reader.text("from"),
    ...readCommands(reader),
    mask: reader.text("mask"),
    ...readStageInputs(written, problem),
    extensions: reader.list("extensions"),
    locale: reader.text("locale"),
    sleepMs: readSleep(written.sleep, problem),
    settings: readSettings(written.settings, problem),
  };
  if (options.from && /^postgres(ql)?:/.test(options.from)) {
    problem(
      "from",
      "is the URL of a server; it must be a path of an SQL file or dump.",
      "Dump it first: `pg_dump -Fc -f dump.pgdump <url>`.",
    );
  }
  checkStages(options, problem);
  for (const name of options.extensions) {
    if (!/^[\w-]{1,63}$/.test(name)) problem("extensions", `holds ${JSON.stringify(name)}, which is no name of an extension.`);
  }
  if (options.locale && !/^[\w.@-]{1,60}$/.test(options.locale)) problem("locale", "must be a locale's name, such as `de_DE.UTF-8`.");
  return options;
}

function readCommands(reader: Reader): { migrate: string | null; seed: string | null } {
  return { migrate: reader.text("migrate"), seed: reader.text("seed") };
}

interface Reader {
  text(key: string): string | null;
  list(key: string): string[];
  url(key: string): string;
}

function createReader(written: ResourceOptions, problem: Problem): Reader {
  return {
    text(key) {
      const value = written[key];
      if (value === undefined || value === null) return null;
      if (typeof value === "string" && value.trim() !== "" && !value.includes("\0")) return value;
      return problem(key, "must be a text that is not empty.");
    },
    list(key) {
      const value = written[key] ?? [];
      const list = Array.isArray(value) ? value : [value];
      const texts = list.filter((each): each is string => typeof each === "string" && each.trim() !== "");
      if (texts.length !== list.length) problem(key, "must be a list of texts.");
      return texts;
    },
    url(key) {
      const value = written[key];
      const wrong = typeof value === "string" ? parseServerUrl(value) : { problem: "must be a text.", hint: "" };
      const example = "postgres://user:password@localhost:5432/app";
      if (value === undefined) problem(key, "is missing: the URL of the database that everybody shares.", `Add \`${key}: ${example}\`.`);
      else if ("problem" in wrong) problem(key, wrong.problem, wrong.hint || `It looks like \`${example}\`.`);
      return typeof value === "string" ? value : "";
    },
  };
}

function readVariable(value: JsonValue | undefined, problem: Problem): string {
  if (value === undefined || value === null) return defaultVariable;
  const wrong = typeof value === "string" ? variableName(value) : "must be the name of a variable";
  if (wrong !== null) problem("variable", `${wrong}.`);
  return String(value);
}

function readVersion(value: JsonValue | undefined, problem: Problem): number | null {
  if (value === undefined || value === null) return null;
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= 13 && number <= 99) return number;
  return problem("version", "must be a major version of PostgreSQL from 13 on, such as 18.", null);
}

function readSleep(value: JsonValue | undefined, problem: Problem): number | null {
  if (value === undefined || value === null) return defaultSleepMs;
  if (value === "never" || value === false) return null;
  const match = typeof value === "string" ? /^(\d{1,6})(s|m|h)$/.exec(value) : null;
  const milliseconds = Number(match?.[1]) * { s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] as "s" | "m" | "h"];
  if (milliseconds > 0) return milliseconds;
  return problem("sleep", "must be an idle time such as `10m` or `2h`, or `never`.", null);
}

/** These are ours, would run commands or load code, or make a crash cost data. */
const ownSettings =
  /^(port|listen_addresses|unix_socket.*|data_directory|hba_file|ident_file|external_pid_file|config_file|cluster_name|include.*|ssl.*|archive_.*|restore_.*|recovery_.*|.*_command|.*_libraries|.*library.*|dynamic_.*|log_directory|log_filename|logging_collector|fsync|full_page_writes|primary_.*|event_source|jit_provider|extension_control_path|.*_directory|.*_file|krb_.*|max_logical_replication_workers)$/;

function readSettings(value: JsonValue | undefined, problem: Problem): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) {
    problem("settings", "must map settings of PostgreSQL to values.", "Such as `settings: { max_connections: 100 }`.");
    return {};
  }
  const settings: Record<string, string> = {};
  for (const [name, setting] of Object.entries(value)) {
    if (!/^[a-z_]+(\.[a-z_]+)?$/.test(name)) problem("settings", `holds ${JSON.stringify(name)}, which is no setting of PostgreSQL.`);
    else if (ownSettings.test(name)) problem("settings", `cannot set ${name}: worldtree decides it.`);
    else if (setting === null || typeof setting === "object" || /[\n\r\0]/.test(String(setting))) {
      problem("settings", `has a value for ${name} that is not a number, a text, true or false.`);
    } else settings[name] = typeof setting === "boolean" ? (setting ? "on" : "off") : String(setting);
  }
  return settings;
}
