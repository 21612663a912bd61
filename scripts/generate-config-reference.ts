// docs/config-reference.md from the descriptions, defaults and examples in src/config/schema.ts.
import type { GenericSchema } from "valibot";
import { getMetadata } from "valibot";
import { stringify } from "yaml";
import { nodeOf, type SchemaNode } from "../src/config/check-written.ts";
import { environmentKeys, serviceKeys } from "../src/config/references.ts";
import { resourceKinds } from "../src/config/resource-kinds.ts";
import { writtenConfig } from "../src/config/schema.ts";
import type { GeneratedFile } from "./generate.ts";

export function generateConfigReference(): GeneratedFile[] {
  const top = nodeOf(writtenConfig);
  const service = mapIn(top, "services");
  const step = mapIn(top, "setup");
  const sections = [
    intro,
    section("The file", top, ""),
    section("A step of `setup`", step, "setup[]."),
    section("A service", service, "services.<name>."),
    section("`ready` of a service", mapIn(service, "ready"), "services.<name>.ready."),
    section("`stop` of a service", mapIn(service, "stop"), "services.<name>.stop."),
    section("A resource", mapIn(top, "resources"), "resources.<name>."),
    ...Object.entries(resourceKinds).map(([type, kind]) => sectionOfKind(type, nodeOf(kind))),
    references,
  ];
  return [{ path: "docs/config-reference.md", text: `${sections.join("\n\n")}\n` }];
}

const intro = `# wt.yaml

<!-- Generated from src/config/schema.ts by \`npm run generate\`. Do not edit. -->

The file stands at the top of the repository. Unknown keys are errors. Durations are written \`500ms\`, \`30s\`, \`2m\`, \`1h\`, or as a number of seconds.
Paths are relative to the worktree and may not leave it. Where a list is asked for, one text stands for a list of one.`;

const references = `## References

Values of \`env\`, and the commands in \`run\`, \`setup\` and \`ready.command\`, may hold references:

- \`\${{ services.<name>.<key> }}\` with ${list(serviceKeys)}. \`url\` is \`http://127.0.0.1:<port>\`, for calls between services; \`public_url\` leads through the gateway.
- \`\${{ env.<key> }}\` with ${list(environmentKeys)}.
- \`\${{ resources.<name>.<key> }}\`; the keys depend on the type.

Services may refer to each other in a circle: ports and URLs are known before any of them starts. \`$\${{\` stands for a literal \`\${{\`. \`$PORT\` and other variables
belong to the shell. In a command a value is quoted for the place it stands in, so that a branch name never becomes part of the command; where that is not possible
(inside \`$(…)\`, backticks or a here-document), pass it through \`env\`.`;

function list(keys: readonly string[]): string {
  return keys.map((key) => `\`${key}\``).join(", ");
}

interface About {
  description?: string;
  default?: unknown;
  examples?: unknown[];
}

function section(title: string, node: SchemaNode, prefix: string): string {
  const keys = Object.entries(node.entries ?? {}).map(([name, schema]) => entry(name, schema, prefix));
  return [`## ${title}`, ...keys].join("\n\n");
}

/** Its keys without `type`, which stands with the resource. */
function sectionOfKind(type: string, node: SchemaNode): string {
  const { type: _, ...entries } = node.entries ?? {};
  return section(`A resource of type \`${type}\``, { ...node, entries }, "resources.<name>.");
}

function entry(name: string, schema: GenericSchema, prefix: string): string {
  const inner = schema.type === "optional" ? (schema as unknown as { wrapped: GenericSchema }).wrapped : schema;
  const about = getMetadata(inner) as About;
  if (!about.description || !about.examples) throw new Error(`src/config/schema.ts: ${prefix}${name} has no description or no example`);
  const facts = [kindOf(nodeOf(schema)), schema.type === "optional" ? defaultOf(about) : "required"].filter((fact) => fact !== "");
  const examples = about.examples.map((example) => stringify({ [name]: example }, { lineWidth: 0 }).trimEnd());
  return [
    `### \`${prefix}${name}\``,
    `${about.description} (${facts.join("; ")})`,
    ["```yaml", examples.join("\n# or\n"), "```"].join("\n"),
  ].join("\n\n");
}

function defaultOf(about: About): string {
  if (!("default" in about)) return "";
  return `default: ${about.default === "" ? "empty" : `\`${JSON.stringify(about.default).replace(/^"|"$/g, "")}\``}`;
}

function kindOf(node: SchemaNode): string {
  if (node.type === "union") return [...new Set((node.options as GenericSchema[]).map((option) => kindOf(nodeOf(option))))].join(" or ");
  if (node.type === "picklist") return (node.options as string[]).map((option) => `\`${option}\``).join(" or ");
  if (node.type === "array" && node.item) return `list of ${kindOf(nodeOf(node.item))}`;
  return { string: "text", number: "number", boolean: "true or false", null: "nothing" }[node.type] ?? "map";
}

/** The map that a key holds, under its short forms, lists and names. */
function mapIn(parent: SchemaNode, key: string): SchemaNode {
  const found = parent.entries?.[key] && mapUnder(nodeOf(parent.entries[key]));
  if (!found) throw new Error(`src/config/schema.ts: ${key} holds no map`);
  return found;
}

function mapUnder(node: SchemaNode): SchemaNode | undefined {
  if (node.entries) return node;
  const inner = node.item ?? node.value;
  if (inner) return mapUnder(nodeOf(inner));
  if (node.type !== "union") return undefined;
  return (node.options as GenericSchema[]).map((option) => mapUnder(nodeOf(option))).find((found) => found !== undefined);
}
