import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { closest, editDistance } from "./closest.ts";

test.each([
  ["rout", "route"],
  ["prot", "port"],
  ["ENV", "env"],
  ["redy", "ready"],
  ["xyz", null],
  ["", null],
])("%s", (written, meant) => {
  expect(closest(written, ["route", "port", "env", "ready", "restart"])).toBe(meant);
});

test("a distance is symmetric, and 0 only for equal texts", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 6 });
  fc.assert(
    fc.property(word, word, (left, right) => {
      expect(editDistance(left, right)).toBe(editDistance(right, left));
      expect(editDistance(left, right) === 0).toBe(left === right);
      expect(editDistance(left, right)).toBeLessThanOrEqual(Math.max(left.length, right.length));
    }),
  );
});
