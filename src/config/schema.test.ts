import { expect, test } from "bun:test";
import { type GenericSchema, getMetadata, safeParse } from "valibot";
import { parsePostgresOptions } from "../resource/postgres/postgres-options.ts";
import type { ResourceOptions } from "../resource/resource-driver.ts";
import { checkWritten, nodeOf } from "./check-written.ts";
import { resourceKinds } from "./resource-kinds.ts";
import { writtenConfig } from "./schema.ts";

interface Key {
  name: string;
  schema: GenericSchema;
}

function keysUnder(schema: GenericSchema): Key[] {
  const node = nodeOf(schema);
  const own = Object.entries(node.entries ?? {}).flatMap(([name, inner]) => [{ name, schema: inner }, ...keysUnder(inner)]);
  const inner = [node.item, node.value, ...(node.type === "union" ? (node.options as GenericSchema[]) : [])];
  return [...own, ...inner.flatMap((part) => (part ? keysUnder(part) : []))];
}

const ofKinds = Object.values(resourceKinds).flatMap((kind) => keysUnder(kind).filter(({ name }) => name !== "type"));
const keys = [...keysUnder(writtenConfig), ...ofKinds];

test("there are keys to document", () => {
  expect(keys.length).toBeGreaterThan(30);
});

test.each(keys)("$name has a description, and examples and a default that fit", ({ schema }) => {
  const inner = schema.type === "optional" ? (schema as unknown as { wrapped: GenericSchema }).wrapped : schema;
  const about = getMetadata(inner) as { description: string; default?: unknown; examples: unknown[] };
  expect(about.description).toMatch(/\.$/);
  expect(about.examples.length).toBeGreaterThan(0);
  for (const value of [...about.examples, ...("default" in about ? [about.default] : [])]) {
    expect(safeParse(inner, value).issues).toBeUndefined();
    expect(checkWritten(inner, value)).toEqual({ value, findings: [] });
  }
});

test("the documented options of postgres are those its driver reads", () => {
  const url = "postgres://app@localhost/app";
  const modes: ResourceOptions[] = [{}, { branch: "shared", url }, { server: url }, { remote: "neon", project: "quiet-river-12345678" }];
  const read = modes.flatMap((mode) => {
    const parsed = parsePostgresOptions({ ...mode, nonsense: 1 });
    const hint = "problems" in parsed ? parsed.problems.find(({ key }) => key === "nonsense")?.hint : null;
    return hint?.replace(/^Keys that fit: |\.$/g, "").split(", ") ?? [];
  });
  expect(Object.keys(resourceKinds.postgres.entries).sort()).toEqual([...new Set(["type", ...read])].sort());
});
