// What stands beside `type:` in wt.yaml, checked against a table that each driver has. Pure.
import type { ResourceOptions } from "./resource-driver.ts";

export interface OptionProblem {
  key: string;
  /** One sentence. */
  message: string;
  hint: string | null;
}

export interface OptionRule {
  /** `command`: a shell command of the repository. `path`: inside the worktree. `texts`: a list; one text stands for a list of one. */
  kind: "text" | "command" | "path" | "flag" | "texts";
  choices?: readonly string[];
  required?: boolean;
  /** What else must hold of a text: gives the rest of a sentence that begins with the key, or null. */
  check?: (text: string) => string | null;
}

export type OptionRules = Readonly<Record<string, OptionRule>>;

/** The options to keep (lists spelled out), or every problem. What is not written stays absent. */
export function checkOptions(written: ResourceOptions, rules: OptionRules): { options: ResourceOptions } | { problems: OptionProblem[] } {
  const problems: OptionProblem[] = [];
  const options: ResourceOptions = {};
  const known = Object.keys(rules);
  for (const [key, value] of Object.entries(written)) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    const found = rule ? problemOf(value, rule) : `is not an option of this kind of resource`;
    if (found !== null) problems.push({ key, message: `${key} ${found}.`, hint: rule ? hintOf(rule) : `There are: ${known.join(", ")}.` });
    else options[key] = rule?.kind === "texts" && typeof value === "string" ? [value] : (value ?? null);
  }
  for (const [key, rule] of Object.entries(rules)) {
    if (rule.required && !Object.hasOwn(written, key)) problems.push({ key, message: `${key} is missing.`, hint: hintOf(rule) });
  }
  return problems.length > 0 ? { problems } : { options };
}

/** A text option; null when it is not written. */
export function textOption(options: ResourceOptions, key: string): string | null {
  const value = options[key];
  return typeof value === "string" ? value : null;
}

/** `cache-2` → `CACHE_2`. */
export function variablePrefix(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

/** For `check`: a name that a variable can have. */
export function variableName(text: string): string | null {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return "is not a name a variable can have";
  return text === "PORT" || text.startsWith("WT_") ? "is a variable that wt sets itself" : null;
}

function problemOf(value: unknown, rule: OptionRule): string | null {
  if (rule.kind === "flag") return typeof value === "boolean" ? null : "must be true or false";
  if (rule.kind === "texts") {
    const texts = typeof value === "string" ? [value] : value;
    if (!Array.isArray(texts) || !texts.every((text) => typeof text === "string")) return "must be a text or a list of texts";
    return texts.map((text) => problemOfText(text, rule)).find((problem) => problem !== null) ?? null;
  }
  return typeof value === "string" ? problemOfText(value, rule) : "must be a text";
}

function problemOfText(text: string, rule: OptionRule): string | null {
  if (text.trim() === "") return "is empty";
  if (text.includes("\0")) return "holds a NUL character";
  if (rule.choices && !rule.choices.includes(text)) return `cannot be \`${text}\``;
  if (rule.kind === "path" && leavesWorktree(text)) return `\`${text}\` is not a path inside the worktree`;
  return rule.check?.(text) ?? null;
}

function leavesWorktree(text: string): boolean {
  const parts = text.split(/[/\\]/).filter((part) => part !== "" && part !== ".");
  return text.startsWith("/") || text.startsWith("~") || parts.length === 0 || parts.includes("..") || parts[0]?.toLowerCase() === ".git";
}

function hintOf(rule: OptionRule): string | null {
  if (rule.choices) return `Write one of: ${rule.choices.join(", ")}.`;
  if (rule.kind === "command") return "Write a shell command.";
  if (rule.kind === "path") return "Write a path relative to the top of the worktree.";
  return null;
}
