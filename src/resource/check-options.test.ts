import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { JsonValue } from "../errors/wt-error.ts";
import { checkOptions, type OptionRules, variableName, variablePrefix } from "./check-options.ts";

const rules: OptionRules = {
  path: { kind: "path", required: true },
  migrate: { kind: "command" },
  verify: { kind: "flag" },
  form: { kind: "text", choices: ["file", "path"] },
  names: { kind: "texts", check: variableName },
};

function problems(written: Record<string, JsonValue>): string[] {
  const checked = checkOptions({ path: "a.db", ...written }, rules);
  return "problems" in checked ? checked.problems.map((problem) => problem.message) : [];
}

describe("checkOptions", () => {
  test("keeps what is right and spells lists out", () => {
    const written = { path: "data/app.db", migrate: "npm run migrate", verify: false, form: "path", names: "A_URL" };
    expect(checkOptions(written, rules)).toEqual({ options: { ...written, names: ["A_URL"] } });
  });

  test("names every problem with its key", () => {
    const checked = checkOptions({ migrat: "x", verify: "yes", form: "url", names: ["A", "1"] }, rules);
    expect(checked).toEqual({
      problems: [
        {
          key: "migrat",
          message: "migrat is not an option of this kind of resource.",
          hint: "There are: path, migrate, verify, form, names.",
        },
        { key: "verify", message: "verify must be true or false.", hint: null },
        { key: "form", message: "form cannot be `url`.", hint: "Write one of: file, path." },
        { key: "names", message: "names is not a name a variable can have.", hint: null },
        { key: "path", message: "path is missing.", hint: "Write a path relative to the top of the worktree." },
      ],
    });
  });

  test.each(["/etc/passwd", "~/x", "..", "a/../../b", ".", "./", ".git", ".GIT/config", "a\\..\\..\\b"])("%s leads out", (path) => {
    expect(problems({ path })).toEqual([`path \`${path}\` is not a path inside the worktree.`]);
  });

  test.each([
    [" ", "path is empty."],
    ["a\0b", "path holds a NUL character."],
  ])("%j cannot be", (path, message) => {
    expect(problems({ path })).toEqual([message]);
  });

  test("names that every object has are no options", () => {
    expect(problems({ constructor: "x" })).toEqual(["constructor is not an option of this kind of resource."]);
  });

  test("never throws, and keeps nothing that a rule forbids", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(fc.constantFrom(...Object.keys(rules)), fc.string()), fc.jsonValue()), (written) => {
        const checked = checkOptions(written as Record<string, JsonValue>, rules);
        if ("problems" in checked) return checked.problems.length > 0 && checked.problems.every((problem) => /\.$/.test(problem.message));
        return Object.keys(checked.options).every((key) => Object.hasOwn(rules, key)) && typeof checked.options.path === "string";
      }),
    );
  });
});

test("names become variables", () => {
  expect(variablePrefix("my-cache2")).toBe("MY_CACHE2");
  expect(variableName("WT_X")).toBe("is a variable that wt sets itself");
});
