import { expect, test } from "bun:test";
import { chosenEnvironment } from "./chosen-environment.ts";

test("an environment is named by the argument or by -e, and both must say the same", () => {
  expect(chosenEnvironment("status", undefined, undefined)).toBeUndefined();
  expect(chosenEnvironment("status", "a", undefined)).toBe("a");
  expect(chosenEnvironment("status", undefined, "a")).toBe("a");
  expect(chosenEnvironment("status", "a", "a")).toBe("a");
  expect(() => chosenEnvironment("status", "a", "b")).toThrow("Name one environment: a or -e b, not both.");
});
