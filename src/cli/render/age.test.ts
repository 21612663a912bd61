import { expect, test } from "bun:test";
import { age, bytes, duration } from "./age.ts";

test.each([
  [0, "0s"],
  [59_999, "59s"],
  [5 * 60_000, "5m"],
  [2 * 3_600_000 + 1, "2h"],
  [13 * 86_400_000, "13d"],
  [40 * 86_400_000, "5w"],
  [-5000, "0s"],
])("%i ms ago", (ms, expected) => {
  expect(age(new Date(1e12).toISOString(), 1e12 + ms)).toBe(expected);
});

test("durations and sizes", () => {
  expect([12.4, 1400, 125_000].map(duration)).toEqual(["12 ms", "1.4 s", "2 min 5 s"]);
  expect([512, 36 << 20, 1.25 * 2 ** 30, 40 * 2 ** 30].map(bytes)).toEqual(["512 B", "36 MB", "1.3 GB", "40 GB"]);
  expect(age("nonsense", 0)).toBe("?");
});
