// Help in the terminal, made from the commands' data.
import { exitCodes } from "../../errors/wt-error.ts";
import type { Command, OptionTable } from "../command.ts";
import type { Paint } from "../paint.ts";
import { argumentUsage, globalOptions } from "../parse-arguments.ts";

export interface GroupedCommand {
  group: string;
  aliases: string[];
  command: Command;
}

export const exitCodeMeanings: readonly [number, string][] = [
  [0, "done"],
  [exitCodes.internal, "a bug of wt"],
  [exitCodes.usage, "the command line is wrong"],
  [exitCodes.config, "wt.yaml is wrong"],
  [exitCodes.not_found, "no such project, environment or service"],
  [exitCodes.refused, "refused: it would lose work, touch what is not ours, or git does not allow it"],
  [exitCodes.untrusted, "commands of the repository are not approved (wt trust)"],
  [exitCodes.machine, "the machine cannot do it now: git missing, disk full, port held"],
  [exitCodes.unhealthy, "done, but a service or a resource does not become ready"],
  [9, "wt db diff --exit-code: something differs"],
  [exitCodes.cancelled, "interrupted"],
];

export function overviewHelp(commands: readonly GroupedCommand[], paint: Paint): string {
  const groups = [...new Set(commands.map(({ group }) => group))];
  const width = Math.max(...commands.map(({ command, aliases }) => nameWithAliases(command, aliases).length));
  const sections = groups.map((group) =>
    section(
      group,
      commands
        .filter((candidate) => candidate.group === group)
        .map(({ command, aliases }) => `${paint.accent(nameWithAliases(command, aliases).padEnd(width))}  ${command.summary}`),
      paint,
    ),
  );
  return text([
    "wt gives every git worktree a world of its own: processes, ports, URL.",
    "",
    `${paint.bold("Usage:")} wt <command> [arguments] [options]`,
    ...sections.flatMap((lines) => ["", ...lines]),
    "",
    ...section("Options of every command", optionLines(globalOptions, paint), paint),
    "",
    ...section(
      "Exit codes",
      exitCodeMeanings.map(([code, meaning]) => `${String(code).padStart(3)}  ${meaning}`),
      paint,
    ),
    "",
    "More about one command: wt help <command>",
  ]);
}

export function commandHelp(command: Command, aliases: readonly string[], paint: Paint): string {
  const lines = [`${command.summary}.`, "", `${paint.bold("Usage:")} ${usageLine(command)}`];
  if (aliases.length > 0) lines.push(`${paint.bold("Also:")}  ${aliases.map((alias) => `wt ${alias}`).join(", ")}`);
  for (const paragraph of command.details ?? []) lines.push("", paragraph);
  if (command.arguments.length > 0) {
    const rows = command.arguments.map((argument): [string, string] => [argumentUsage(argument), argument.summary]);
    lines.push("", ...section("Arguments", aligned(rows, paint), paint));
  }
  if (Object.keys(command.options).length > 0) lines.push("", ...section("Options", optionLines(command.options, paint), paint));
  lines.push("", ...section("Options of every command", optionLines(globalOptions, paint), paint));
  if (command.examples.length > 0) {
    const rows = command.examples.flatMap(({ command: line, summary }) => [paint.dim(`# ${summary}`), line]);
    lines.push("", ...section("Examples", rows, paint));
  }
  return text(lines);
}

/** `wt daemon`: its verbs. */
export function nounHelp(noun: string, commands: readonly Command[], paint: Paint): string {
  const rows = commands.map((command): [string, string] => [command.name, command.summary]);
  return text([`${paint.bold("Usage:")} wt ${noun} <command>`, "", ...section("Commands", aligned(rows, paint), paint)]);
}

export function usageLine(command: Command): string {
  const words = command.arguments.map(argumentUsage);
  const separator = command.passthrough ? ["--"] : [];
  return ["wt", command.name, ...(Object.keys(command.options).length > 0 ? ["[options]"] : []), ...separator, ...words].join(" ");
}

export function optionNames(name: string, spec: OptionTable[string]): string {
  const value = spec.type === "boolean" ? "" : ` <${spec.placeholder}>`;
  return `${spec.short ? `-${spec.short}, ` : ""}--${name}${value}`;
}

function optionLines(options: OptionTable, paint: Paint): string[] {
  const rows = Object.entries(options).map(([name, spec]): [string, string] => [
    spec.short ? optionNames(name, spec) : `    ${optionNames(name, spec)}`,
    spec.summary,
  ]);
  return aligned(rows, paint);
}

function aligned(rows: readonly [string, string][], paint: Paint): string[] {
  const width = Math.max(...rows.map(([left]) => Bun.stringWidth(left)));
  return rows.map(([left, right]) => `${paint.accent(left + " ".repeat(width - Bun.stringWidth(left)))}  ${right}`);
}

function nameWithAliases(command: Command, aliases: readonly string[]): string {
  return [command.name, ...aliases].join(", ");
}

function section(title: string, lines: readonly string[], paint: Paint): string[] {
  return [paint.bold(`${title}:`), ...lines.map((line) => `  ${line}`)];
}

function text(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
