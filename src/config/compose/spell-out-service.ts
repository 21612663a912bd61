// A service as one file has it → a form in which all files can be merged: short forms spelled out, paths seen from the top of the repository.
import { isMap, overrideKey, type Raw, textOf } from "./merge-models.ts";
import { pathInRepository } from "./repository-path.ts";

/** Paths become `/path/from/the/top`, or empty where they lead elsewhere. `directory`: where they are seen from in this file. */
export function spellOutService(service: Raw, directory: string): Raw {
  const spelled: Raw = Object.assign(Object.create(null), service);
  const change = (key: string, spell: (value: unknown) => unknown) => {
    if (service[key] !== undefined) spelled[key] = underMark(service[key], spell);
  };
  change("build", (value) => build(typeof value === "string" ? { context: value } : value, directory));
  change("depends_on", (value) => named(value, { condition: "service_started" }));
  change("profiles", list);
  change("expose", list);
  change("volumes", (value) => (Array.isArray(value) ? value.map((entry) => mount(entry, directory)) : value));
  return spelled;
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

function build(value: unknown, directory: string): unknown {
  return isMap(value) && typeof value.context === "string" ? { ...value, context: rooted(directory, value.context) } : value;
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
