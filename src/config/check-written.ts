// Reads the schema itself rather than running it: one sentence per mistake, in the words of the file, and a value without the mistakes so that
// the rules can go on and report theirs in the same run.
import type { GenericSchema } from "valibot";
import { closest } from "./closest.ts";

export type KeyPath = (string | number)[];

export interface Finding {
  path: KeyPath;
  /** Which part of the line to point at; default `value`. */
  at?: "key" | "value";
  message: string;
  hint?: string;
  level?: "warning";
}

export interface CheckedWritten {
  /** What is right of the value; what was wrong is left out, or replaced where something must stand. */
  value: unknown;
  findings: Finding[];
}

/** Checks plain data (from YAML) against the schema of what people write. Never throws. */
export function checkWritten(schema: GenericSchema, value: unknown): CheckedWritten {
  const findings: Finding[] = [];
  const kept = check(nodeOf(schema), value, { path: [], findings });
  return { value: kept === dropped ? {} : kept, findings };
}

/** `services.backend.route`, `setup[0].run`. */
export function formatPath(path: KeyPath): string {
  return path.reduce<string>((text, part) => (typeof part === "number" ? `${text}[${part}]` : text === "" ? part : `${text}.${part}`), "");
}

/** The schema types that schema.ts uses, seen as data. */
export interface SchemaNode {
  type: string;
  entries?: Record<string, GenericSchema>;
  options?: (GenericSchema | string)[];
  item?: GenericSchema;
  value?: GenericSchema;
}

/** The node under `optional` and `pipe`. */
export function nodeOf(schema: GenericSchema): SchemaNode {
  const node = schema as unknown as SchemaNode & { wrapped?: GenericSchema; pipe?: GenericSchema[] };
  if (node.wrapped) return nodeOf(node.wrapped);
  const first = node.pipe?.[0];
  return first && first !== schema ? nodeOf(first) : node;
}

const dropped = Symbol("dropped");

interface Place {
  path: KeyPath;
  findings: Finding[];
}

function check(node: SchemaNode, value: unknown, place: Place): unknown {
  if (node.type === "union") return checkUnion(node, value, place);
  if (kindOf(value) !== kindOfNode(node) || (node.type === "picklist" && !node.options?.includes(value as string))) {
    return wrong(node, value, place);
  }
  if (node.type === "array" && node.item) {
    const item = nodeOf(node.item);
    return (value as unknown[]).map((entry, index) => check(item, entry, { ...place, path: [...place.path, index] })).filter(isKept);
  }
  if (node.type === "record" && node.value) return checkRecord(nodeOf(node.value), value as Record<string, unknown>, place);
  if (node.entries) return checkObject(node, value as Record<string, unknown>, place);
  return value;
}

const isKept = (value: unknown) => value !== dropped;

function checkUnion(node: SchemaNode, value: unknown, place: Place): unknown {
  const options = optionsOf(node);
  const kind = kindOf(value);
  const fitting = options.filter((option) => kindOfNode(option) === kind);
  const [only] = fitting;
  if (only && only.type !== "picklist") return check(only, value, place);
  if (fitting.some((option) => option.options?.includes(value as string))) return value;
  return wrong(node, value, place);
}

/** A union may stand in a union: what counts is what can be written. */
function optionsOf(node: SchemaNode): SchemaNode[] {
  return (node.options as GenericSchema[]).map(nodeOf).flatMap((option) => (option.type === "union" ? optionsOf(option) : [option]));
}

function checkRecord(item: SchemaNode, value: Record<string, unknown>, place: Place): unknown {
  const kept: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (unusable.has(key)) {
      place.findings.push({
        path: [...place.path, key],
        at: "key",
        message: `${formatPath([...place.path, key])} cannot be used as a name.`,
        hint: "Choose another name.",
      });
      continue;
    }
    const checked = check(item, entry, { ...place, path: [...place.path, key] });
    const standIn = standInFor(place.path, item);
    if (checked !== dropped) kept[key] = checked;
    else if (standIn !== null) kept[key] = standIn;
  }
  return kept;
}

/** Names that JavaScript objects give a meaning of their own. */
const unusable = new Set(["__proto__", "prototype", "constructor"]);

/** A service or resource that is written wrongly still exists, so that what refers to it is not reported too. */
function standInFor(path: KeyPath, item: SchemaNode): unknown {
  if (path.length !== 1) return null;
  if (path[0] === "services") return "true";
  return item.entries?.type ? { type: "" } : null;
}

function checkObject(node: SchemaNode, value: Record<string, unknown>, place: Place): unknown {
  const kept: Record<string, unknown> = {};
  const entries = node.entries ?? {};
  const known = Object.keys(entries);
  for (const [key, entry] of Object.entries(value)) {
    const path = [...place.path, key];
    const schema = Object.hasOwn(entries, key) ? entries[key] : undefined;
    if (schema) {
      const inner = nodeOf(schema);
      if (entry === null && isOptional(schema) && acceptsEmpty(inner)) continue;
      const checked = check(inner, entry, { ...place, path });
      if (checked !== dropped) kept[key] = checked;
      // One that is written wrongly is still there, as for the required keys below.
      else if (key === "run") kept[key] = "true";
    } else if (node.type === "loose_object" && !unusable.has(key)) kept[key] = entry;
    else place.findings.push(unknownKey(path, known));
  }
  for (const key of known) {
    const schema = entries[key];
    if (!schema || isOptional(schema)) continue;
    if (!Object.hasOwn(value, key)) {
      place.findings.push({
        path: place.path,
        at: "key",
        message: `${formatPath(place.path)} has no \`${key}\`.`,
        hint: `Add \`${key}\`.`,
      });
    }
    if (!Object.hasOwn(kept, key)) kept[key] = key === "type" ? "" : "true";
  }
  return kept;
}

function isOptional(schema: GenericSchema): boolean {
  return schema.type === "optional";
}

/** A key whose whole content is commented out counts as not written. */
function acceptsEmpty(node: SchemaNode): boolean {
  if (node.type === "union") return (node.options as GenericSchema[]).some((option) => acceptsEmpty(nodeOf(option)));
  return ["map", "list"].includes(kindOfNode(node));
}

/** What people write who know another tool. */
const synonyms: Record<string, string> = {
  command: "run",
  cmd: "run",
  start: "run",
  script: "run",
  depends_on: "needs",
  dependsOn: "needs",
  after: "needs",
  environment: "env",
  variables: "env",
  working_dir: "directory",
  workdir: "directory",
  dir: "directory",
  healthcheck: "ready",
  readiness: "ready",
  health: "ready",
  path: "route",
  prefix: "route",
  ports: "port",
  name: "project",
  successCodes: "success_codes",
  pre_create: "before_create",
  "pre-create": "before_create",
  post_create: "after_create",
  postCreate: "after_create",
  "post-create": "after_create",
  "post-start": "after_create",
  pre_start: "before_up",
  "pre-start": "before_up",
  post_start: "after_up",
  pre_remove: "before_delete",
  preRemove: "before_delete",
  preDelete: "before_delete",
  "pre-remove": "before_delete",
  post_remove: "after_delete",
  postRemove: "after_delete",
  "post-remove": "after_delete",
  install: "setup",
  symlink: "clone",
};

function unknownKey(path: KeyPath, known: string[]): Finding {
  const written = String(path.at(-1));
  const parent = path.slice(0, -1);
  const synonym = Object.hasOwn(synonyms, written) ? synonyms[written] : undefined;
  const meant = synonym && known.includes(synonym) ? synonym : closest(written, known);
  const hint = meant ? `Did you mean \`${formatPath([...parent, meant])}\`?` : `Known keys here: ${known.join(", ")}.`;
  return { path, at: "key", message: `${formatPath(path)} is not a known key.`, hint };
}

function wrong(node: SchemaNode, value: unknown, place: Place): typeof dropped {
  const where = place.path.length === 0 ? "The file" : formatPath(place.path);
  const finding: Finding = { path: place.path, message: `${where} must be ${expectedOf(node)}, not ${nameOf(value)}.` };
  const choices = choicesOf(node);
  const meant = typeof value === "string" ? closest(value, choices) : null;
  if (meant) finding.hint = `Did you mean \`${meant}\`?`;
  else if (kindOfNode(node) === "text" && node.type === "string" && ["number", "truth"].includes(kindOf(value)))
    finding.hint = `Put it in quotes: "${value}".`;
  place.findings.push(finding);
  return dropped;
}

function choicesOf(node: SchemaNode): string[] {
  if (node.type === "picklist") return node.options as string[];
  return node.type === "union" ? (node.options as GenericSchema[]).flatMap((option) => choicesOf(nodeOf(option))) : [];
}

function expectedOf(node: SchemaNode): string {
  if (node.type === "picklist") return (node.options as string[]).map((option) => `\`${option}\``).join(" or ");
  if (node.type === "union") return optionsOf(node).map(expectedOf).join(" or ");
  return nouns[kindOfNode(node)];
}

type Kind = "text" | "number" | "truth" | "list" | "map" | "empty";
const nouns: Record<Kind, string> = {
  text: "text",
  number: "a number",
  truth: "true or false",
  list: "a list",
  map: "a map",
  empty: "empty",
};

function nameOf(value: unknown): string {
  const kind = kindOf(value);
  if (kind === "empty") return "empty";
  if (kind === "list" || kind === "map") return nouns[kind];
  const shown = String(value);
  return `\`${shown.length > 40 ? `${shown.slice(0, 40)}…` : shown}\``;
}

function kindOf(value: unknown): Kind {
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "list";
  if (typeof value === "object") return "map";
  return typeof value === "boolean" ? "truth" : typeof value === "string" ? "text" : "number";
}

function kindOfNode(node: SchemaNode): Kind {
  const kinds: Record<string, Kind> = {
    string: "text",
    picklist: "text",
    number: "number",
    boolean: "truth",
    array: "list",
    null: "empty",
  };
  return kinds[node.type] ?? "map";
}
