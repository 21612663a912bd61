import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { offsetBefore, parseTimeIndex, type TimeIndex, timeAt, timeMarkLine } from "./time-index.ts";

const index = fc
  .array(fc.record({ step: fc.integer({ min: 1, max: 1000 }), grown: fc.integer({ min: 1, max: 1000 }), unwatched: fc.boolean() }), {
    maxLength: 20,
  })
  .map((steps): TimeIndex => {
    let [timeMs, offset] = [1_700_000_000_000, 0];
    return steps.map(({ step, grown, unwatched }) => {
      timeMs += step;
      offset += grown;
      return { timeMs, offset, unwatched };
    });
  });

describe("the time index", () => {
  test("is read as it was written", () => {
    fc.assert(fc.property(index, (marks) => expect(parseTimeIndex(marks.map(timeMarkLine).join(""), 1e9)).toEqual(marks)));
  });

  test("survives being cut anywhere, and anything being in it", () => {
    fc.assert(
      fc.property(index, fc.nat(), (marks, cut) => {
        const text = marks.map(timeMarkLine).join("");
        const read = parseTimeIndex(text.slice(0, cut % (text.length + 1)), 1e9);
        expect(read).toEqual(marks.slice(0, read.length));
      }),
    );
    fc.assert(
      fc.property(fc.string(), index, (junk, marks) => {
        const read = parseTimeIndex(`${junk}\n${marks.map(timeMarkLine).join("")}`, 1e9);
        for (const [at, mark] of read.entries()) expect(mark.offset).toBeGreaterThanOrEqual(read[at - 1]?.offset ?? 0);
      }),
    );
  });

  test("leaves out what lies beyond the log", () => {
    expect(parseTimeIndex("5 10\n6 20\n7 30\n", 20)).toEqual([
      { timeMs: 5, offset: 10, unwatched: false },
      { timeMs: 6, offset: 20, unwatched: false },
    ]);
  });

  test("times never run backwards along the log, and lie within the marks", () => {
    fc.assert(
      fc.property(index, (marks) => {
        const length = marks.at(-1)?.offset ?? 0;
        let last = 0;
        for (let end = 1; end <= length; end += 7) {
          const time = timeAt(marks, end, 0);
          expect(time).toBeGreaterThanOrEqual(last);
          expect(time).toBeLessThanOrEqual(marks.at(-1)?.timeMs ?? 0);
          last = time;
        }
        expect(timeAt(marks, length + 1, 42)).toBe(42);
      }),
    );
  });

  test("a watched growth has the time of its mark, an unwatched one is spread between its marks", () => {
    const marks = parseTimeIndex("1000 100\n3000 200\n5000 300 ~\n", 300);
    expect(timeAt(marks, 150, 0)).toBe(3000);
    expect(timeAt(marks, 201, 0)).toBe(3020);
    expect(timeAt(marks, 250, 0)).toBe(4000);
    expect(timeAt(marks, 300, 0)).toBe(5000);
    expect(timeAt(parseTimeIndex("5000 300 ~\n", 300), 10, 0)).toBe(5000);
  });

  test("offsetBefore never passes over a byte that is recent enough", () => {
    fc.assert(
      fc.property(index, fc.nat(20_000), (marks, step) => {
        const sinceMs = 1_700_000_000_000 + step;
        const offset = offsetBefore(marks, sinceMs);
        const length = marks.at(-1)?.offset ?? 0;
        for (let end = 1; end <= length; end += 7) if (timeAt(marks, end, 0) >= sinceMs) expect(end).toBeGreaterThan(offset);
      }),
    );
  });
});
