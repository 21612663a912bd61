// One compose file as plain data, with the place of every key.
import { type Document, isCollection, isScalar, Pair, Scalar, visit, YAMLMap } from "yaml";
import { readYaml, type YamlFile } from "../yaml-file.ts";
import { overrideKey, resetMark } from "./merge-models.ts";

/** Errors are in `errors`; `value` is a map when it is `readable`. */
export function readComposeFile(text: string): YamlFile {
  return readYaml(text, { prepare: markTags, aliasesOfOne: 1_000 });
}

/** What YAML drops is kept as data: `!reset` and `!override` say how files are merged. */
function markTags(document: Document): void {
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
