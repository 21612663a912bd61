// What `docker compose config --format json` prints, as data; and the way back to text that Compose reads.
import type { JsonValue } from "../../../errors/wt-error.ts";

export type ComposeObject = { [key: string]: JsonValue };

/**
 * The whole compose project: files merged, variables filled in, paths absolute. Values are the real ones (`$` is a dollar sign), so they can
 * be compared and shown; `parseComposeModel` and `composeModelText` are the only two places that know of Compose's `$$`.
 * Holds secrets: it is never written to disk and never part of a sentence. Only what the transform looks at by name is typed; everything else passes through as it came.
 */
export interface ComposeModel {
  /** The Compose project name. */
  name: string;
  services: { [name: string]: ComposeObject };
  networks?: { [key: string]: ComposeObject | null };
  volumes?: { [key: string]: ComposeObject | null };
  secrets?: { [key: string]: ComposeObject };
  configs?: { [key: string]: ComposeObject };
  /** `x-…` and whatever newer versions of Compose add. */
  [other: string]: JsonValue | undefined;
}

/**
 * Reads the standard output of `docker compose config --format json`. Compose doubles every `$` there, in names too, so that its output is a
 * compose file again; here they become single. Throws a plain `Error` for what is not such an output: the caller knows the command to name.
 */
export function parseComposeModel(text: string): ComposeModel {
  const value: unknown = JSON.parse(text, (_, part: unknown) => (isObject(part) ? withSingleDollars(part) : singleDollars(part)));
  if (!isObject(value) || typeof value.name !== "string" || !isObject(value.services)) {
    throw new Error("the output of docker compose config has no project name or no services");
  }
  if (!Object.values(value.services).every(isObject))
    throw new Error("the output of docker compose config has a service that is not an object");
  return value as unknown as ComposeModel;
}

/**
 * The text for `docker compose -f -`. Compose fills in `$X` and `${X}` in values once more, so a dollar sign is doubled there; in names it
 * does not, so there it stays. May hold secrets: for standard input, never for a file.
 */
export function composeModelText(model: ComposeModel): string {
  return JSON.stringify(model, (_, part: unknown) => (typeof part === "string" ? part.replaceAll("$", "$$$$") : part));
}

export function isObject(value: unknown): value is ComposeObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value as an object; what is something else counts as empty. */
export function objectOf(value: unknown): Readonly<ComposeObject> {
  return isObject(value) ? value : {};
}

/** The value as a list; what is something else counts as empty. */
export function listOf(value: unknown): readonly JsonValue[] {
  return Array.isArray(value) ? (value as JsonValue[]) : [];
}

/** The value as text: numbers as Compose would read them, null for what has no text. */
export function textOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}

function singleDollars(part: unknown): unknown {
  return typeof part === "string" ? part.replaceAll("$$", "$") : part;
}

function withSingleDollars(part: ComposeObject): ComposeObject {
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key.replaceAll("$$", "$"), value]));
}
