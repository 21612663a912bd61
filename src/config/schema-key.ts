// The bricks of the schemas.
import * as v from "valibot";

/** One key of a map: what it means, what holds without it, and how it looks. */
export function key<const Schema extends v.GenericSchema>(
  schema: Schema,
  about: { description: string; default?: unknown; examples: unknown[] },
) {
  return v.optional(v.pipe(schema, v.metadata(about)));
}

export const texts = v.union([v.string(), v.array(v.string())]);
