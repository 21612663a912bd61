// What differs between two databases: their schemas object by object, and their row counts. Pure.
import type { ResourceContent, SchemaObject, TableRows } from "../resource/resource-driver.ts";
import { type DiffLine, lineDiff, mirroredLines } from "./line-diff.ts";

export interface ObjectChange {
  /** As seen from the first to the second. */
  change: "added" | "removed" | "changed";
  kind: string;
  name: string;
  /** Of a changed one the lines that differ; of the others the whole definition. */
  lines: DiffLine[];
}

export interface RowChange {
  table: string;
  from: RowCount;
  to: RowCount;
}

export type RowCount = Pick<TableRows, "rows" | "exact">;

export interface ContentDiff {
  /** Sorted by kind and name. */
  objects: ObjectChange[];
  /** Tables that both have, with counts that differ. */
  rows: RowChange[];
}

export function compareContent(from: ResourceContent, to: ResourceContent): ContentDiff {
  return { objects: compareObjects(from.objects, to.objects), rows: compareRows(from.rows, to.rows) };
}

/** What `compareContent` gives when its two sides are exchanged. */
export function mirroredDiff({ objects, rows }: ContentDiff): ContentDiff {
  const turned = { added: "removed", removed: "added", changed: "changed" } as const;
  return {
    objects: objects.map((one) => ({ ...one, change: turned[one.change], lines: mirroredLines(one.lines) })),
    rows: rows.map(({ table, from, to }) => ({ table, from: to, to: from })),
  };
}

/** `2 tables added, 1 view removed, 1 table changed`; empty when nothing differs. What only follows from a table is not counted beside it. */
export function summaryOf(changes: readonly ObjectChange[]): string {
  const parts: string[] = [];
  for (const change of ["added", "removed", "changed"] as const) {
    const counts = new Map<string, number>();
    for (const one of changes) if (one.change === change) counts.set(one.kind, (counts.get(one.kind) ?? 0) + 1);
    const tables = new Set(changes.filter((one) => one.kind === "table" && one.change === change).map(({ name }) => name));
    for (const [kind, count] of [...counts].sort(byImportance)) {
      const own = followers.has(kind)
        ? count - changes.filter((one) => one.change === change && one.kind === kind && follows(one, tables)).length
        : count;
      if (own > 0) parts.push(`${own} ${own === 1 ? kind : plural(kind)} ${change}`);
    }
  }
  return parts.join(", ");
}

function compareObjects(from: readonly SchemaObject[], to: readonly SchemaObject[]): ObjectChange[] {
  const [before, after] = [byKey(from), byKey(to)];
  const changes: ObjectChange[] = [];
  for (const [key, one] of before) {
    const other = after.get(key);
    const { kind, name, definition } = one;
    if (!other) changes.push({ change: "removed", kind, name, lines: wholeLines("-", definition) });
    else if (other.definition !== definition)
      changes.push({ change: "changed", kind, name, lines: lineDiff(definition, other.definition) });
  }
  for (const [key, { kind, name, definition }] of after) {
    if (!before.has(key)) changes.push({ change: "added", kind, name, lines: wholeLines("+", definition) });
  }
  return changes.sort((a, b) => compareText(a.kind, b.kind) || compareText(a.name, b.name));
}

function wholeLines(sign: "-" | "+", definition: string): DiffLine[] {
  return definition === "" ? [] : definition.split("\n").map((text) => ({ sign, text }));
}

function byKey(objects: readonly SchemaObject[]): Map<string, SchemaObject> {
  return new Map(objects.map((one) => [JSON.stringify([one.kind, one.name]), one]));
}

function compareRows(from: readonly TableRows[], to: readonly TableRows[]): RowChange[] {
  const after = new Map(to.map((one) => [one.table, one]));
  return from
    .flatMap((one): RowChange[] => {
      const other = after.get(one.table);
      if (!other || other.rows === one.rows) return [];
      return [{ table: one.table, from: { rows: one.rows, exact: one.exact }, to: { rows: other.rows, exact: other.exact } }];
    })
    .sort((a, b) => compareText(a.table, b.table));
}

const followers = new Set(["index", "trigger", "policy", "rule", "sequence"]);

/** `…_idx ON shop.orders` follows from the table `shop.orders`; a sequence from the table whose column it is named after. */
function follows({ kind, name }: ObjectChange, tables: ReadonlySet<string>): boolean {
  if (kind === "sequence") return [...tables].some((table) => name.startsWith(`${table}_`));
  const on = name.lastIndexOf(" ON ");
  return on !== -1 && tables.has(name.slice(on + 4));
}

function byImportance([one]: [string, number], [other]: [string, number]): number {
  return Number(other === "table") - Number(one === "table") || compareText(one, other);
}

function plural(kind: string): string {
  if (kind === "index") return "indexes";
  return kind.endsWith("y") ? `${kind.slice(0, -1)}ies` : kind.endsWith("s") ? kind : `${kind}s`;
}

/** By code units: the same on every machine. */
function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
