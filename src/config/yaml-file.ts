// YAML as this project accepts it: one document, a map, of a sane size; and where each key stands.
import { type Alias, type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, visit } from "yaml";
import type { KeyPath } from "./check-written.ts";
import type { ConfigProblem } from "./config.ts";
import { offsetOf } from "./yaml-place.ts";

export interface YamlFile {
  /** False when there is nothing to check further; `errors` then say why. */
  readable: boolean;
  value: unknown;
  errors: ConfigProblem[];
  warnings: ConfigProblem[];
  place(path: KeyPath, at: "key" | "value"): { line: number | null; column: number | null };
}

const largestBytes = 256 * 1024;
const mostAliases = 500;
const deepest = 60;

export interface ReadYamlOptions {
  /** Called before the document becomes a value. Without it: variables stay as written. */
  prepare?: (document: Document) => void;
  /** How often one anchor may be used. */
  aliasesOfOne?: number;
}

export function readYaml(written: string, options: ReadYamlOptions = {}): YamlFile {
  const text = written.startsWith("\uFEFF") ? written.slice(1) : written;
  if (text.length > largestBytes) return refused("The file is larger than 256 KiB.", "Move data out of it.");
  if (text.includes("\0")) return refused("The file holds NUL characters, so it is not text.", "Save it as UTF-8.");
  if (/[[{]{60}|(?:[[{]\s*){60}|(?:- ){60}/.test(text)) return refused(tooDeep, tooDeepHint);
  try {
    return readDocuments(text, options);
  } catch (error) {
    if (error instanceof RangeError) return refused(tooDeep, tooDeepHint);
    if (error instanceof ReferenceError && error.message.includes("alias")) return refused(tooManyAliases, "Write the values out.");
    return refused(`The file is not YAML: ${sentence(error instanceof Error ? error.message : String(error))}`, null);
  }
}

const tooDeep = "The file is nested too deeply.";
const tooManyAliases = "The file's aliases (`*name`) grow beyond measure.";
const tooDeepHint = "Check for brackets that are never closed.";

function refused(message: string, hint: string | null): YamlFile {
  const problem = { key: "", line: null, column: null, message, hint };
  return { readable: false, value: null, errors: [problem], warnings: [], place: () => ({ line: null, column: null }) };
}

function readDocuments(text: string, { prepare = keepVariablesAsWritten, aliasesOfOne = 100 }: ReadYamlOptions): YamlFile {
  const lines = new LineCounter();
  const documents = [...parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, merge: true, logLevel: "silent" })];
  const [document, second] = documents;
  const empty = { key: "", line: null, column: null, message: "The file is empty.", hint: "Run `wt init` to write one." };
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const file: YamlFile = { readable: false, value: null, errors: [], warnings: [], place: () => ({ line: null, column: null }) };
  if (!document) return { ...file, errors: [empty] };
  // The composer reports its own stack overflow as an error of the text, at a place that varies.
  if (document.errors.some((error) => error.message.includes("call stack"))) return refused(tooDeep, tooDeepHint);
  file.errors = document.errors.slice(0, 20).map((error) => ({ key: "", ...at(error.pos[0]), ...explain(error, text) }));
  file.warnings = document.warnings.map((warning) => ({ key: "", ...at(warning.pos[0]), message: sentence(warning.message), hint: null }));
  if (second) {
    const begin = second.contents?.range?.[0] ?? second.range[0];
    file.errors.push({
      key: "",
      ...at(begin),
      message: "A second YAML document begins here.",
      hint: "Keep one document and remove the line `---` before it.",
    });
  }
  if (file.errors.some((error) => error.hint !== duplicateHint)) return file;
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) return { ...file, errors: [empty] };
  if (!isMap(document.contents)) {
    const found = isSeq(document.contents) ? "a list" : "a single value";
    file.errors.push({
      key: "",
      ...at(document.contents.range?.[0] ?? 0),
      message: `The file must be a map of keys, not ${found}.`,
      hint: "Begin with a line such as `services:`.",
    });
    return file;
  }
  if (depthOf(document) > deepest) return refused(tooDeep, tooDeepHint);
  const aliases = aliasesOf(document);
  if (aliases.length > mostAliases) return refused(tooManyAliases, "Write the values out.");
  const dangling = aliases.filter((alias) => !alias.resolve(document));
  if (dangling.length > 0) {
    const explained = (name: string) => ({
      message: `The alias \`*${name}\` has no anchor \`&${name}\` before it.`,
      hint: "Define the anchor first.",
    });
    file.errors.push(...dangling.map((alias) => ({ key: "", ...at(alias.range?.[0] ?? 0), ...explained(alias.source) })));
    return file;
  }
  prepare(document);
  file.value = document.toJS({ maxAliasCount: aliasesOfOne });
  if (holdsItself(file.value, [])) return refused("An alias (`*name`) stands inside its own anchor (`&name`).", "Write the value out.");
  file.readable = true;
  file.place = (path, part) => {
    const offset = offsetOf(document, path, part);
    return offset === null ? { line: null, column: null } : at(offset);
  };
  return file;
}

const duplicateHint = "Remove one of the two.";

/** The parser's error codes in our own words, where those are clearer. */
function explain(error: { code: string; message: string; pos: [number, number] }, text: string): { message: string; hint: string | null } {
  const rest = text.slice(error.pos[0]);
  if (error.code === "DUPLICATE_KEY") {
    const name = /^["']?([^\s:"']+)/.exec(rest)?.[1];
    return { message: name ? `The key \`${name}\` is there twice.` : "The same key is there twice.", hint: duplicateHint };
  }
  if (error.code === "TAB_AS_INDENT")
    return { message: "A tab is used for indentation, which YAML does not allow.", hint: "Indent with spaces." };
  if (error.message.startsWith("Nested mappings")) {
    return { message: "A value holds `: `, which YAML reads as a key.", hint: "Put the value in quotes." };
  }
  return { message: `This is not YAML: ${sentence(error.message)}`, hint: null };
}

function sentence(message: string): string {
  const line = (message.split("\n")[0] ?? "").trim();
  return line.endsWith(".") ? line : `${line}.`;
}

function depthOf(document: Document): number {
  let most = 0;
  visit(document, {
    Collection: (_key, _node, path) => {
      most = Math.max(most, path.length / 2);
    },
  });
  return most;
}

function aliasesOf(document: Document): Alias[] {
  const found: Alias[] = [];
  visit(document, {
    Alias: (_key, alias) => {
      found.push(alias);
    },
  });
  return found;
}

function holdsItself(value: unknown, above: unknown[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  return above.includes(value) || Object.values(value).some((entry) => holdsItself(entry, [...above, value]));
}

/** `VERSION: 1.10` is text for a variable: the number 1.1 was never meant. */
function keepVariablesAsWritten(document: Document): void {
  const target = (node: unknown) => (isAlias(node) ? node.resolve(document) : node);
  visit(document, {
    Pair: (_key, pair) => {
      if (!isScalar(pair.key) || pair.key.value !== "env") return;
      const env = target(pair.value);
      if (!isMap(env)) return;
      for (const { value } of env.items) {
        const scalar = target(value);
        if (isScalar(scalar) && ["number", "boolean", "bigint"].includes(typeof scalar.value))
          scalar.value = scalar.source ?? String(scalar.value);
      }
    },
  });
}
