import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { ResourceContent } from "../resource/resource-driver.ts";
import { compareContent, mirroredDiff, summaryOf } from "./compare-content.ts";
import { lineDiff } from "./line-diff.ts";

const content = (objects: [string, string, string][], rows: [string, number | null][] = []): ResourceContent => ({
  version: "PostgreSQL 18.4",
  objects: objects.map(([kind, name, definition]) => ({ kind, name, definition })),
  rows: rows.map(([table, count]) => ({ table, rows: count, exact: true })),
});

test("added, removed, changed, and rows of tables that both have", () => {
  const from = content(
    [
      ["table", "public.a", "id int\nname text"],
      ["table", "public.gone", "id int"],
    ],
    [
      ["public.a", 2],
      ["public.gone", 1],
      ["public.same", 3],
    ],
  );
  const to = content(
    [
      ["index", "public.i ON public.b", "btree (id)"],
      ["table", "public.a", "id bigint\nname text"],
      ["table", "public.b", "id int"],
    ],
    [
      ["public.a", 5],
      ["public.same", 3],
    ],
  );
  const diff = compareContent(from, to);
  expect(diff.objects.map(({ change, kind, name }) => `${change} ${kind} ${name}`)).toEqual([
    "added index public.i ON public.b",
    "changed table public.a",
    "added table public.b",
    "removed table public.gone",
  ]);
  expect(diff.objects[1]?.lines).toEqual([
    { sign: "-", text: "id int" },
    { sign: "+", text: "id bigint" },
    { sign: " ", text: "name text" },
  ]);
  expect(diff.rows).toEqual([{ table: "public.a", from: { rows: 2, exact: true }, to: { rows: 5, exact: true } }]);
  expect(summaryOf(diff.objects)).toBe("1 table added, 1 table removed, 1 table changed");
});

test("what does not follow from a table is counted by itself", () => {
  const diff = compareContent(
    content([]),
    content([
      ["index", "public.i ON public.a", "x"],
      ["index", "public.j ON public.a", "x"],
      ["policy", "p ON public.a", "x"],
      ["view", "public.v", "x"],
    ]),
  );
  expect(summaryOf(diff.objects)).toBe("2 indexes added, 1 policy added, 1 view added");
  expect(summaryOf([])).toBe("");
});

test("lines left out are counted", () => {
  const lines = (count: number, change = "") =>
    Array.from({ length: count }, (_, index) => `${index}${index === 10 ? change : ""}`).join("\n");
  expect(lineDiff(lines(20), lines(20, "x"))).toEqual([
    { sign: "…", text: "9 lines" },
    { sign: " ", text: "9" },
    { sign: "-", text: "10" },
    { sign: "+", text: "10x" },
    { sign: " ", text: "11" },
    { sign: "…", text: "8 lines" },
  ]);
});

const definition = fc.array(fc.constantFrom("a", "b", "c", "d", ""), { maxLength: 9 }).map((lines) => lines.join("\n"));
const name = fc.constantFrom("public.a", "public.b", "x ON public.a", "f(integer)");
const kind = fc.constantFrom("table", "index", "function");
const databases = fc.record({
  version: fc.constant("PostgreSQL 18.4"),
  objects: fc.uniqueArray(fc.record({ kind, name, definition }), { selector: (one) => `${one.kind} ${one.name}` }),
  rows: fc.uniqueArray(fc.record({ table: name, rows: fc.option(fc.nat(3)), exact: fc.boolean() }), { selector: (one) => one.table }),
});

test("property: nothing differs from itself, whatever the order", () => {
  fc.assert(
    fc.property(databases, (one) => {
      const turned = { ...one, objects: one.objects.toReversed(), rows: one.rows.toReversed() };
      expect(compareContent(one, turned)).toEqual({ objects: [], rows: [] });
    }),
  );
});

test("property: exchanged sides give the mirrored answer, and mirroring twice gives the first again", () => {
  fc.assert(
    fc.property(databases, databases, (one, other) => {
      const diff = compareContent(one, other);
      expect(mirroredDiff(diff)).toEqual(compareContent(other, one));
      expect(mirroredDiff(mirroredDiff(diff))).toEqual(diff);
    }),
    { numRuns: 500 },
  );
});

test("property: with the lines of a diff one text becomes the other", () => {
  fc.assert(
    fc.property(definition, definition, (before, after) => {
      const lines = lineDiff(before, after, 1_000);
      const side = (sign: string) =>
        lines
          .filter((line) => line.sign === sign || line.sign === " ")
          .map(({ text }) => text)
          .join("\n");
      if (before === after) expect(lines).toEqual([]);
      else expect([side("-"), side("+")]).toEqual([before, after]);
    }),
    { numRuns: 500 },
  );
});
