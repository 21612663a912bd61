// What a script of package.json starts, and whether arguments given to the script reach it.
import { packageManagers } from "../package-scripts.ts";
import { type SimpleCommand, simpleCommands, withoutWrappers } from "../shell-words.ts";

export type ScriptMeaning =
  /** Its last command is `words`; arguments given to the script are appended to it. */
  | { kind: "command"; script: string; words: string[]; assignments: string[]; before: boolean }
  /** It starts several at once; arguments reach none of them for sure. */
  | { kind: "several"; script: string; children: string[] };

/** Follows scripts that only run another script. null: there is no such script, or they run each other in a circle. */
export function meaningOf(scripts: Record<string, string>, script: string, seen: readonly string[] = []): ScriptMeaning | null {
  const text = Object.hasOwn(scripts, script) ? scripts[script] : undefined;
  if (text === undefined || seen.includes(script)) return null;
  const commands = simpleCommands(text);
  const last = commands.at(-1);
  if (!last) return null;
  const inSequence = commands.every((command) => command.after === null || command.after === "&&" || command.after === ";");
  if (!inSequence || last.after !== null) return { kind: "several", script, children: commands.map((command) => command.words.join(" ")) };
  const words = withoutWrappers(last.words);
  const alias = commands.length === 1 ? scriptRunBy(words) : null;
  if (alias !== null) return meaningOf(scripts, alias, [...seen, script]);
  const children = childrenOf(words, scripts);
  if (children) return { kind: "several", script, children };
  return { kind: "command", script, words, assignments: assignmentsOf(last, words), before: commands.length > 1 };
}

/** `npm run x`, `pnpm x`, `yarn run x`, without arguments of its own: `x`. */
export function scriptRunBy(words: readonly string[]): string | null {
  const [program = "", verb = "", name, ...rest] = words;
  if (!packageManagers.has(program)) return null;
  if (verb === "run" || verb === "run-script") return name !== undefined && rest.length === 0 && !name.startsWith("-") ? name : null;
  const short = program === "npm" ? verb === "start" : program !== "bun" && verb !== "" && !verb.startsWith("-");
  return short && name === undefined ? verb : null;
}

/** Programs that start many parts; what they start cannot always be read from their words. */
const starters = new Set(["turbo", "nx", "lerna", "wireit", "moon", "rush"]);

function childrenOf(words: string[], scripts: Record<string, string>): string[] | null {
  const [program = "", ...rest] = words;
  const plain = rest.filter((word) => !word.startsWith("-"));
  if (program === "concurrently" || program === "conc") return withoutOptionValues(rest).flatMap((word) => named(word, scripts));
  if (program === "run-p" || program === "npm-run-all" || program === "npm-run-all2") {
    return plain.flatMap((word) => named(`npm:${word}`, scripts));
  }
  if (starters.has(program)) return [];
  const everywhere = [
    "-r",
    "--recursive",
    "--workspaces",
    "-ws",
    "--parallel",
    "--filter",
    "-F",
    "--workspace",
    "-w",
    "workspaces",
    "workspace",
  ];
  return packageManagers.has(program) && rest.some((word) => everywhere.includes(word.split("=")[0] ?? "")) ? [] : null;
}

/** `--names a,b` of concurrently is no command. */
function withoutOptionValues(words: string[]): string[] {
  const withValue =
    /^(-n|--names|-c|--prefix-colors|-p|--prefix|-l|--prefix-length|--success|-s|--restart-tries|--restart-after|--kill-signal|--name-separator|--max-processes|-m|-t|--timestamp-format)$/;
  return words.filter((word, index) => !word.startsWith("-") && !withValue.test(words[index - 1] ?? ""));
}

/** `npm:dev:*` as the scripts it stands for. */
function named(word: string, scripts: Record<string, string>): string[] {
  const match = /^(?:npm|pnpm|yarn|bun):(.+)$/.exec(word);
  if (!match?.[1]) return [word];
  const pattern = match[1];
  if (!pattern.includes("*")) return [`npm run ${pattern}`];
  const prefix = pattern.slice(0, pattern.indexOf("*"));
  return Object.keys(scripts).flatMap((name) => (name.startsWith(prefix) ? [`npm run ${name}`] : []));
}

/** `A=1 cross-env B=2 vite` → `A=1`, `B=2`. */
function assignmentsOf(command: SimpleCommand, words: string[]): string[] {
  const before = command.words.slice(0, command.words.length - words.length);
  return [...command.assignments, ...before.filter((word) => /^[A-Za-z_]\w*=/.test(word))];
}
