import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createPaint } from "../paint.ts";
import { symbolsFor } from "../symbols.ts";
import { fakeEnvironment } from "../testing/fake-daemon.ts";
import { fuzzyMatch } from "./fuzzy-match.ts";
import { parseKeys } from "./parse-keys.ts";
import { pickerEntries } from "./pick-environment.ts";
import { pickerLines } from "./picker-screen.ts";
import { type PickerEntry, type PickerKey, type PickerState, reducePicker, startPicker } from "./picker-state.ts";

const names = ["main", "earl-fib-123-feature", "fix-login", "experiment-new-approach", "feature-flags"];
const entries: PickerEntry[] = names.map((name) => ({ name, note: "Healthy" }));

function after(...keys: PickerKey[]): PickerState {
  return keys.reduce((state, key) => {
    const step = reducePicker(entries, state, key);
    if (step.done) throw new Error("The picker is done.");
    return step.state;
  }, startPicker(entries));
}
const typed = (text: string) => after({ type: "text", text });
const shown = (state: PickerState) => state.ranked.map(({ index }) => names[index]);

describe("ranking", () => {
  test.each([
    ["ff", ["feature-flags", "earl-fib-123-feature"]],
    ["feat", ["feature-flags", "earl-fib-123-feature"]],
    ["123", ["earl-fib-123-feature"]],
    ["ex new", ["experiment-new-approach"]],
    ["new ex", ["experiment-new-approach"]],
    ["LOGIN", ["fix-login"]],
    ["zzz", []],
    ["", names],
  ])("%s", (query, expected) => {
    expect(shown(typed(query))).toEqual(expected);
  });

  test("the marked letters are the ones that were typed, where they stand together if they can", () => {
    const match = fuzzyMatch("fl", "fix-flow");
    expect(match?.positions).toEqual([4, 5]);
  });

  test("a match is always the query's letters, in order, inside the name", () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 6 }).filter((query) => !/\s/.test(query)),
        fc.string({ maxLength: 30 }),
        (query, name) => {
          const match = fuzzyMatch(query, name);
          const letters = match?.positions.map((position) => name.toLowerCase()[position]).join("");
          if (match) expect(letters).toBe(query.toLowerCase());
          else expect(isSubsequence(query.toLowerCase(), name.toLowerCase())).toBe(false);
        },
      ),
    );
  });
});

function isSubsequence(query: string, name: string): boolean {
  let place = 0;
  for (const letter of name) if (letter === query[place]) place += 1;
  return place === query.length;
}

describe("keys", () => {
  test("move round, stop at the ends of pages, choose, leave", () => {
    expect(after({ type: "up" }).selected).toBe(4);
    expect(after({ type: "up" }, { type: "down" }).selected).toBe(0);
    expect(after({ type: "page_down" }).selected).toBe(4);
    expect(after({ type: "page_up" }).selected).toBe(0);
    expect(reducePicker(entries, after({ type: "down" }), { type: "accept" })).toEqual({ done: true, chosen: 1 });
    expect(reducePicker(entries, typed("login"), { type: "accept" })).toEqual({ done: true, chosen: 2 });
    expect(reducePicker(entries, typed("zzz"), { type: "accept" })).toMatchObject({ done: false });
    expect(reducePicker(entries, typed("zzz"), { type: "cancel" })).toEqual({ done: true, chosen: null });
  });

  test("erase a letter, a word, everything", () => {
    const state = typed("new é");
    const query = (key: PickerKey) => {
      const step = reducePicker(entries, state, key);
      return step.done ? null : step.state.query;
    };
    expect([query({ type: "erase" }), query({ type: "erase_word" }), query({ type: "erase_all" })]).toEqual(["new ", "new ", ""]);
  });

  test("are read from what terminals send; what is unknown leaves no letters behind", () => {
    expect(parseKeys("a\u001b[A\u001bOB\u000e\u0010é日\r").map((key) => (key.type === "text" ? key.text : key.type))).toEqual([
      "a",
      "up",
      "down",
      "down",
      "up",
      "é",
      "日",
      "accept",
    ]);
    expect(parseKeys("\u001b[1;5C\u001b[200~\u001b[<0;3;4M\u0001")).toEqual([]);
    expect(parseKeys("\u001b")).toEqual([{ type: "cancel" }]);
  });

  test("whatever is pressed, the selection stays on an entry", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", maxLength: 4 })), (inputs) => {
        let state = startPicker(entries);
        for (const key of inputs.flatMap(parseKeys)) {
          const step = reducePicker(entries, state, key);
          if (step.done) return;
          state = step.state;
          expect(state.selected).toBeGreaterThanOrEqual(0);
          expect(state.selected).toBeLessThan(Math.max(1, state.ranked.length));
        }
      }),
    );
  });
});

describe("the screen", () => {
  const options = {
    columns: 50,
    rows: 14,
    paint: createPaint(false),
    symbols: symbolsFor(true),
    preview: ["feature/x", "abc123 last commit"],
  };

  test("shows query, entries, preview and keys", () => {
    expect(pickerLines(entries, typed("f"), options)).toMatchInlineSnapshot(`
      [
        "> f  3/5",
        "● fix-login                Healthy",
        "  feature-flags            Healthy",
        "  earl-fib-123-feature     Healthy",
        "",
        "",
        "",
        "",
        "",
        "",
        "──────────────────────────────────────────────────",
        "feature/x",
        "abc123 last commit",
        "Enter goes there, Esc leaves, typing filters",
      ]
    `);
  });

  test("has exactly the size of the terminal and always shows the selected entry", () => {
    const many = Array.from(
      { length: 60 },
      (_, index): PickerEntry => ({ name: `branch-${index}-${"x".repeat(index)}`, note: "Degraded" }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 120 }), fc.integer({ min: 4, max: 50 }), fc.nat(59), (columns, rows, selected) => {
        const lines = pickerLines(many, startPicker(many, selected), { ...options, columns, rows });
        expect(lines).toHaveLength(rows);
        for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
        expect(lines.filter((line) => line.startsWith("●"))).toHaveLength(1);
      }),
    );
  });
});

test("projects are named where the directory does not tell which one is meant", () => {
  const names = (environments: ReturnType<typeof fakeEnvironment>[], cwd: string) =>
    pickerEntries(environments, cwd, createPaint(false)).map(({ name }) => name);
  const one = fakeEnvironment({ project: "demo", slug: "main", path: "/demo" });
  const two = fakeEnvironment({ project: "shop", slug: "main", path: "/shop" });
  expect(names([one], "/demo/src")).toEqual(["main"]);
  expect(names([one], "/elsewhere")).toEqual(["demo/main"]);
  expect(names([one, two], "/elsewhere")).toEqual(["demo/main", "shop/main"]);
});
