// docs/schemas/*.schema.json: wt.yaml for editors, and the shapes of `--json` output.
import { type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { publishedSchemas } from "../src/api/schemas.ts";
import { resourceKinds } from "../src/config/resource-kinds.ts";
import { resourceService, serverTypes, writtenConfig } from "../src/config/schema.ts";
import type { GeneratedFile } from "./generate.ts";

export function generateSchemas(): GeneratedFile[] {
  const config = toJsonSchema(writtenConfig, { typeMode: "input", errorMode: "throw" });
  const files = [file("wt", { title: "wt.yaml of worldtree", ...withResourceKinds(config) })];
  for (const [name, { title, schema }] of Object.entries(publishedSchemas)) {
    // Output may gain keys within one schema version, so readers must not refuse unknown ones.
    const open = toJsonSchema(schema, {
      typeMode: "output",
      errorMode: "throw",
      overrideSchema: ({ jsonSchema }) => {
        const { additionalProperties, ...rest } = jsonSchema;
        return additionalProperties === false ? rest : jsonSchema;
      },
    });
    files.push(file(name, { title, ...open }));
  }
  return files;
}

/** What a type brings with it: editors complete and check its keys, and leave types they do not know alone. */
function withResourceKinds(config: JsonSchema): JsonSchema {
  const resources = config.properties?.resources as JsonSchema;
  const resource = resources.additionalProperties as JsonSchema;
  const kinds = Object.entries(resourceKinds).map(([type, kind]) => {
    const withService = serverTypes.includes(type) ? v.strictObject({ ...kind.entries, service: resourceService }) : kind;
    const { $schema, ...rest } = toJsonSchema(withService, { typeMode: "input", errorMode: "throw" });
    // biome-ignore lint/suspicious/noThenProperty: the word of JSON Schema.
    return { if: { properties: { type: { const: type } } }, then: rest };
  });
  const properties = { ...config.properties, resources: { ...resources, additionalProperties: { ...resource, allOf: kinds } } };
  return { ...config, properties } as JsonSchema;
}

function file(name: string, schema: JsonSchema): GeneratedFile {
  const { $schema, ...rest } = schema;
  return { path: `docs/schemas/${name}.schema.json`, text: `${JSON.stringify({ $schema, ...rest }, null, 2)}\n` };
}
