// The only way the transform changes a model: whatever is set or removed is written down, so that `wt explain` leaves nothing out.
import type { JsonValue } from "../../../errors/wt-error.ts";
import { type ComposeModel, type ComposeObject, isObject } from "./compose-model.ts";
import { displayValue } from "./display-value.ts";
import { type RewriteRule, rewriteRules } from "./rules.ts";
import type { Rewrite } from "./transform-result.ts";

export interface Edit {
  /** From the top of the file: `["services", "web", "ports"]`. What is missing on the way is made. */
  path: readonly string[];
  /** Undefined: the key is removed. */
  value: JsonValue | undefined;
  rule: RewriteRule;
  shown?: Shown;
}

/** Instead of the values, where they are too long, or not for everyone's eyes: variables, options that may hold a password. */
export interface Shown {
  from: string | null;
  to: string | null;
}

export interface ModelEditor {
  /** A copy of the model that came in, with the edits so far. Read it, change it only by `edit`. */
  readonly model: ComposeModel;
  readonly rewrites: readonly Rewrite[];
  /** Writes the value and a `Rewrite`; neither where the value is there already. */
  edit(change: Edit): void;
}

export function createModelEditor(original: ComposeModel): ModelEditor {
  const model = structuredClone(original);
  const rewrites: Rewrite[] = [];
  return {
    model,
    rewrites,
    edit({ path, value, rule, shown }) {
      const key = path.at(-1) ?? "";
      const holder = holderOf(model as ComposeObject, path.slice(0, -1), value !== undefined);
      if (holder === null) return;
      const before = Object.hasOwn(holder, key) ? holder[key] : undefined;
      if (before === value || Bun.deepEquals(before, value, true)) return;
      if (value === undefined) delete holder[key];
      else holder[key] = structuredClone(value);
      const place = placeOf(path);
      const from = shown ? shown.from : displayValue(place.key, before);
      const to = shown ? shown.to : displayValue(place.key, value);
      rewrites.push({ rule, ...place, from, to, why: rewriteRules[rule] });
    },
  };
}

/** The object that holds the last key; null when it is not there and need not be made. */
function holderOf(model: ComposeObject, path: readonly string[], make: boolean): ComposeObject | null {
  let holder = model;
  for (const key of path) {
    const next = Object.hasOwn(holder, key) ? holder[key] : undefined;
    if (isObject(next)) {
      holder = next;
    } else {
      if (!make) return null;
      const made: ComposeObject = {};
      holder[key] = made;
      holder = made;
    }
  }
  return holder;
}

function placeOf(path: readonly string[]): { service: string | null; key: string } {
  const [top, service, ...rest] = path;
  return top === "services" && service !== undefined ? { service, key: rest.join(".") } : { service: null, key: path.join(".") };
}
