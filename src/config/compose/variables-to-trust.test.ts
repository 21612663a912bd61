import { expect, test } from "bun:test";
import { variablesToTrust } from "./variables-to-trust.ts";

test("each variable by its name; values that may be secrets are hidden", () => {
  const text = `# who we are
IMAGE=acme/shop:1
export DEBUG='true' # yes
EMPTY_TOKEN=
API_KEY=abc
DATABASE_URL=postgres://me:word@db/shop
PLAIN_URL=postgres://db/shop
BUILD=4f2d9e7a1b8c4f2d9e7a1b8c
OTHER_KEY=\${AWS_SECRET_ACCESS_KEY}
`;
  expect(variablesToTrust("deploy/.env", text)).toEqual([
    { source: "variable deploy/.env#IMAGE", text: "acme/shop:1" },
    { source: "variable deploy/.env#DEBUG", text: "true" },
    { source: "variable deploy/.env#EMPTY_TOKEN", text: "" },
    { source: "variable deploy/.env#API_KEY", text: "abc", hidden: true },
    { source: "variable deploy/.env#DATABASE_URL", text: "postgres://me:word@db/shop", hidden: true },
    { source: "variable deploy/.env#PLAIN_URL", text: "postgres://db/shop" },
    { source: "variable deploy/.env#BUILD", text: "4f2d9e7a1b8c4f2d9e7a1b8c", hidden: true },
    { source: "variable deploy/.env#OTHER_KEY", text: "${AWS_SECRET_ACCESS_KEY}" },
  ]);
});

test.each([
  ["a text of several lines, which hides a line that looks like another variable", 'A="x\nIMAGE=good"\nB=1'],
  ["the same name twice", "A=1\nA=2"],
  ["the form of YAML", "A: 1"],
  ["a name that takes its value from the shell", "A"],
  ["a space before the sign", "A =1"],
  ["a quote that is never closed", "A='x"],
  ["an escape", 'A="x\\"y"'],
  ["a sign of comment at the end of a word", "A=b#c"],
])("where the file could be read in another way, all of it counts: %s", (_what, text) => {
  const entries = variablesToTrust(".env", text);
  expect(entries.at(-1)).toEqual({ source: "file .env", text, hidden: true });
});

test("what a line takes from the shell is named", () => {
  expect(variablesToTrust("a.env", "A=1\nAWS_SECRET_ACCESS_KEY\n")[0]).toEqual({
    source: "variable a.env#AWS_SECRET_ACCESS_KEY",
    text: "(from your shell)",
  });
});

test.each(["", "\n", "A=\n", "A=b c d\r\n", "A=${B:-x}/y", "A='#x'"])("what can be read in one way only has no such entry: %j", (text) => {
  expect(variablesToTrust(".env", text).some(({ source }) => source === "file .env")).toBe(false);
});
