// One command line from start to exit code, and the one place of the CLI that prints errors.
import { resolve } from "node:path";
import { createDaemonClient } from "../client/daemon-client.ts";
import { exitCodes, WtError } from "../errors/wt-error.ts";
import { worldPaths } from "../os/paths.ts";
import type { Command, Context } from "./command.ts";
import { type CommandEntry, commandsOfNoun, commandTable, findCommand } from "./command-table.ts";
import { connectDaemon } from "./daemon-connection.ts";
import { readOverview } from "./overview.ts";
import { type GlobalValues, parseCommandArguments, parseLeadingOptions } from "./parse-arguments.ts";
import { errorJson } from "./render/error-json.ts";
import { errorText } from "./render/error-text.ts";
import { suggestions } from "./suggest.ts";
import { symbolsFor } from "./symbols.ts";
import { type Environment, openTerminal, type Terminal } from "./terminal.ts";

export interface CliInput {
  argv: string[];
  env: Environment;
  version: string;
}

/** Never throws. */
export async function runCli(input: CliInput): Promise<number> {
  const own = input.argv.includes("--") ? input.argv.slice(0, input.argv.indexOf("--")) : input.argv;
  const wanted = { json: own.includes("--json"), verbose: own.includes("--verbose") };
  let terminal: Terminal | undefined;
  try {
    const leading = parseLeadingOptions(input.argv);
    const found = await choose(leading.rest, leading.globals, input.env);
    const parsed = parseCommandArguments(found.command, leading.globals.help ? ["--help"] : found.words);
    const globals = mergeGlobals(leading.globals, parsed.globals);
    wanted.json = globals.json;
    wanted.verbose = globals.verbose;
    terminal = await openTerminal(input.env, globals.noColor ? "never" : globals.color ? "always" : "auto");
    const context = await createContext(input, globals, terminal);
    if (globals.help) return await showHelp([found.command.name], context);
    return await found.command.handler(parsed.invocation, context);
  } catch (error) {
    terminal ??= await openTerminal(input.env, input.argv.includes("--no-color") ? "never" : "auto");
    return await report(error, terminal, wanted);
  }
}

interface Chosen {
  command: Command;
  /** What follows the command's name. */
  words: string[];
}

async function choose(words: string[], globals: GlobalValues, env: Environment): Promise<Chosen> {
  if (globals.version) return { command: await load("version"), words: [] };
  const [first, second] = words;
  if (first === undefined) return { command: await load("help"), words: [] };
  const found = findCommand(words);
  if (found) return { command: await found.entry.load(), words: words.slice(found.words) };
  const noun = second !== undefined && commandsOfNoun(`${first} ${second}`).length > 0 ? `${first} ${second}` : first;
  const verbs = commandsOfNoun(noun);
  const verb = words[noun.split(" ").length];
  if (verbs.length > 0 && (verb === undefined || verb === "--help" || verb === "-h" || globals.help)) {
    return { command: await load("help"), words: noun.split(" ") };
  }
  if (verbs.length > 0) throw unknownCommand(`${noun} ${verb}`, verbs.flatMap(namesOf), `wt help ${noun}`);
  // `wt shop feature/x`: only what is no command can be a project, so that no project ever changes what a command means.
  const projects = (await readOverview(worldPaths(env)))?.projects.map(({ name }) => name) ?? [];
  if (projects.includes(first)) return { command: await load("switch"), words: ["--project", first, "--create", ...words.slice(1)] };
  throw unknownCommand(first, [...commandTable.flatMap(namesOf), ...projects], "wt --help");
}

async function load(name: string): Promise<Command> {
  const found = findCommand([name]);
  if (!found) throw new Error(`The command ${name} is not in the table.`);
  return await found.entry.load();
}

async function showHelp(words: string[], context: Context): Promise<number> {
  const command = await load("help");
  return await command.handler({ options: {}, arguments: words[0] === "help" ? [] : words }, context);
}

function namesOf({ name, aliases }: CommandEntry): string[] {
  return name.startsWith("__") ? [] : [name, ...aliases];
}

function unknownCommand(typed: string, names: readonly string[], help: string): WtError {
  const meant = suggestions(typed, names).map((name) => `wt ${name}`);
  return new WtError({
    kind: "usage",
    code: "command_unknown",
    message: `There is no command "wt ${typed}".`,
    hints: [...(meant.length > 0 ? [`Did you mean ${meant.join(" or ")}?`] : []), `See: ${help}`],
  });
}

function mergeGlobals(a: GlobalValues, b: GlobalValues): GlobalValues {
  return {
    json: a.json || b.json,
    color: a.color || b.color,
    noColor: a.noColor || b.noColor,
    directory: a.directory !== undefined && b.directory !== undefined ? resolve(a.directory, b.directory) : (b.directory ?? a.directory),
    verbose: a.verbose || b.verbose,
    help: a.help || b.help,
    version: a.version || b.version,
  };
}

async function createContext(input: CliInput, globals: GlobalValues, terminal: Terminal): Promise<Context> {
  const connection = connectDaemon({
    paths: worldPaths(input.env),
    env: input.env,
    version: input.version,
    onNotice: async (text) => {
      if (!globals.json) await terminal.err(`${terminal.errPaint.dim(text)}\n`);
    },
  });
  return {
    cwd: await workingDirectory(globals.directory),
    env: input.env,
    version: input.version,
    json: globals.json,
    verbose: globals.verbose,
    terminal,
    connection,
    client: createDaemonClient({ fetch: connection.fetch, name: `cli/${input.version}`, within: input.env.WT_WITHIN }),
  };
}

async function workingDirectory(directory: string | undefined): Promise<string> {
  const chosen = directory?.startsWith("/") ? resolve(directory) : resolve(currentDirectory(), directory ?? "");
  if (directory === undefined) return chosen;
  const stat = await Bun.file(chosen)
    .stat()
    .catch(() => null);
  if (stat?.isDirectory()) return chosen;
  throw new WtError({
    kind: "usage",
    code: "directory_missing",
    message: `The directory ${directory} given with -C does not exist.`,
    details: { path: chosen },
  });
}

function currentDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new WtError({
      kind: "machine",
      code: "directory_missing",
      message: "The current directory does not exist any more.",
      hints: ["Change to another directory, or name one: wt -C <dir> …"],
      cause,
    });
  }
}

async function report(thrown: unknown, terminal: Terminal, wanted: { json: boolean; verbose: boolean }): Promise<number> {
  if (isBrokenPipe(thrown)) return 0;
  // Read only now: nothing of it is needed to start.
  const { machineError } = await import("../os/machine-error.ts");
  const error = WtError.from(machineError(thrown));
  try {
    if (wanted.json) await terminal.out(errorJson(error));
    else await terminal.err(errorText(error, { paint: terminal.errPaint, symbols: symbolsFor(terminal.unicode), verbose: wanted.verbose }));
  } catch (cause) {
    if (!isBrokenPipe(cause)) throw cause;
  }
  return exitCodes[error.kind];
}

/** The reader of our output is gone (`wt logs | head`): that is no error. */
function isBrokenPipe(thrown: unknown): boolean {
  return (thrown as { code?: unknown } | null)?.code === "EPIPE";
}
