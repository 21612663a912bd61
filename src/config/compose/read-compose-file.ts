// One compose file as plain data, with the place of every key.
import { type Document, isCollection, isScalar, Pair, Scalar, visit, YAMLMap } from "yaml";
import { readYaml, type YamlFile } from "../yaml-file.ts";
import { overrideKey, resetMark } from "./merge-models.ts";

/** Errors are in `errors`; `value` is a map when it is `readable`. */
export function readComposeFile(text: string): YamlFile {
  const unknown = new Set<string>();
  const file = readYaml(text, { prepare: (document) => markTags(document, unknown), aliasesOfOne: 1_000 });
  const errors = [...unknown].map((tag) => ({
    key: "",
    line: null,
    column: null,
    message: `The tag \`${tag}\` makes another value of what is written, and nobody could see which.`,
    hint: "Write the value itself.",
  }));
  return { ...file, errors: [...file.errors, ...errors] };
}

const plainTags = new Set(["str", "int", "float", "bool", "null", "map", "seq", "merge"].map((name) => `tag:yaml.org,2002:${name}`));

/** What YAML drops is kept as data: `!reset` and `!override` say how files are merged. Other tags that change a value (`!!binary`) are named in `unknown`. */
function markTags(document: Document, unknown: Set<string>): void {
  visit(document, {
    Node: (_key, node) => {
      const { tag } = node as { tag?: string };
      if (tag === undefined || tag === "!" || tag === "!reset" || tag === "!override" || plainTags.has(tag)) return;
      unknown.add(tag.replace("tag:yaml.org,2002:", "!!"));
    },
  });
  visit(document, {
    Pair: (_key, pair) => {
      const { value } = pair;
      if (!isScalar(value) && !isCollection(value)) return;
      if (value.tag === "!reset") pair.value = new Scalar(resetMark);
      if (value.tag !== "!override") return;
      const marked = new YAMLMap();
      marked.add(new Pair(new Scalar(overrideKey), value));
      pair.value = marked;
      // What stands below was meant as it is; going on would mark it again.
      return visit.SKIP;
    },
  });
}
