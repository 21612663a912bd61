import { expect, test } from "bun:test";
import { noOutput, shownOutput, withLine } from "./output-ends.ts";

const after = (count: number) => Array.from({ length: count }, (_, index) => `${index}`).reduce(withLine, noOutput);

test("short output is shown whole, in order", () => {
  expect(shownOutput(noOutput, "/log")).toEqual([]);
  for (const count of [1, 8, 9, 20])
    expect(shownOutput(after(count), "/log")).toEqual(Array.from({ length: count }, (_, index) => `${index}`));
});

test("of long output the first 8 and the last 12 lines are shown, with where the rest is", () => {
  const shown = shownOutput(after(100), "/log");
  expect(shown).toHaveLength(21);
  expect([shown[0], shown[7], shown[8], shown[9], shown[20]]).toEqual([
    "0",
    "7",
    "… 80 lines left out; all of them are in /log",
    "88",
    "99",
  ]);
  expect(shownOutput(after(21), "/log")[8]).toBe("… 1 line left out; all of them are in /log");
});
