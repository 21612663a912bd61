import { expect, test } from "bun:test";
import fc from "fast-check";
import { leadsTo, parseEnvFile } from "./env-files.ts";

test("lines as dotenv reads them", () => {
  const text = "# comment\nA=1\nexport B = two words # not this\r\nC='single # kept'\nD=\"x\" # y\nE=\n not a line\nF=a#b\nG.h-i=`j`\n";
  expect(parseEnvFile(text).map(({ key, value, line }) => [key, value, line])).toEqual([
    ["A", "1", 2],
    ["B", "two words", 3],
    ["C", "single # kept", 4],
    ["D", "x", 5],
    ["E", "", 6],
    ["F", "a#b", 8],
    ["G.h-i", "j", 9],
  ]);
});

test("what was written is read, whatever stands around it", () => {
  const value = fc.string().filter((text) => !/["\r\n]/.test(text));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.stringMatching(/^[A-Z_]{1,8}$/), value)), (entries) => {
      const text = entries.map(([key, one]) => `${key}="${one}"\n# other\n`).join("");
      expect(parseEnvFile(text).map((found) => [found.key, found.value])).toEqual(entries);
    }),
  );
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => void parseEnvFile(text)));
});

const others = [
  { slug: "a", ports: [27471, 20001], names: ["/code/shop.worktrees/a", "wt_shop_a_db"] },
  { slug: "ab", ports: [20010], names: ["/code/shop.worktrees/ab", "wt_shop_ab_db"] },
];

test.each<[string, string | null]>([
  ["postgres://app:x@127.0.0.1:27471/app", "a"],
  ["http://localhost:20010/api", "ab"],
  ["http://localhost:200101/api", null],
  ["http://db.example.com:27471", null],
  ["27471", "a"],
  ["127471", null],
  ["file:/code/shop.worktrees/ab/data/app.db", "ab"],
  ["file:/code/shop.worktrees/abc/data/app.db", null],
  ["file:/code/shop/data/app.db", null],
  ["postgres://app@db.example.com/wt_shop_a_db", "a"],
  ["postgres://app@db.example.com/my_wt_shop_a_db", null],
  ["redis://wt_shop_ab_db:secret@cache:6379", "ab"],
  ["", null],
])("%s leads to %s", (value, slug) => {
  expect(leadsTo(value, others)).toBe(slug);
});
