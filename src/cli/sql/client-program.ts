// The database's own client on the user's machine, and how it is told where to go without a password on its command line.
import type { Dialect } from "./sql-statements.ts";

export interface ClientProgram {
  path: string;
  env: Record<string, string>;
  /** Put before the rest when statements come from a pipe: an error shall not pass unnoticed. */
  pipeArguments: string[];
  /** With what the user wants to pass on. */
  arguments(passed: readonly string[]): string[];
}

/** null where it is not installed. */
export function clientProgram(place: { dialect: Dialect; at: string }, caller: Readonly<Record<string, string>>): ClientProgram | null {
  const found = (name: string) => Bun.which(name, { PATH: caller.PATH ?? "" });
  if (place.dialect === "sqlite") {
    const path = found("sqlite3");
    if (!path) return null;
    return {
      path,
      env: { ...caller },
      pipeArguments: ["-bail"],
      arguments: (passed) => [...optionsOf(passed), place.at, ...restOf(passed)],
    };
  }
  if (place.dialect === "postgres") {
    const path = found("psql");
    if (!path) return null;
    return {
      path,
      env: postgresEnvironment(place.at, caller),
      pipeArguments: ["-v", "ON_ERROR_STOP=1"],
      arguments: (passed) => [...passed],
    };
  }
  const path = found("mysql") ?? found("mariadb");
  if (!path) return null;
  const { options, password } = mysqlOptions(place.at);
  const env = { ...caller, MYSQL_PWD: password };
  // A ~/.my.cnf or /etc/my.cnf may name another server, and its password would win over this one.
  const begin = passedDefaults.test.bind(passedDefaults);
  return {
    path,
    env,
    pipeArguments: [],
    arguments: (passed) => [
      ...(passed.some(begin) ? [] : ["--no-defaults"]),
      ...passed.filter(begin),
      ...options,
      ...passed.filter((word) => !begin(word)),
    ],
  };
}

/** Options that these clients want to be the first. */
const passedDefaults = /^--(no-defaults$|defaults-(file|extra-file)=)/;

/** redis-cli or valkey-cli; null where neither is installed. */
export function redisProgram(url: string, caller: Readonly<Record<string, string>>): ClientProgram | null {
  const path = ["redis-cli", "valkey-cli"].map((name) => Bun.which(name, { PATH: caller.PATH ?? "" })).find((found) => found !== null);
  if (!path) return null;
  const { user, password, host, port, path: database } = urlParts(url);
  const option = (name: string, value: string) => (value ? [name, value] : []);
  const at = [...option("-h", host), ...option("-p", port), ...option("--user", password ? user : ""), ...option("-n", database)];
  const env = { ...caller, REDISCLI_AUTH: password };
  return { path, env: password ? env : caller, pipeArguments: [], arguments: (passed) => [...at, ...passed] };
}

/** From the values of a connection, whatever its URL begins with. */
export function mysqlUrl(values: Readonly<Record<string, string>>): string {
  const [user, password, database] = [values.user, values.password, values.database].map((text) => encodeURIComponent(text ?? ""));
  const host = values.host?.includes(":") ? `[${values.host}]` : values.host;
  return `mysql://${user}:${password}@${host}:${values.port}/${database}`;
}

/** The caller's variables with every PG* one replaced: a PGSERVICE or PGHOSTADDR left over would lead elsewhere. */
export function postgresEnvironment(url: string, caller: Readonly<Record<string, string>>): Record<string, string> {
  const env = Object.fromEntries(Object.entries(caller).filter(([key]) => !/^PG(?!CLIENTENCODING$)/.test(key)));
  const parts = urlParts(url);
  const named = { ...parts.parameters };
  const wanted: Record<string, string | undefined> = {
    PGHOST: parts.host || named.host || "localhost",
    PGPORT: parts.port || named.port,
    PGUSER: parts.user || named.user,
    PGPASSWORD: parts.password || named.password,
    PGDATABASE: parts.path || named.dbname || parts.user,
    PGSSLMODE: named.sslmode,
    PGSSLROOTCERT: named.sslrootcert,
    PGOPTIONS: named.options,
    PGCHANNELBINDING: named.channel_binding,
  };
  for (const [key, value] of Object.entries(wanted)) if (value) env[key] = value;
  return env;
}

function mysqlOptions(url: string): { options: string[]; password: string } {
  const { host, port, user, password, path } = urlParts(url);
  const option = (name: string, value: string) => (value ? [`--${name}=${value}`] : []);
  // By TCP also where the host is localhost, for which there is a socket of somebody else.
  const protocol = host ? ["--protocol=tcp"] : [];
  const charset = ["--default-character-set=utf8mb4"];
  return {
    options: [
      ...protocol,
      ...charset,
      ...option("host", host),
      ...option("port", port),
      ...option("user", user),
      ...option("database", path),
    ],
    password,
  };
}

interface UrlParts {
  user: string;
  password: string;
  host: string;
  port: string;
  path: string;
  parameters: Partial<Record<string, string>>;
}

/** Not `URL`: a database's URL may have an empty host and a socket's directory in it. */
function urlParts(url: string): UrlParts {
  const match = /^[a-z][a-z0-9+.-]*:\/\/(?:([^@/?#]*)@)?(\[[^\]]*\]|[^:/?#]*)(?::(\d+))?(?:\/([^?#]*))?(?:\?([^#]*))?/i.exec(url);
  const [, login = "", host = "", port = "", path = "", query = ""] = match ?? [];
  const colon = login.indexOf(":");
  const [user, password] = colon === -1 ? [login, ""] : [login.slice(0, colon), login.slice(colon + 1)];
  return {
    user: decoded(user),
    password: decoded(password),
    host: decoded(host.replace(/^\[|\]$/g, "")),
    port,
    path: decoded(path),
    parameters: Object.fromEntries(new URLSearchParams(query.replace(/\+/g, "%2B"))),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** sqlite3 wants its options before the file and SQL after it. */
function optionsOf(passed: readonly string[]): string[] {
  const end = passed.findIndex((word) => !word.startsWith("-"));
  return passed.slice(0, end === -1 ? passed.length : end);
}

function restOf(passed: readonly string[]): string[] {
  return passed.slice(optionsOf(passed).length);
}
