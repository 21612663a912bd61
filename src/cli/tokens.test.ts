import { expect, test } from "bun:test";
import { parseArgs } from "node:util";
import fc from "fast-check";
import { type Token, tokens } from "./tokens.ts";

const options = {
  from: { type: "string" },
  count: { type: "string", short: "n" },
  force: { type: "boolean", short: "f" },
  all: { type: "boolean", short: "a" },
} as const;

/** What node:util says, in our form. */
function expected(argv: string[]): Token[] {
  const parsed = parseArgs({ args: argv, options, strict: false, tokens: true, allowPositionals: true });
  return parsed.tokens.flatMap((token): Token[] => {
    if (token.kind === "positional") return [{ kind: token.kind, value: token.value }];
    if (token.kind === "option") return [{ kind: token.kind, name: token.name, rawName: token.rawName, value: token.value }];
    return [];
  });
}

test("splits every command line as node:util does", () => {
  const word = fc.oneof(
    fc.constantFrom(
      "--",
      "-",
      "--from",
      "--from=x",
      "--from=",
      "-n",
      "-n3",
      "-fn",
      "-fan3",
      "-af",
      "--force",
      "--count",
      "--nope",
      "x",
      "",
      "-f=x",
      "--a=b=c",
    ),
    fc.string({ maxLength: 5 }).map((text) => `--${text}`),
    fc.string({ maxLength: 4 }).map((text) => `-${text}`),
    fc.string({ maxLength: 4 }),
  );
  fc.assert(
    // An option without a name is unknown to both, but node:util gives a doubled equals sign another one.
    fc.property(
      fc.array(
        word.filter((text) => !text.startsWith("--=")),
        { maxLength: 6 },
      ),
      (argv) => {
        expect(tokens(argv, options)).toEqual(expected(argv));
      },
    ),
    { numRuns: 2000 },
  );
});
