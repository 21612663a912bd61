// Text in, a Config or every problem at once out. Never throws, prints nothing, reads nothing.
import { safeParse } from "valibot";
import { checkWritten, type Finding, formatPath } from "./check-written.ts";
import type { ComposeConfig, ConfigProblem, ParsedConfig, ResourceConfig } from "./config.ts";
import { type NormalizeOptions, normalizeConfig } from "./normalize.ts";
import { checkRules } from "./rules.ts";
import { writtenConfig } from "./schema.ts";
import { readYaml, type YamlFile } from "./yaml-file.ts";

export interface ParseConfigOptions extends NormalizeOptions {
  /** Types of resources there are drivers for; default none. */
  resourceTypes?: readonly string[];
  /** What is wrong with what stands beside a resource's type, each with the key; asked for known types only. */
  resourceProblems?: ResourceProblems;
}

export type ResourceProblems = (resource: ResourceConfig) => { key: string; message: string; hint: string | null }[];

export function parseConfig(text: string, options: ParseConfigOptions): ParsedConfig {
  return parseFile(readYaml(text), options);
}

/** Which compose files a wt.yaml asks for, whatever else is wrong with it; null when its runtime is not Compose. */
export function composeOf(text: string): ComposeConfig | null {
  const file = readYaml(text);
  const typed = safeParse(writtenConfig, file.readable ? checkWritten(writtenConfig, file.value).value : {});
  return typed.success ? normalizeConfig(typed.output, { path: "", projectFallback: "" }).compose : null;
}

function parseFile(file: YamlFile, options: ParseConfigOptions): ParsedConfig {
  const checked = file.readable ? checkWritten(writtenConfig, file.value) : { value: {}, findings: [] };
  const typed = safeParse(writtenConfig, checked.value);
  const config = typed.success ? normalizeConfig(typed.output, options) : null;
  const { resourceTypes = [], resourceProblems = () => [] } = options;
  const input =
    config && typed.success ? { written: typed.output, config, resourceTypes, resourceProblems, outline: options.outline ?? null } : null;
  const ruled = input && file.readable ? checkRules(input) : [];
  const findings = [...checked.findings, ...ruled];
  const errors = inOrder([...file.errors, ...located(findings, file, undefined)]);
  if (errors.length === 0 && !config)
    errors.push({ key: "", line: null, column: null, message: "The file does not fit the schema.", hint: null });
  return {
    config: errors.length === 0 ? config : null,
    errors,
    warnings: inOrder([...file.warnings, ...located(findings, file, "warning")]),
  };
}

function located(findings: Finding[], file: YamlFile, level: Finding["level"]): ConfigProblem[] {
  return findings
    .filter((finding) => finding.level === level)
    .map((finding) => ({
      key: formatPath(finding.path),
      ...file.place(finding.path, finding.at ?? "value"),
      message: finding.message,
      hint: finding.hint ?? null,
    }));
}

function inOrder(problems: ConfigProblem[]): ConfigProblem[] {
  return problems.toSorted((left, right) => (left.line ?? 0) - (right.line ?? 0) || (left.column ?? 0) - (right.column ?? 0));
}
