// `${{ … }}` in the options of resources: where it may stand, what it is replaced by, and which resource has to be there before which. Pure.
import type { JsonValue } from "../errors/wt-error.ts";
import { resolveCommandReferences } from "./command-references.ts";
import type { Config, ResourceConfig } from "./config.ts";
import { findReferences, type ReferenceLookup, resolveReference, resolveReferences, segments } from "./references.ts";
import { resourceKinds } from "./resource-kinds.ts";

type Options = ResourceConfig["options"];

/** Options that a shell runs: their values are quoted for the place they stand in. */
const commandKeys = new Set(["migrate", "seed", "create", "destroy", "reset", "check"]);
/** What an option says about variables and ways of working must be known before anything is. */
export const fixedKeys: readonly string[] = ["type", "branch", "variable", "variables", "version", "remote"];

/** Everything resolved, before a driver sees it. `place` is the key of the resource. Throws `WtError` (`config`) that names the option. */
export function resolveOptions(options: Options, lookup: ReferenceLookup, place: string): Options {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => {
      const at = `${place}.${key}`;
      if (typeof value === "string" && commandKeys.has(key)) return [key, resolveCommandReferences(value, lookup, at)];
      return [key, mapTexts(value, (text) => (isUrl(text) ? resolveInUrl(text, lookup, at) : resolveReferences(text, lookup, at)))];
    }),
  );
}

/** In a URL a value never becomes more than the part it stands in: a branch called `x@elsewhere` does not change the server. */
function resolveInUrl(text: string, lookup: ReferenceLookup, key: string): string {
  return segments(text)
    .map((segment) => (segment.kind === "text" ? segment.text : encodeURIComponent(resolveReference(segment.reference, lookup, key))))
    .join("");
}

function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}

/** Options as they may look once they are resolved, to check them before anything exists; as written where a reference is malformed. */
export function exampleOptions(resource: ResourceConfig, config: Pick<Config, "resources">): Options {
  const malformed = textsOfOptions(resource.options).some(({ text }) => findReferences(text).some(({ kind }) => kind === "invalid"));
  if (malformed) return resource.options;
  return resolveOptions(resource.options, (target) => exampleValue(target, config), "resources");
}

function exampleValue(target: Parameters<ReferenceLookup>[0], config: Pick<Config, "resources">): string {
  if (target.kind === "resource" && target.key === "url")
    return exampleUrls[config.resources[target.name]?.type ?? ""] ?? "http://localhost/name";
  return exampleValues[target.key] ?? "name";
}

const exampleUrls: Readonly<Record<string, string>> = {
  postgres: "postgres://name:secret@localhost:5432/name",
  mysql: "mysql://name:secret@localhost:3306/name",
  mariadb: "mysql://name:secret@localhost:3306/name",
  redis: "redis://default:secret@localhost:6379",
  sqlite: "file:/name.db",
};
const exampleValues: Readonly<Record<string, string>> = {
  url: "http://127.0.0.1:20000",
  public_url: "http://name.localhost/",
  host: "localhost",
  port: "20000",
  slot: "1",
  path: "/name",
};

/** `branch: shared` without `url` means what the main worktree has under the same name; what else is written says how that one is made. */
export function isMainShared({ type, options }: ResourceConfig): boolean {
  const kind = Object.entries(resourceKinds).find(([name]) => name === type)?.[1];
  return (
    options.branch === "shared" &&
    kind !== undefined &&
    "branch" in kind.entries &&
    options.url === undefined &&
    options.server === undefined &&
    options.remote === undefined
  );
}

/** As the main worktree has it: its own. */
export function ownOptions(options: Options): Options {
  const { branch: _, ...own } = options;
  return own;
}

/** What others get of the main worktree's: its URL, under the variable that is written. */
export function sharedOptions(options: Options, url: string): Options {
  return { branch: "shared", url, ...(options.variable === undefined ? {} : { variable: options.variable }) };
}

export interface OptionText {
  path: (string | number)[];
  text: string;
}

/** Every text of the options, with its path below them. */
export function textsOfOptions(value: unknown, path: (string | number)[] = []): OptionText[] {
  if (typeof value === "string") return [{ path, text: value }];
  if (typeof value !== "object" || value === null) return [];
  const inner: [string | number, unknown][] = Array.isArray(value) ? value.map((one, index) => [index, one]) : Object.entries(value);
  return inner.flatMap(([key, one]) => textsOfOptions(one, [...path, key]));
}

/** Names of the resources that this one refers to. */
export function namedResources(resource: ResourceConfig): string[] {
  const references = textsOfOptions(resource.options).flatMap(({ text }) => findReferences(text));
  return [...new Set(references.flatMap((one) => (one.kind === "resource" ? [one.name] : [])))];
}

/** Names in an order in which each comes after those it refers to, else as written. Circles, which the rules refuse, end. */
export function resourceOrder(resources: Config["resources"]): string[] {
  const order: string[] = [];
  const seen = new Set<string>();
  const add = (name: string) => {
    const resource = resources[name];
    if (!resource || seen.has(name)) return;
    seen.add(name);
    for (const needed of namedResources(resource)) add(needed);
    order.push(name);
  };
  for (const name of Object.keys(resources)) add(name);
  return order;
}

function mapTexts(value: JsonValue, map: (text: string) => string): JsonValue {
  if (typeof value === "string") return map(value);
  if (Array.isArray(value)) return value.map((one) => mapTexts(one, map));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mapTexts(one, map)]));
}
