// What a command of an `exec` resource prints, understood. Pure.
import { WtError } from "../../errors/wt-error.ts";
import { variableName } from "../check-options.ts";
import type { ResourceConnection } from "../resource-driver.ts";

export interface ExpectedOutput {
  /** The key and its command, for sentences. */
  place: string;
  /** Names of variables that must be printed, neither more nor fewer; null: any. */
  variables: readonly string[] | null;
}

/**
 * `{ "variables": {…}, "values": {…} }`, alone or as the last line after other output; nothing at all means no variables.
 * Throws `WtError` (`machine`, `exec_output`) with the last lines for anything else.
 */
export function parseExecOutput(text: string, expected: ExpectedOutput): ResourceConnection {
  const printed = readPrinted(text);
  const wrong = (what: string) => outputError(text, expected.place, what);
  if (printed === undefined) throw wrong("did not print JSON");
  if (!isMap(printed)) throw wrong("printed JSON that is not a map");
  const unknown = Object.keys(printed).find((key) => key !== "variables" && key !== "values");
  if (unknown !== undefined) throw wrong(`printed \`${unknown}\` beside \`variables\` and \`values\``);
  const [variables, values] = [printed.variables, printed.values].map((map) => textsOf(map ?? {}));
  if (!variables || !values) throw wrong("printed `variables` or `values` that are not maps of texts");
  for (const name of Object.keys(variables)) {
    const problem = variableName(name);
    if (problem !== null) throw wrong(`printed the variable \`${name}\`, which ${problem}`);
  }
  const missing = expected.variables?.find((name) => !Object.hasOwn(variables, name));
  if (missing !== undefined) throw wrong(`did not print the variable ${missing} that \`variables\` names`);
  const extra = Object.keys(variables).find((name) => expected.variables && !expected.variables.includes(name));
  if (extra !== undefined) throw wrong(`printed the variable ${extra}, which \`variables\` does not name`);
  return { variables, values };
}

function readPrinted(text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === "") return {};
  for (const candidate of [trimmed, trimmed.slice(trimmed.lastIndexOf("\n") + 1)]) {
    try {
      return JSON.parse(candidate);
    } catch {
      // The next candidate, or none.
    }
  }
  return undefined;
}

/** Numbers and truth values count as what they look like; null for anything that is no map of texts. */
function textsOf(value: unknown): Record<string, string> | null {
  if (!isMap(value)) return null;
  const entries = Object.entries(value);
  if (!entries.every(([, entry]) => ["string", "number", "boolean"].includes(typeof entry) && !String(entry).includes("\0"))) return null;
  return Object.fromEntries(entries.map(([key, entry]) => [key, String(entry)]));
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function outputError(text: string, place: string, what: string): WtError {
  const lines = lastLines(text, 5);
  return new WtError({
    kind: "machine",
    code: "exec_output",
    message: `${place} ${what}.`,
    hints: [...lines, 'Let it print { "variables": { … }, "values": { … } } on standard output, and everything else on standard error.'],
    details: { place },
  });
}

/** Cut and set in, for hints. */
export function lastLines(text: string, count: number): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  return lines.slice(-count).map((line) => `  ${line.slice(0, 300)}`);
}
