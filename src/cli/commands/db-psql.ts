import type { ResourceConnectionView } from "../../api/resources.ts";
import { WtError } from "../../errors/wt-error.ts";
import { type Context, callerEnvironment, defineCommand, environmentOption, targetOf } from "../command.ts";
import { resourceArgument } from "../resource-argument.ts";
import { type ClientProgram, clientProgram, mysqlUrl, redisProgram } from "../sql/client-program.ts";
import { askForSql, runSqlStatements, runSqlText } from "../sql/sql-prompt.ts";
import { dialectOf, openSqlSession } from "../sql/sql-session.ts";
import type { Dialect } from "../sql/sql-statements.ts";

export const dbPsql = defineCommand({
  name: "db psql",
  summary: "A prompt on the environment's database, in its own client",
  details: [
    "Runs the database's own client where it is installed (psql, sqlite3, mariadb or mysql, redis-cli), connected to this environment's database and to no other; what follows the resource's name is passed on to it. In a pipe psql and mysql stop at the first error.",
    "Without the client, or with --builtin, a small built-in prompt answers: statements end with `;`, \\q leaves, \\dt lists the tables, \\d <name> describes one, Ctrl-C cancels what runs. In a pipe it runs what it reads, stops at the first error and exits with 1.",
    "With --csv the built-in prompt prints rows as CSV (NULL is empty, an empty text is quoted), with --json it prints a line a statement: columns, rows (values as text, NULL as null) and what was done, or the error.",
    "Options of wt come before the resource's name.",
  ],
  arguments: [resourceArgument, { name: "argument", summary: "For the client, such as: -c 'select 1'", variadic: true }],
  options: {
    environment: environmentOption,
    csv: { type: "boolean", summary: "Rows as CSV, from the built-in prompt" },
    builtin: { type: "boolean", summary: "The built-in prompt, even where the client is installed" },
    command: { type: "string", short: "c", placeholder: "sql", summary: "Run these statements with the built-in prompt, then exit" },
  },
  examples: [
    { command: "wt db psql", summary: "the only database of the current environment" },
    { command: "wt db psql -c 'select count(*) from orders'", summary: "one statement" },
    { command: "wt db psql -c 'table orders' --json", summary: "for an agent" },
    { command: "wt db psql -e main db -- --csv -c 'table orders'", summary: "options of psql itself" },
    { command: "wt db psql < report.sql", summary: "a file" },
  ],
  passthrough: true,
  async handler({ options, arguments: words }, context) {
    const [first] = words;
    const resource = first === undefined || first.startsWith("-") ? null : first;
    const passed = words.slice(resource === null ? 0 : 1).filter((word, index) => !(index === 0 && word === "--"));
    const target = targetOf(context, options.environment);
    const connection = await context.client.call("/v1/resources/connection", { target, resource });
    const own = options.builtin || options.csv || context.json || options.command !== undefined;
    if (connection.type === "redis" && !own) return await runRedis(connection, { passed, context });
    const place = placeOf(connection);
    const client = own ? null : clientProgram(place, callerEnvironment(context.env));
    if (client) return await runClient(client, { passed, cwd: context.cwd, terminal: context.terminal });
    if (passed.length > 0) throw noClient(place.dialect, passed);
    return await builtIn({ ...context, csv: options.csv }, { connection, place, command: options.command });
  },
});

interface Place {
  dialect: Dialect;
  /** URL, or for SQLite the path. */
  at: string;
}

function placeOf({ resource, type, environment, url, values }: ResourceConnectionView): Place {
  const dialect = url === null || type === "directory" ? null : dialectOf(url);
  // Its URL may begin as a library wants it.
  if (type === "mysql" || type === "mariadb") return { dialect: "mysql", at: mysqlUrl(values) };
  if (dialect === "sqlite") return { dialect, at: values.path ?? url ?? "" };
  if (dialect !== null && url !== null) return { dialect, at: url };
  throw new WtError({
    kind: "usage",
    code: "not_a_sql_database",
    message: `${resource} of ${environment} is of type ${type}, to which no SQL is spoken.`,
    hints: ["Run its own client with the environment's variables: wt run -- <client>", "See its address: wt db url"],
  });
}

/** Redis speaks no SQL, so there is its own client or none. */
async function runRedis({ url }: ResourceConnectionView, given: { passed: string[]; context: Context }): Promise<number> {
  const { passed, context } = given;
  const client = redisProgram(url ?? "", callerEnvironment(context.env));
  if (client) return await runClient(client, { passed, cwd: context.cwd, terminal: context.terminal });
  throw new WtError({
    kind: "machine",
    code: "program_missing",
    message: "Neither redis-cli nor valkey-cli was found on the PATH.",
    hints: ["Install it, then try again.", "See the address: wt db url"],
    details: { program: "redis-cli" },
  });
}

async function runClient(client: ClientProgram, given: { passed: string[]; cwd: string; terminal: Context["terminal"] }): Promise<number> {
  const { passed, cwd, terminal } = given;
  const { runForeground } = await import("../run-foreground.ts");
  const inPipe = !terminal.stdinIsTty && passed.length === 0 ? client.pipeArguments : [];
  const onTerminal = terminal.stdinIsTty || terminal.stderrIsTty;
  return await runForeground([client.path, ...inPipe, ...client.arguments(passed)], { cwd, env: client.env, onTerminal });
}

async function builtIn(
  context: Context & { csv: boolean },
  given: { connection: ResourceConnectionView; place: Place; command: string | undefined },
): Promise<number> {
  const { place, connection, command } = given;
  const session = await openSqlSession(place.at, place.dialect);
  try {
    if (command !== undefined) return await runSqlStatements(session, command, context);
    if (!context.terminal.stdinIsTty) return await runSqlText(session, Bun.stdin.stream(), context);
    return await askForSql(session, connection.environment, context);
  } finally {
    await session.close();
  }
}

function noClient(dialect: Dialect, passed: readonly string[]): WtError {
  const program = { postgres: "psql", mysql: "mysql", sqlite: "sqlite3" }[dialect];
  return new WtError({
    kind: "machine",
    code: "program_missing",
    message: `The program ${program}, which "${passed.join(" ")}" is meant for, was not found on the PATH.`,
    hints: ["Run statements with the built-in prompt: wt db psql -c 'select 1'", `Install ${program}, then try again.`],
    details: { program },
  });
}
