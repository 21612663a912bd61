import { expect, test } from "bun:test";
import type { TrustView } from "../../api/operations.ts";
import { createPaint } from "../paint.ts";
import { trustLines } from "./trust-text.ts";

const view = (text: string, source = "file run.sh"): TrustView => ({
  project: "shop",
  root: "/shop",
  state: "changed",
  hash: "h",
  commands: [{ source, text, change: "changed" }],
});
const shown = (text: string, source?: string) => trustLines(view(text, source), createPaint(false)).slice(2);

test("line by line, with the mark of a change", () => {
  expect(shown("echo a\r\n\techo b\n\n")).toEqual(["~ file run.sh", "    echo a", "    \techo b"]);
});

test("what a terminal would act upon or not show hides nothing", () => {
  expect(shown("rm -rf / #\recho harmless")).toEqual(["~ file run.sh", "    rm -rf / #\\u{d}echo harmless"]);
  expect(shown("a\u001b[2Kb\u202ec\u200bd\u2028e")).toEqual(["~ file run.sh", "    a\\u{1b}[2Kb\\u{202e}c\\u{200b}d\\u{2028}e"]);
  expect(shown("x", "file a\n\rb")).toEqual(["~ file a\\n\\u{d}b", "    x"]);
});
