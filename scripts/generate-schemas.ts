// docs/schemas/*.schema.json: wt.yaml for editors, and the shapes of `--json` output.
import { type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import { publishedSchemas } from "../src/api/schemas.ts";
import { writtenConfig } from "../src/config/schema.ts";
import type { GeneratedFile } from "./generate.ts";

export function generateSchemas(): GeneratedFile[] {
  const config = toJsonSchema(writtenConfig, { typeMode: "input", errorMode: "throw" });
  const files = [file("wt", { title: "wt.yaml of worldtree", ...config })];
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

function file(name: string, schema: JsonSchema): GeneratedFile {
  const { $schema, ...rest } = schema;
  return { path: `docs/schemas/${name}.schema.json`, text: `${JSON.stringify({ $schema, ...rest }, null, 2)}\n` };
}
