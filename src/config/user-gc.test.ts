import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseUserGc } from "./user-gc.ts";

const dayMs = 86_400_000;

describe("gc of the user's config.yaml", () => {
  test("is off unless it is there", () => {
    for (const text of ["", "agent: claude\n", "gc:\n", "[1]"]) expect(parseUserGc(text)).toEqual({ gc: null, problem: null });
  });

  test("says how often, and how old", () => {
    expect(parseUserGc("gc: { every: 1d }").gc).toEqual({ everyMs: dayMs, olderThanMs: null });
    expect(parseUserGc("gc:\n  every: 12h\n  older_than: 2w\n").gc).toEqual({ everyMs: dayMs / 2, olderThanMs: 14 * dayMs });
  });

  test.each([
    ["gc: [", "It is not valid YAML."],
    ["gc: daily", "gc must have keys of its own: every, older_than."],
    ["gc: { every: 1d, olderthan: 7d }", "gc has no key olderthan; there are every and older_than."],
    ["gc: { every: 5m }", "gc.every must be a span of an hour or more, such as 12h or 1d."],
    ["gc: { older_than: 7d }", "gc.every must be a span of an hour or more, such as 12h or 1d."],
    ["gc: { every: 1d, older_than: 0d }", "gc.older_than must be a span of a day or more, such as 7d or 2w."],
  ])("%s is not understood, and off", (text, problem) => expect(parseUserGc(text)).toEqual({ gc: null, problem }));

  test("no text makes it throw, or collect more often than hourly", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `gc: { every: ${text} }`),
        ),
        (text) => {
          const { gc } = parseUserGc(text);
          expect(gc === null || gc.everyMs >= 3_600_000).toBe(true);
        },
      ),
    );
  });
});
