import { expect, test } from "bun:test";
import { join } from "node:path";
import { refusalRules, rewriteRules, warningRules } from "./rules.ts";

const page = join(import.meta.dir, "../../../../docs/compose.md");

test("docs/compose.md lists every rule with its sentence, and no other", async () => {
  const rows = [...(await Bun.file(page).text()).matchAll(/^\| `([a-z-]+)` \| (.*) \|$/gm)].map(
    ([, rule, sentence]) => `${rule}: ${sentence}`,
  );
  const rules = [rewriteRules, refusalRules, warningRules].flatMap((table) =>
    Object.entries(table).map(([rule, sentence]) => `${rule}: ${sentence}`),
  );
  const ids = new Set(rules.map((rule) => rule.split(":")[0]));
  // Other tables of the page may have rows of the same form.
  expect(rows.filter((row) => ids.has(row.split(":")[0]))).toEqual(rules);
  expect(ids.size).toBe(rules.length);
});
