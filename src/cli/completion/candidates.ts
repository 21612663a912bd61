import { resolve } from "node:path";
import type { CallEndpoints } from "../../api/endpoints.ts";
import type { Command, CompletionKind, Context, OptionSpec, OptionTable } from "../command.ts";
import { commandsOfNoun, commandTable, findCommand } from "../command-table.ts";
import { request } from "../daemon-connection.ts";
import { globalOptions } from "../parse-arguments.ts";

export interface Candidate {
  value: string;
  description: string;
}

type Names = CallEndpoints["/v1/names"]["response"];

/** A daemon that is busy must not make TAB hang. */
const namesDeadlineMs = 400;

/** For the last of `words`. The values `:directories` and `:commands` ask the shell for its own candidates. */
export async function completionCandidates(words: readonly string[], context: Pick<Context, "cwd" | "connection">): Promise<Candidate[]> {
  const current = words.at(-1) ?? "";
  const before = withoutGlobals(words.slice(0, -1));
  const found = findCommand(before.words);
  const candidates = found
    ? await inCommand(
        await found.entry.load(),
        { words: before.words.slice(found.words), current },
        { ...context, cwd: resolve(context.cwd, before.directory) },
      )
    : await beforeCommand(before, current);
  return candidates.filter(({ value }) => value.startsWith(current) || value.startsWith(":"));
}

interface Before {
  words: string[];
  directory: string;
  /** The option right before the cursor that still needs its value. */
  open: OptionSpec | null;
}

function withoutGlobals(words: readonly string[]): Before {
  let directory = ".";
  let index = 0;
  while (index < words.length) {
    const word = words[index] ?? "";
    if (!word.startsWith("-")) break;
    if (word === "-C" || word === "--directory") {
      if (index + 1 >= words.length) return { words: [], directory, open: globalOptions.directory };
      directory = words[index + 1] ?? ".";
      index += 1;
    }
    index += 1;
  }
  return { words: words.slice(index), directory, open: null };
}

async function beforeCommand(before: Before, current: string): Promise<Candidate[]> {
  if (before.open) return await ofKind(before.open.type === "boolean" ? undefined : before.open.complete, noNames);
  if (current.startsWith("-")) return optionCandidates(globalOptions);
  if (before.words.length > 0) return await verbCandidates(before.words.join(" "));
  return await commandCandidates();
}

/** The next word of each command that begins with these. */
async function verbCandidates(noun: string): Promise<Candidate[]> {
  const candidates = await Promise.all(
    commandsOfNoun(noun).map(async ({ name, load }) => {
      const [verb = "", more] = name.slice(noun.length + 1).split(" ");
      return { value: verb, description: more === undefined ? (await load()).summary : `Commands of the ${verb}` };
    }),
  );
  return [...new Map(candidates.map((candidate) => [candidate.value, candidate])).values()];
}

async function commandCandidates(): Promise<Candidate[]> {
  const shown = commandTable.filter(({ group }) => group !== "");
  const candidates = await Promise.all(
    shown.map(async ({ name, aliases, load }): Promise<Candidate[]> => {
      const { summary } = await load();
      const [noun, verb] = name.split(" ");
      if (verb !== undefined) return [{ value: noun ?? "", description: `Commands of the ${noun}` }];
      return [name, ...aliases].map((value) => ({ value, description: summary }));
    }),
  );
  return [...new Map(candidates.flat().map((candidate) => [candidate.value, candidate])).values()];
}

type CompletionContext = Pick<Context, "cwd" | "connection">;

interface Typed {
  /** After the command's name, before the cursor. */
  words: readonly string[];
  current: string;
}

async function inCommand(command: Command, { words, current }: Typed, context: CompletionContext): Promise<Candidate[]> {
  const options: OptionTable = { ...command.options, ...globalOptions };
  const state = positionIn(command, words, options);
  const names = () => fetchNames(context);
  if (state.open) return state.open.type === "boolean" ? [] : await ofKind(state.open.complete, names);
  if (current.startsWith("-") && !state.onlyArguments) return optionCandidates(options);
  const spec = command.arguments[state.position] ?? (command.arguments.at(-1)?.variadic ? command.arguments.at(-1) : undefined);
  if (!spec) return [];
  if (spec.choices) return spec.choices.map((value) => ({ value, description: spec.summary }));
  if (command.name === "help") return await commandCandidates();
  return await ofKind(spec.complete, names);
}

interface Position {
  position: number;
  open: OptionSpec | null;
  onlyArguments: boolean;
}

function positionIn(command: Command, words: readonly string[], options: OptionTable): Position {
  let position = 0;
  let onlyArguments = false;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (onlyArguments || !word.startsWith("-") || word === "-") {
      position += 1;
      if (command.passthrough) onlyArguments = true;
    } else if (word === "--") {
      onlyArguments = true;
    } else {
      const spec = Object.entries(options).find(([name, { short }]) => word === `--${name}` || (short && word === `-${short}`))?.[1];
      if (spec && spec.type !== "boolean") {
        if (index === words.length - 1) return { position, open: spec, onlyArguments };
        index += 1;
      }
    }
  }
  return { position, open: null, onlyArguments };
}

function optionCandidates(options: OptionTable): Candidate[] {
  return Object.entries(options).map(([name, { summary }]) => ({ value: `--${name}`, description: summary }));
}

async function ofKind(kind: CompletionKind | undefined, names: () => Promise<Names>): Promise<Candidate[]> {
  const plain = (values: string[], description: string) => values.map((value) => ({ value, description }));
  switch (kind) {
    case undefined:
      return [];
    case "directory":
      return [{ value: ":directories", description: "" }];
    case "command":
      return [{ value: ":commands", description: "" }];
    case "environment":
      return plain((await names()).environments, "environment");
    case "branch":
      return plain((await names()).branches, "branch");
    case "service":
      return plain((await names()).services, "service");
    case "resource":
      return plain((await names()).resources, "resource");
    case "checkpoint":
      return plain((await names()).checkpoints, "checkpoint");
    case "template":
      return plain((await names()).templates, "template");
  }
}

const noNames = async (): Promise<Names> => ({
  environments: [],
  branches: [],
  services: [],
  resources: [],
  checkpoints: [],
  templates: [],
});

/** Nothing rather than an error: completion has no place to show one. */
async function fetchNames({ cwd, connection }: CompletionContext): Promise<Names> {
  try {
    const response = await connection.fetchIfRunning("/v1/names", { ...request({ cwd }), signal: AbortSignal.timeout(namesDeadlineMs) });
    return response?.ok ? ((await response.json()) as Names) : await noNames();
  } catch {
    return await noNames();
  }
}
