import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { gitRepository } from "../../test/support/git-repository.ts";
import { parseIncludePatterns } from "./include-patterns.ts";

describe("patterns", () => {
  const cases: [string, string[], string[]][] = [
    [".env", [".env", "apps/web/.env"], [".env.local", "x.env"]],
    ["/.env", [".env"], ["apps/.env"]],
    [".env*\n!.env.example", [".env", ".env.local"], [".env.example"]],
    ["config/*.key", ["config/a.key"], ["config/sub/a.key", "other/config/a.key"]],
    ["config/**/*.key", ["config/a.key", "config/a/b/c.key"], ["a.key"]],
    ["**/secrets/", ["secrets/x", "a/b/secrets/deep/x"], ["secrets"]],
    ["certs/", ["certs/a.pem", "x/certs/a.pem"], ["certs"]],
    ["a[0-9].txt", ["a1.txt"], ["ab.txt"]],
    ["a[!0-9].txt", ["ab.txt"], ["a1.txt"]],
    ["\\#x\n# comment\n\n\\!y", ["#x", "!y"], ["# comment", "y"]],
    ["with space\\ \nplain   ", ["with space ", "plain"], ["with space", "plain   "]],
    ["dir/\n!dir/keep", ["dir/keep"], []],
    ["a?c\r\nb", ["abc", "b"], ["a/c"]],
  ];
  for (const [text, yes, no] of cases) {
    test(JSON.stringify(text), () => {
      const patterns = parseIncludePatterns(text);
      expect(yes.filter((path) => !patterns.matches(path))).toEqual([]);
      expect(no.filter((path) => patterns.matches(path))).toEqual([]);
    });
  }

  test("a name alone does not make a directory worth looking through, a path does", () => {
    const patterns = parseIncludePatterns(".env\n**/x.key\nstorage/keys/*.pem\nnode_modules/.cache/\n!vendor/x");
    expect(["storage/", "storage/keys/", "node_modules/"].map(patterns.enters)).toEqual([true, true, true]);
    expect(["vendor/", "dist/", "storage/other/", "node_modules/a/"].map(patterns.enters)).toEqual([false, false, false, false]);
  });
});

test("they mean what git takes them to mean", async () => {
  await using repository = await gitRepository({ files: { "tracked.txt": "" } });
  const paths = ["a", "b.env", ".env", "a.d/x", "a.d/.env", "d/e/x", "d/e/.env", "d/x.key", "d/a/x", "e/d/x"];
  for (const path of paths) {
    mkdirSync(dirname(join(repository.root, path)), { recursive: true });
    writeFileSync(join(repository.root, path), "");
  }
  const segment = fc.constantFrom("a", "d", "e", "x", ".env", "*.env", "*", "**", "?", "[a-d]", "[!a]", "a.d", "*.key", "x*");
  const pattern = fc
    .tuple(fc.constantFrom("", "!", "/"), fc.array(segment, { minLength: 1, maxLength: 3 }), fc.constantFrom("", "/", " ", "/**"))
    .map(([before, segments, after]) => before + segments.join("/") + after);
  await fc.assert(
    fc.asyncProperty(fc.array(pattern, { minLength: 1, maxLength: 4 }), async (lines) => {
      writeFileSync(join(repository.base, "patterns"), `${lines.join("\n")}\n`);
      const args = ["ls-files", "-z", "--others", "--ignored", `--exclude-from=${join(repository.base, "patterns")}`];
      const asGit = (await repository.git.run(repository.root, args)).split("\0").filter((path) => path !== "");
      const patterns = parseIncludePatterns(lines.join("\n"));
      expect(paths.filter((path) => patterns.matches(path)).sort()).toEqual(asGit.sort());
    }),
    { numRuns: 150 },
  );
}, 60_000);
