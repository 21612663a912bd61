// What may stand beside `type: mysql` (or `mariadb`) in wt.yaml. Pure.
import type { JsonValue } from "../../errors/wt-error.ts";
import { type OptionProblem, variableName } from "../check-options.ts";
import type { ResourceOptions } from "../resource-driver.ts";
import { checkStages, readStageInputs, type StageOptions } from "../stage-options.ts";

interface Variables {
  /** Gets the URL. */
  variable: string;
  /** Of the URL, without `://`. */
  scheme: string;
}

/** A server of its own for every environment. */
export interface BranchOptions extends Variables, StageOptions {
  mode: "branch";
  /** What its version begins with, such as `10.11`; null: any. */
  version: string | null;
  /** Path of an SQL file. */
  from: string | null;
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

/** A database and user of its own on a server that is there already. */
export interface ServerOptions extends Variables {
  mode: "server";
  url: string;
  /** Name of the template database; null: an empty database. */
  from: string | null;
  migrate: string | null;
  seed: string | null;
}

export type MysqlOptions = BranchOptions | SharedOptions | ServerOptions;

const keysOf: Record<MysqlOptions["mode"], string[]> = {
  branch: ["branch", "version", "from", "migrate", "seed", "mask", "inputs", "sleep", "settings", "variable", "scheme"],
  shared: ["branch", "url", "variable"],
  server: ["server", "from", "migrate", "seed", "variable", "scheme"],
};

/** How libraries want the URL to begin: `mysql`, `mysql2`, `mysql+pymysql`, `trilogy`. */
const schemes = /^(mysql\w{0,20}|mariadb|trilogy)(\+\w{1,30})?$/;

/** Every key that some mode reads. */
export const mysqlKeys: readonly string[] = [...new Set(Object.values(keysOf).flat())];

export const defaultVariable = "DATABASE_URL";
export const defaultSleepMs = 10 * 60_000;

type Problem = (key: string, message: string, hint?: string | null) => null;

export function parseMysqlOptions(written: ResourceOptions): { options: ResourceOptions } | { problems: OptionProblem[] } {
  const problems: OptionProblem[] = [];
  const problem: Problem = (key, message, hint = null) => {
    problems.push({ key, message: `${key} ${message}`, hint });
    return null;
  };
  const mode = written.server !== undefined ? "server" : written.branch === "shared" ? "shared" : "branch";
  if (written.branch !== undefined && written.branch !== "shared" && written.branch !== "own") {
    problem("branch", "must be `own` (a database for each environment) or `shared`.", "Write `branch: shared`, or leave it out.");
  }
  for (const key of Object.keys(written)) {
    if (!keysOf[mode].includes(key)) problem(key, unknownKey(key, mode), `Keys that fit: ${keysOf[mode].join(", ")}.`);
  }
  const read = { branch: readBranch, shared: readShared, server: readServer }[mode];
  const options = read(written, problem);
  // Interfaces have no index signature; every value above is plain JSON.
  return problems.length > 0 ? { problems } : { options: options as unknown as ResourceOptions };
}

/** The options `parseMysqlOptions` gave, as the spec brought them back. */
export function mysqlOptions(options: ResourceOptions): MysqlOptions {
  return options as unknown as MysqlOptions;
}

function unknownKey(key: string, mode: MysqlOptions["mode"]): string {
  const other = Object.entries(keysOf).find(([name, keys]) => name !== mode && keys.includes(key))?.[0];
  if (!other) return "is not an option of mysql.";
  if (mode === "branch" && key === "url") return "belongs to `branch: shared`; a server that is there already is named by `server:`.";
  return `has no meaning ${mode === "shared" ? "with `branch: shared`" : mode === "server" ? "with `server:`" : "without `server:`"}.`;
}

function readBranch(written: ResourceOptions, problem: Problem): BranchOptions {
  const options: BranchOptions = {
    mode: "branch",
    ...readVariables(written, problem),
    version: readVersion(written.version, problem),
    ...readContent(written, problem),
    mask: readText(written, "mask", problem),
    ...readStageInputs(written, problem),
    sleepMs: readSleep(written.sleep, problem),
    settings: readSettings(written.settings, problem),
  };
  if (options.from && /^[a-z][a-z0-9+]*:\/\//i.test(options.from)) {
    problem(
      "from",
      "is the URL of a server; it must be the path of an SQL file.",
      "Dump it first: `mariadb-dump --routines <database> > dump.sql`.",
    );
  }
  checkStages(options, problem);
  return options;
}

function readShared(written: ResourceOptions, problem: Problem): SharedOptions {
  return { mode: "shared", variable: readVariable(written.variable, problem), url: readUrl(written, "url", problem) };
}

function readServer(written: ResourceOptions, problem: Problem): ServerOptions {
  const options: ServerOptions = {
    mode: "server",
    ...readVariables(written, problem),
    url: readUrl(written, "server", problem),
    ...readContent(written, problem),
  };
  if (options.from !== null && Buffer.byteLength(options.from) > 64) problem("from", "is longer than the name of a database can be.");
  return options;
}

function readContent(written: ResourceOptions, problem: Problem): { from: string | null; migrate: string | null; seed: string | null } {
  const text = (key: string) => readText(written, key, problem);
  return { from: text("from"), migrate: text("migrate"), seed: text("seed") };
}

function readVariables(written: ResourceOptions, problem: Problem): Variables {
  const scheme = written.scheme ?? "mysql";
  if (typeof scheme !== "string" || !schemes.test(scheme)) {
    problem("scheme", "is not how a URL can begin.", "Write it without `://`, such as `mysql2` or `mysql+pymysql`.");
  }
  return { variable: readVariable(written.variable, problem), scheme: String(scheme) };
}

function readText(written: ResourceOptions, key: string, problem: Problem): string | null {
  const value = written[key];
  if (value === undefined || value === null) return null;
  if (typeof value === "string" && value.trim() !== "" && !value.includes("\0")) return value;
  return problem(key, "must be a text that is not empty.");
}

function readUrl(written: ResourceOptions, key: string, problem: Problem): string {
  const value = written[key];
  const url = typeof value === "string" ? URL.parse(value) : null;
  const example = "mysql://user:password@localhost:3306/app";
  if (value === undefined) problem(key, "is missing: the URL of the database that everybody shares.", `Add \`${key}: ${example}\`.`);
  else if (!url || !schemes.test(url.protocol.slice(0, -1)) || !url.hostname || !decodes(url)) {
    problem(key, "is not the URL of a MySQL or MariaDB database.", `It looks like \`${example}\`.`);
  } else if (key === "url" && url.pathname.length < 2) {
    problem(key, "names no database.", `It looks like \`${example}\`.`);
  }
  return typeof value === "string" ? value : "";
}

function decodes(url: URL): boolean {
  try {
    for (const part of [url.username, url.password, url.pathname]) decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

function readVariable(value: JsonValue | undefined, problem: Problem): string {
  if (value === undefined || value === null) return defaultVariable;
  const wrong = typeof value === "string" ? variableName(value) : "must be the name of a variable";
  if (wrong !== null) problem("variable", `${wrong}.`);
  return String(value);
}

function readVersion(value: JsonValue | undefined, problem: Problem): string | null {
  if (value === undefined || value === null) return null;
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text === "string" && /^\d{1,2}(\.\d{1,3}){0,2}$/.test(text)) return text;
  return problem("version", "must be a version of MySQL or MariaDB, such as 8.4 or 10.11.", "Write it in quotes where it ends with a 0.");
}

function readSleep(value: JsonValue | undefined, problem: Problem): number | null {
  if (value === undefined || value === null) return defaultSleepMs;
  if (value === "never" || value === false) return null;
  const match = typeof value === "string" ? /^(\d{1,6})(s|m|h)$/.exec(value) : null;
  const milliseconds = Number(match?.[1]) * { s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] as "s" | "m" | "h"];
  if (milliseconds > 0) return milliseconds;
  return problem("sleep", "must be an idle time such as `10m` or `2h`, or `never`.", null);
}

/** These are ours, would load code, or would open the server to others. Any written with `loose_`, `skip_` and the like counts too. */
const ownSettings =
  /^(loose_|skip_|maximum_|disable_|enable_|autoset_)*(port|extra_port|port_open_timeout|bind_address|socket|datadir|tmpdir|basedir|pid_file|log_error|log_bin|log_bin_index|relay_log.*|user|chroot|networking|grant_tables|name_resolve|plugin.*|init_.*|mysqlx.*|admin_.*|secure_.*|ssl.*|tls.*|innodb_.*(dir|directory|path)|.*_(dir|file)|defaults_.*|bootstrap|initialize.*|daemonize|wsrep.*|debug.*|shared_memory.*|named_pipe.*|early_.*)$/;

function readSettings(value: JsonValue | undefined, problem: Problem): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) {
    problem("settings", "must map settings of the server to values.", "Such as `settings: { max_connections: 200 }`.");
    return {};
  }
  const settings: Record<string, string> = {};
  for (const [name, setting] of Object.entries(value)) {
    // A dash means the same as an underscore.
    const plain = name.replaceAll("-", "_");
    if (!/^[a-z][a-z0-9_]*$/.test(plain)) problem("settings", `holds ${JSON.stringify(name)}, which is no setting of MySQL.`);
    else if (ownSettings.test(plain)) problem("settings", `cannot set ${name}: worldtree decides it.`);
    else if (setting === null || typeof setting === "object" || /[\n\r\0]/.test(String(setting))) {
      problem("settings", `has a value for ${name} that is not a number, a text, true or false.`);
    } else settings[plain] = typeof setting === "boolean" ? (setting ? "ON" : "OFF") : String(setting);
  }
  return settings;
}
