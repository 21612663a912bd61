// The command line: words in, a checked invocation out. Every mistake is a `WtError` of kind usage (exit code 2).
import { WtError } from "../errors/wt-error.ts";
import type { ArgumentSpec, Command, Invocation, OptionSpec, OptionTable } from "./command.ts";
import { suggestions } from "./suggest.ts";
import { tokens } from "./tokens.ts";

export const globalOptions = {
  json: { type: "boolean", summary: "Print one JSON document (or one per line for streams) on stdout, nothing else" },
  color: { type: "boolean", summary: "Colours even without a terminal" },
  "no-color": { type: "boolean", summary: "No colours" },
  directory: { type: "string", short: "C", placeholder: "dir", summary: "Run as if started in <dir>", complete: "directory" },
  verbose: { type: "boolean", summary: "Say more; with a failure, show where it came from" },
  help: { type: "boolean", short: "h", summary: "Show help" },
  version: { type: "boolean", short: "V", summary: "Show the version" },
} as const satisfies OptionTable;

export interface GlobalValues {
  json: boolean;
  color: boolean;
  noColor: boolean;
  directory: string | undefined;
  verbose: boolean;
  help: boolean;
  version: boolean;
}

export interface LeadingOptions {
  globals: GlobalValues;
  /** From the command's name on. */
  rest: string[];
}

/** The global options before the command's name. */
export function parseLeadingOptions(argv: readonly string[]): LeadingOptions {
  let end = 0;
  while (end < argv.length) {
    const word = argv[end] ?? "";
    if (!word.startsWith("-") || word === "-" || word === "--") break;
    end += word === "-C" || word === "--directory" ? 2 : 1;
  }
  const { values } = parseTokens(argv.slice(0, end), globalOptions, "wt");
  return { globals: globalValues(values), rest: argv.slice(end) };
}

export interface ParsedCommand {
  globals: GlobalValues;
  invocation: Invocation;
}

/** The words after the command's name. Asking for help is never an error, so then arguments are not checked. */
export function parseCommandArguments(command: Command, argv: readonly string[]): ParsedCommand {
  const options: OptionTable = { ...globalOptions, ...command.options };
  const own = command.passthrough ? splitPassthrough(argv, options) : { words: argv, passed: [] };
  const { values, positionals } = parseTokens(own.words, options, `wt ${command.name}`);
  const globals = globalValues(values);
  const words = [...positionals, ...own.passed];
  if (!globals.help && !globals.version) checkArguments(command, words);
  const mine: Record<string, string | number | boolean | undefined> = {};
  for (const [name, spec] of Object.entries(command.options))
    mine[name] = values.get(name) ?? (spec.type === "boolean" ? false : undefined);
  // Built from the very table that the type is made from.
  return { globals, invocation: { options: mine as Invocation["options"], arguments: words } };
}

type Values = Map<string, string | number | boolean>;

function parseTokens(argv: readonly string[], options: OptionTable, usage: string): { values: Values; positionals: string[] } {
  const values: Values = new Map();
  const positionals: string[] = [];
  for (const token of tokens(argv, options)) {
    if (token.kind === "positional") {
      positionals.push(token.value);
      continue;
    }
    const spec = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (!spec) throw unknownOption(token.rawName, options, usage);
    values.set(token.name, optionValue(spec, token, usage));
  }
  return { values, positionals };
}

function optionValue(spec: OptionSpec, token: { rawName: string; value?: string | undefined }, usage: string): string | number | boolean {
  if (spec.type === "boolean") {
    if (token.value !== undefined) throw usageError("option_takes_no_value", `The option ${token.rawName} takes no value.`, usage);
    return true;
  }
  if (token.value === undefined) {
    throw usageError("option_value_missing", `The option ${token.rawName} needs a value: ${token.rawName} <${spec.placeholder}>.`, usage);
  }
  if (spec.type === "string") return token.value;
  if (!/^\d{1,9}$/.test(token.value)) {
    throw usageError("option_not_a_number", `The option ${token.rawName} needs a whole number, not "${token.value}".`, usage);
  }
  return Number(token.value);
}

function globalValues(values: Values): GlobalValues {
  const directory = values.get("directory");
  return {
    json: values.has("json"),
    color: values.has("color"),
    noColor: values.has("no-color"),
    directory: typeof directory === "string" ? directory : undefined,
    verbose: values.has("verbose"),
    help: values.has("help"),
    version: values.has("version"),
  };
}

/** Own options up to the first word that is none; one `--` between is dropped. */
function splitPassthrough(argv: readonly string[], options: OptionTable): { words: string[]; passed: string[] } {
  let index = 0;
  while (index < argv.length) {
    const word = argv[index] ?? "";
    if (word === "--") return { words: argv.slice(0, index), passed: argv.slice(index + 1) };
    if (!word.startsWith("-") || word === "-") break;
    const takesValue = Object.entries(options).some(
      ([name, spec]) => spec.type !== "boolean" && (word === `--${name}` || (spec.short !== undefined && word === `-${spec.short}`)),
    );
    index += takesValue ? 2 : 1;
  }
  return { words: argv.slice(0, index), passed: argv.slice(index) };
}

function checkArguments(command: Command, words: readonly string[]): void {
  const usage = `wt ${command.name}`;
  const specs = command.arguments;
  const missing = specs.find((spec, index) => spec.required && words[index] === undefined);
  if (missing) throw usageError("argument_missing", `Missing argument: ${usage} ${argumentUsage(missing)}.`, usage);
  const last = specs.at(-1);
  if (words.length > specs.length && !last?.variadic) {
    throw usageError("argument_unexpected", `Unexpected argument "${words[specs.length] ?? ""}" for ${usage}.`, usage);
  }
  for (const [index, word] of words.entries()) {
    const spec = specs[index] ?? last;
    if (spec?.choices && !spec.choices.includes(word)) {
      throw usageError("argument_not_a_choice", `The argument <${spec.name}> is one of ${spec.choices.join(", ")}, not "${word}".`, usage);
    }
  }
}

export function argumentUsage(spec: ArgumentSpec): string {
  const name = spec.variadic ? `${spec.name}…` : spec.name;
  return spec.required ? `<${name}>` : `[${name}]`;
}

function unknownOption(rawName: string, options: OptionTable, usage: string): WtError {
  const names = Object.entries(options).flatMap(([name, spec]) => (spec.short ? [`--${name}`, `-${spec.short}`] : [`--${name}`]));
  const meant = rawName.startsWith("--")
    ? suggestions(
        rawName,
        names.filter((name) => name.startsWith("--")),
      )
    : [];
  const hints = meant.length > 0 ? [`Did you mean ${meant.join(" or ")}?`] : [];
  return new WtError({
    kind: "usage",
    code: "option_unknown",
    message: `Unknown option ${rawName} for ${usage}.`,
    hints: [...hints, `See: ${usage} --help`],
  });
}

function usageError(code: string, message: string, usage: string): WtError {
  return new WtError({ kind: "usage", code, message, hints: [`See: ${usage} --help`] });
}
