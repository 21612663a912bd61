// A service as one file has it → a form in which all files can be merged: short forms spelled out, paths seen from the top of the repository.
import { withWildcards } from "./interpolate.ts";
import { isMap, overrideKey, type Raw, textOf, unmarked } from "./merge-models.ts";
import { pathInRepository } from "./repository-path.ts";

/** No YAML text holds a NUL character. The context where none is written; and beside a key whose path has variables, the path with a `*` for each. */
export const usualContext = "\0usual";
export const anyContext = "\0context";
export const anyDockerfile = "\0dockerfile";
/** Entries of `env_file` and `label_file` become such maps. */
export interface SpelledFile {
  /** From the top; null: it leads elsewhere, or nobody knows where. */
  path: string | null;
  /** As written. */
  text: string;
}

interface Place {
  /** The service before variables were filled in. */
  written: Raw;
  /** Where paths are seen from in this file. */
  directory: string;
}

/** Paths become `/path/from/the/top`, or empty where they lead elsewhere. */
export function spellOutService(service: Raw, { written, directory }: Place): Raw {
  const spelled: Raw = Object.assign(Object.create(null), service);
  const change = (key: string, spell: (value: unknown, before: unknown) => unknown) => {
    if (service[key] !== undefined) spelled[key] = underMark(service[key], (value) => spell(value, unmarked(written[key])));
  };
  change("build", (value, before) => build(spellBuild(value), spellBuild(before), directory));
  change("depends_on", (value) => named(value, { condition: "service_started" }));
  change("profiles", list);
  change("expose", list);
  change("volumes", (value) => (Array.isArray(value) ? value.map((entry) => mount(entry, directory)) : value));
  for (const key of ["env_file", "label_file"]) change(key, (value, before) => variableFiles(value, before, directory));
  return spelled;
}

/** `configs` or `secrets` of a file. */
export function spellOutFiles(section: unknown, directory: string): unknown {
  return underMark(section, (plain) => {
    if (!isMap(plain)) return plain;
    const entries = Object.entries(plain).map(([name, entry]) => {
      const rootedFile = (value: unknown) =>
        isMap(value) && typeof value.file === "string" ? { ...value, file: rooted(directory, value.file) } : value;
      return [name, underMark(entry, rootedFile)];
    });
    return Object.fromEntries(entries);
  });
}

function underMark(value: unknown, spell: (value: unknown) => unknown): unknown {
  return isMap(value) && overrideKey in value ? { [overrideKey]: spell(value[overrideKey]) } : spell(value);
}

function named(value: unknown, long: Raw): unknown {
  return Array.isArray(value) ? Object.fromEntries(value.map((name) => [textOf(name), long])) : value;
}

function list(value: unknown): unknown {
  return typeof value === "string" || typeof value === "number" ? [value] : value;
}

function spellBuild(value: unknown): unknown {
  return typeof value === "string" ? { context: value } : value;
}

function build(value: unknown, written: unknown, directory: string): unknown {
  if (!isMap(value)) return value;
  const before = isMap(written) ? written : {};
  const spelled: Raw = { ...value, [usualContext]: rooted(directory, ".") };
  if (typeof value.context === "string") {
    spelled.context = rooted(directory, value.context);
    spelled[anyContext] = hasVariable(before.context) ? rooted(directory, withWildcards(before.context)) : "";
  }
  if (typeof value.dockerfile === "string") spelled[anyDockerfile] = hasVariable(before.dockerfile) ? anyName(before.dockerfile) : "";
  if (value.additional_contexts !== undefined) {
    const entries = namedValues(value.additional_contexts).map(([name, context]) => [name, rooted(directory, context)]);
    spelled.additional_contexts = Object.fromEntries(entries);
  }
  return spelled;
}

function hasVariable(written: unknown): written is string {
  return typeof written === "string" && written.includes("$");
}

/** `["a=b"]` and `{ a: b }`. */
function namedValues(value: unknown): [string, string][] {
  const plain = unmarked(value);
  if (isMap(plain)) return Object.entries(plain).map(([name, entry]) => [name, textOf(entry)]);
  return (Array.isArray(plain) ? plain : []).map((entry) => {
    const [name = "", ...rest] = textOf(entry).split("=");
    return [name, rest.join("=")];
  });
}

/** The path with the values that are known, and with a `*` for what any variable may hold. */
function variableFiles(value: unknown, written: unknown, directory: string): SpelledFile[] {
  const texts = pathsIn(written);
  const found = pathsIn(value).flatMap((text, index): SpelledFile[] => {
    const before = texts[index] ?? text;
    const known = { path: pathInRepository(directory, text), text: before };
    if (!hasVariable(before)) return [known];
    const any = { path: anyOf(directory, before), text: before };
    return known.path === null ? [any] : [any, known];
  });
  return found;
}

function anyOf(directory: string, written: string): string | null {
  const pattern = anyName(written);
  return pattern === "" || pattern.slice(0, pattern.lastIndexOf("/") + 1).includes("*") ? null : pathInRepository(directory, pattern);
}

/** Of a name only a part may be open: `*` alone would be every file there is. */
function anyName(written: string): string {
  const pattern = withWildcards(written);
  return /(^|\/)[.*]*$/.test(pattern) ? "" : pattern;
}

function pathsIn(value: unknown): string[] {
  const plain = unmarked(value);
  return (Array.isArray(plain) ? plain : [plain]).flatMap((entry) => {
    const text = textOf(isMap(entry) ? entry.path : entry);
    return text === "" ? [] : [text];
  });
}

/** Binds of the repository in their long form; named volumes and the rest as they are. */
function mount(entry: unknown, directory: string): unknown {
  const [source, target] = isMap(entry) ? [entry.source, entry.target] : textOf(entry).split(":");
  if (typeof source !== "string" || typeof target !== "string" || !source.startsWith(".")) return entry;
  return { type: "bind", source: rooted(directory, source), target };
}

function rooted(directory: string, written: string): string {
  const path = pathInRepository(directory, written);
  return path === null ? "" : `/${path}`;
}
