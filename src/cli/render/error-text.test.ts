import { expect, test } from "bun:test";
import { WtError } from "../../errors/wt-error.ts";
import { createPaint } from "../paint.ts";
import { symbolsFor } from "../symbols.ts";
import { errorText } from "./error-text.ts";

const options = { paint: createPaint(false), symbols: symbolsFor(false), verbose: false };

test("a sentence, log lines as they are, then what to do", () => {
  const error = new WtError({ kind: "unhealthy", code: "x", message: "web is Failed.", hints: ["  web | boom", "See: wt logs web"] });
  expect(errorText(error, options)).toBe("wt: web is Failed.\n    web | boom\n  -> See: wt logs web\n");
});

test("a stack only for bugs", () => {
  expect(errorText(WtError.from(new TypeError("x is undefined")), options)).toContain("    at ");
  expect(errorText(new WtError({ kind: "usage", code: "x", message: "No." }), options)).toBe("wt: No.\n");
});
