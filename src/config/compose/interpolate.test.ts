import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { interpolate, parseVariables, variablesIn, withWildcards } from "./interpolate.ts";

const variables = new Map([
  ["A", "1"],
  ["EMPTY", ""],
]);

test.each([
  ["plain", "plain"],
  ["$A-${A}", "1-1"],
  ["$$A $${A} $", "$A ${A} $"],
  ["${EMPTY:-x}${EMPTY-x}|", "x|"],
  ["${B:-x} ${B-y} ${B:-}|", "x y |"],
  ["${B:-${C:-z}}/${B:-$A}", "z/1"],
  ["${B-a}b}", "ab}"],
  ["${A:+yes}${EMPTY:+no}${EMPTY+yes}${B+no}", "yesyes"],
  ["${A:?must}${A?must}", "11"],
  // Nobody knows these.
  ["$B ${B} ${B:?must be set}", "$B ${B} ${B:?must be set}"],
  ["${EMPTY:?must}", ""],
  // What Compose would refuse stays as well.
  ["${", "$${".slice(1)],
  ["${1A}${A!x}", "${1A}${A!x}"],
])("%s", (written, expected) => {
  expect(interpolate(written, variables)).toBe(expected);
});

test("text without a dollar stays, and no text makes it throw", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("$", "{", "}", ":", "-", "+", "?", "A", "B", "x") }), (text) => {
      const result = interpolate(text, variables);
      if (!text.includes("$")) expect(result).toBe(text);
    }),
  );
});

test.each([
  [".env.${STAGE:-dev}", ".env.*"],
  ["$A$B/${C:-${D}}x", "*/*x"],
  ["plain", "plain"],
  ["$$A-$", "$A-$"],
])("%s for any values: %s", (written, expected) => {
  expect(withWildcards(written)).toBe(expected);
});

test("which variables a file takes in", () => {
  const file = {
    services: {
      web: { image: "$A:${B:-${C}-$D} $$E ${1}", environment: ["F", "G=1", "H=$I"], build: { args: { J: null, K: "1", L: "${M?}" } } },
    },
    secrets: { s: { environment: "N" } },
  };
  expect(variablesIn(file)).toEqual(["A", "B", "C", "D", "F", "I", "J", "M", "N"]);
});

test("a .env file", () => {
  const text = "# c\nA=1\n export B = 'two #' # c\nC=\"x\"\nD=a b # c\nE=\nnot a line\n1X=2\nF=a#b\r\n";
  expect([...parseVariables(text)]).toEqual([
    ["A", "1"],
    ["B", "two #"],
    ["C", "x"],
    ["D", "a b"],
    ["E", ""],
    ["F", "a#b"],
  ]);
  expect(parseVariables(null).size).toBe(0);
});
