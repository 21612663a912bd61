import { expect, test } from "bun:test";
import { parseConfig } from "./parse-config.ts";
import { problemsToError } from "./problems-to-error.ts";

test("no problems, no error", () => {
  expect(problemsToError("wt.yaml", [])).toBeNull();
});

test("the first problem is the sentence, all are in details and hints", () => {
  const { errors } = parseConfig("services:\n  web: { run: x, rout: / }\n  api: { run: y, prot: 1 }\n", {
    path: "wt.yaml",
    projectFallback: "x",
  });
  const error = problemsToError("wt.yaml", errors)!;
  expect(error.kind).toBe("config");
  expect(error.code).toBe("config_invalid");
  expect(error.message).toBe("wt.yaml:2:18: services.web.rout is not a known key.");
  expect(error.hints).toEqual([
    "Did you mean `services.web.route`?",
    "1 more problem in wt.yaml:",
    "wt.yaml:3:18: services.api.prot is not a known key. Did you mean `services.api.port`?",
  ]);
  expect(error.details).toMatchObject({ path: "wt.yaml", line: 2, column: 18 });
  expect(error.details?.problems).toHaveLength(2);
});

test("a problem without a place names the file alone", () => {
  const error = problemsToError("wt.yaml", [{ key: "", line: null, column: null, message: "The file is empty.", hint: null }])!;
  expect(error.message).toBe("wt.yaml: The file is empty.");
  expect(error.hints).toEqual(["Correct it in wt.yaml, then run the same command again."]);
});

test("problems of other files are not said to be in this one", () => {
  const problem = { key: "", file: "compose.yaml", line: 3, column: 1, message: "This is not YAML.", hint: null };
  const error = problemsToError("wt.yaml", [problem, { ...problem, line: 5 }])!;
  expect(error.hints.slice(1)).toEqual(["1 more problem:", "compose.yaml:5:1: This is not YAML."]);
});
