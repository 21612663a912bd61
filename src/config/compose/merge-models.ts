// Several compose files as one, by the rules of Compose: maps are merged, lists grow, single values and commands are replaced.

export type Raw = Record<string, unknown>;

/** Stand where `!reset` and `!override` stood; no YAML text holds a NUL character. */
export const resetMark = "\0reset";
export const overrideKey = "\0override";

/** Lists that a later file replaces as a whole. */
const replaced: ReadonlySet<string> = new Set(["command", "entrypoint", "test"]);

/** `over` laid on `base`. Neither is changed; no mark is left in the result. */
export function mergeModels(base: Raw, over: Raw): Raw {
  const merged: Raw = Object.assign(Object.create(null), base);
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    if (value === resetMark) delete merged[key];
    else if (isMap(value) && overrideKey in value) merged[key] = withoutMarks(value[overrideKey]);
    else if (isMap(value)) merged[key] = mergeModels(isMap(before) ? before : {}, value);
    else if (Array.isArray(value)) {
      const own = withoutMarks(value) as unknown[];
      merged[key] = Array.isArray(before) && !replaced.has(key) ? [...before, ...own] : own;
    }
    // An empty key says nothing: `environment:` with all lines commented out.
    else if (value !== null || before === undefined) merged[key] = value;
  }
  return merged;
}

function withoutMarks(value: unknown): unknown {
  if (value === resetMark) return null;
  if (Array.isArray(value)) return value.filter((entry) => entry !== resetMark).map(withoutMarks);
  if (!isMap(value)) return value;
  return overrideKey in value ? withoutMarks(value[overrideKey]) : mergeModels({}, value);
}

/** What stands under `!override`, if that is there. */
export function unmarked(value: unknown): unknown {
  return isMap(value) && overrideKey in value ? value[overrideKey] : value;
}

export function isMap(value: unknown): value is Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text, or what YAML made a number or truth of one; empty for what is none. */
export function textOf(value: unknown): string {
  return ["string", "number", "boolean"].includes(typeof value) ? String(value) : "";
}
