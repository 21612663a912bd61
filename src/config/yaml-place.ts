import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair } from "yaml";
import type { KeyPath } from "./check-written.ts";

/** Where the key (or the value) at `path` begins; where the path leaves the file, the nearest place above. Follows aliases and merge keys. */
export function offsetOf(document: Document, path: KeyPath, at: "key" | "value"): number | null {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const [index, part] of path.entries()) {
    const last = index === path.length - 1;
    const target = resolved(node, document);
    if (isSeq(target) && typeof part === "number") node = target.items[part];
    else if (isMap(target)) {
      const pair = findPair(target.items, String(part), document);
      if (!pair) return offset;
      const key = startOf(pair.key);
      node = pair.value;
      if (last && at === "key") return key ?? offset;
      offset = key ?? offset;
    } else return offset;
    offset = startOf(node) ?? offset;
  }
  return offset;
}

function resolved(node: unknown, document: Document): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function startOf(node: unknown): number | null {
  return (node as Node | null)?.range?.[0] ?? null;
}

function findPair(items: Pair[], key: string, document: Document): Pair | undefined {
  const own = items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key);
  if (own) return own;
  for (const pair of items) {
    if (!isScalar(pair.key) || (pair.key.value !== "<<" && typeof pair.key.value !== "symbol")) continue;
    const source = resolved(pair.value, document);
    const maps = isSeq(source) ? source.items.map((item) => resolved(item, document)) : [source];
    for (const map of maps) {
      const found = isMap(map) ? findPair(map.items, key, document) : undefined;
      if (found) return found;
    }
  }
  return undefined;
}
