import { resolve } from "node:path";
import type { Command, CompletionKind, Context, OptionSpec, OptionTable } from "../command.ts";
import { commandsOfNoun, commandTable, findCommand } from "../command-table.ts";
import { globalOptions } from "../parse-arguments.ts";
import { type NamePlace, type Names, namesAt } from "./names.ts";

export interface Candidate {
  value: string;
  description: string;
}

/** For the last of `words`. The values `:directories` and `:commands` ask the shell for its own candidates. */
export async function completionCandidates(words: readonly string[], context: Pick<Context, "cwd" | "env">): Promise<Candidate[]> {
  const current = words.at(-1) ?? "";
  const before = withoutGlobals(words.slice(0, -1));
  const found = findCommand(before.words);
  const place = { env: context.env, cwd: resolve(context.cwd, before.directory) };
  const candidates = found
    ? await inCommand(await found.entry.load(), { words: before.words.slice(found.words), current }, place)
    : await beforeCommand(before, current, namesAt(place));
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

async function beforeCommand(before: Before, current: string, names: Names): Promise<Candidate[]> {
  if (before.open) return await ofKind(before.open.type === "boolean" ? undefined : before.open.complete, names, current);
  if (current.startsWith("-")) return optionCandidates(globalOptions);
  const [first, ...more] = before.words;
  if (first === undefined) return [...(await commandCandidates(current)), ...(await names.projects())];
  const verbs = await verbCandidates(before.words.join(" "));
  return verbs.length > 0 || more.length > 0 ? verbs : await names.environments(first);
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

/** Only those that may be meant: each costs the reading of its file. */
async function commandCandidates(current: string): Promise<Candidate[]> {
  const shown = commandTable.filter(
    ({ group, name, aliases }) => group !== "" && [name, ...aliases].some((one) => (one.split(" ")[0] ?? "").startsWith(current)),
  );
  const candidates = await Promise.all(
    shown.map(async ({ name, aliases, load }): Promise<Candidate[]> => {
      const [noun = "", verb] = name.split(" ");
      if (verb !== undefined) return [{ value: noun, description: `Commands of the ${noun}` }];
      const { summary } = await load();
      return [name, ...aliases].map((value) => ({ value, description: summary }));
    }),
  );
  return [...new Map(candidates.flat().map((candidate) => [candidate.value, candidate])).values()];
}

interface Typed {
  /** After the command's name, before the cursor. */
  words: readonly string[];
  current: string;
}

async function inCommand(command: Command, { words, current }: Typed, place: NamePlace): Promise<Candidate[]> {
  const options: OptionTable = { ...command.options, ...globalOptions };
  const state = positionIn(command, words, options);
  const names = namesAt(place);
  if (state.open) return state.open.type === "boolean" ? [] : await ofKind(state.open.complete, names, current);
  if (current.startsWith("-") && !state.onlyArguments) return optionCandidates(options);
  const spec = command.arguments[state.position] ?? (command.arguments.at(-1)?.variadic ? command.arguments.at(-1) : undefined);
  if (!spec) return [];
  if (spec.choices) return spec.choices.map((value) => ({ value, description: spec.summary }));
  if (command.name === "help") return await commandCandidates(current);
  return await ofKind(spec.complete, names, current);
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

async function ofKind(kind: CompletionKind | undefined, names: Names, current: string): Promise<Candidate[]> {
  switch (kind) {
    case undefined:
      return [];
    case "directory":
      return [{ value: ":directories", description: "" }];
    case "command":
      return [{ value: ":commands", description: "" }];
    case "environment": {
      const slugs = await names.environments();
      // Whoever types `feature/` means the branch.
      return slugs.some(({ value }) => value.startsWith(current)) ? slugs : await names.environmentBranches();
    }
    case "branch":
      return await names.branches();
    case "project":
      return await names.projects();
    case "service":
      return await names.of("services");
    case "resource":
      return await names.of("resources");
    case "checkpoint":
      return await names.of("checkpoints");
    case "deleted":
      return await names.deleted();
    case "template":
      return await names.templates();
  }
}
