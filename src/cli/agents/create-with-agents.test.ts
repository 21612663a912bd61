import { expect, test } from "bun:test";
import { variantNames } from "./create-with-agents.ts";

test("a name for each variant, each name once, and a number that makes sense", () => {
  expect(variantNames(["a", "b"], undefined)).toEqual(["a", "b"]);
  expect(variantNames(["a", "b"], 2)).toEqual(["a-1", "a-2", "b-1", "b-2"]);
  expect(variantNames(["a", "a"], undefined)).toEqual(["a"]);
  for (const count of [0, 21]) expect(() => variantNames(["a"], count)).toThrow("from 1 to 20");
});
