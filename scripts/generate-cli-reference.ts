// docs/cli-reference.md: every command, from the same data that parses it and prints its help.
import type { Command, OptionTable } from "../src/cli/command.ts";
import { loadAll } from "../src/cli/commands/help.ts";
import { argumentUsage, globalOptions } from "../src/cli/parse-arguments.ts";
import { exitCodeMeanings, type GroupedCommand, optionNames, usageLine } from "../src/cli/render/help-text.ts";
import type { GeneratedFile } from "./generate.ts";

export async function generateCliReference(): Promise<GeneratedFile[]> {
  const commands = await loadAll();
  const groups = [...new Set(commands.map(({ group }) => group))];
  const sections = [
    "# Command reference",
    "Made by `npm run generate` from the commands themselves. Every command answers `--help`.",
    contents(commands, groups),
    "## Options of every command",
    optionTable(globalOptions),
    "## Exit codes",
    table(
      ["code", "meaning"],
      exitCodeMeanings.map(([code, meaning]) => [String(code), meaning]),
    ),
    'With `--json`, an error is one document on stdout: `{"schema":1,"error":{"kind","code","message","hints","details"}}`.',
    ...groups.flatMap((group) => [`## ${group}`, ...commands.filter((one) => one.group === group).flatMap(commandSection)]),
  ];
  return [{ path: "docs/cli-reference.md", text: `${sections.join("\n\n")}\n` }];
}

function contents(commands: readonly GroupedCommand[], groups: readonly string[]): string {
  const rows = groups.flatMap((group) =>
    commands
      .filter((one) => one.group === group)
      .map(({ command }) => [`[\`wt ${command.name}\`](#${anchor(command.name)})`, command.summary]),
  );
  return table(["command", "what it does"], rows);
}

function commandSection({ command, aliases }: GroupedCommand): string[] {
  const parts = [`### wt ${command.name}`, `${command.summary}.`, fenced([usageLine(command)])];
  if (aliases.length > 0) parts.push(`Also: ${aliases.map((alias) => `\`wt ${alias}\``).join(", ")}.`);
  parts.push(...(command.details ?? []));
  if (command.arguments.length > 0) parts.push(argumentTable(command));
  if (Object.keys(command.options).length > 0) parts.push(optionTable(command.options));
  if (command.examples.length > 0) parts.push(fenced(command.examples.flatMap((example) => [`# ${example.summary}`, example.command])));
  return parts;
}

function argumentTable(command: Command): string {
  return table(
    ["argument", "meaning"],
    command.arguments.map((argument) => [`\`${argumentUsage(argument)}\``, argument.summary]),
  );
}

function optionTable(options: OptionTable): string {
  return table(
    ["option", "meaning"],
    Object.entries(options).map(([name, spec]) => [`\`${optionNames(name, spec)}\``, spec.summary]),
  );
}

function table(header: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

function fenced(lines: string[]): string {
  return ["```sh", ...lines, "```"].join("\n");
}

/** As Markdown renderers make it from `### wt daemon status`. */
function anchor(name: string): string {
  return `wt-${name.replaceAll(" ", "-")}`;
}
