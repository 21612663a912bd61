import { expect, test } from "bun:test";
import { parseConfig } from "../config/parse-config.ts";
import { emptyConfigText } from "./empty-config-text.ts";

const options = { path: "wt.yaml", projectFallback: "x" };

test("the file for a repository that nothing is known of is valid", () => {
  expect(parseConfig(emptyConfigText, options).errors).toEqual([]);
});

test("its example is valid once the marks are taken away", () => {
  const filled = emptyConfigText
    .replace("services: {}\n", "")
    .replace(/^#(?! )/gm, "")
    .replace(/^#( {2,})/gm, "$1");
  const { config, errors } = parseConfig(filled, options);
  expect(errors).toEqual([]);
  expect(config?.services.map(({ name, port }) => [name, port.kind])).toEqual([
    ["web", "leased"],
    ["worker", "none"],
  ]);
  expect(config?.setup).toHaveLength(1);
});
