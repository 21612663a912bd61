import { expect, test } from "bun:test";
import { mergeModels, overrideKey, resetMark } from "./merge-models.ts";

test("maps are merged, lists grow, single values and commands are replaced", () => {
  const base = { image: "a", ports: ["80"], command: ["x", "y"], healthcheck: { test: ["CMD", "a"], retries: 3 }, deep: { one: { a: 1 } } };
  const over = { image: "b", ports: ["81"], command: ["z"], healthcheck: { test: ["CMD", "b"] }, deep: { one: { b: 2 } } };
  expect({ ...mergeModels(base, over) }).toEqual({
    image: "b",
    ports: ["80", "81"],
    command: ["z"],
    healthcheck: { test: ["CMD", "b"], retries: 3 },
    deep: { one: { a: 1, b: 2 } },
  });
  expect(base.ports).toEqual(["80"]);
});

test("an empty key says nothing", () => {
  expect({ ...mergeModels({ environment: { A: "1" } }, { environment: null }) }).toEqual({ environment: { A: "1" } });
});

test("!reset takes away, !override replaces, and neither leaves a trace", () => {
  const base = { ports: ["80"], volumes: ["a:/a"], build: { context: ".", args: { A: 1 } } };
  const over = {
    ports: { [overrideKey]: ["81"] },
    volumes: resetMark,
    build: { [overrideKey]: { context: "x", args: resetMark, tags: [resetMark, "t"] } },
    other: { [overrideKey]: { a: { [overrideKey]: 1 } } },
  };
  const merged = mergeModels(base, over);
  expect({ ...merged }).toEqual({ ports: ["81"], build: { context: "x", tags: ["t"] }, other: { a: 1 } });
  expect(JSON.stringify(merged)).not.toContain("\\u0000");
});

test("a key called __proto__ is a key", () => {
  const merged = mergeModels({}, JSON.parse('{ "__proto__": { "polluted": true }, "a": {} }'));
  expect(Object.keys(merged)).toEqual(["__proto__", "a"]);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});
