import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { dotenvText, exportText, shellQuoted } from "./variables-text.ts";

/** Whatever can be in an environment: any text without NUL. Newlines, quotes and dollars are more frequent than by chance. */
const value = fc
  .oneof(
    fc.string({ unit: "grapheme", maxLength: 30 }),
    fc.string({ unit: fc.constantFrom("'", '"', "$", "`", "\\", "\n", " ", "#", "a", "!", "=", "~", "*", "{", "\t"), maxLength: 12 }),
  )
  .map((text) => text.replaceAll("\0", ""));

/** Runs a script in the real `sh` and gives each variable back as it is there. */
function valuesInShell(script: string, names: string[]): string[] {
  const printing = names.map((name) => `printf '%s\\0' "$${name}"`).join("; ");
  const { stdout, exitCode, stderr } = Bun.spawnSync(["sh", "-c", `${script}\n${printing}`], { env: { PATH: process.env.PATH ?? "" } });
  expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  return stdout.toString().split("\0").slice(0, -1);
}

test("eval of --export gives every value back", () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), (values) => {
      const variables = values.map((text, index) => ({ key: `V${index}`, value: text, origin: "" }));
      const script = exportText({ variables, unset: ["OLD", "PWD", "not a name"] });
      expect(
        valuesInShell(
          script,
          variables.map(({ key }) => key),
        ),
      ).toEqual(values);
    }),
    { numRuns: 25 },
  );
});

test("a .env file that sh reads gives every value back", () => {
  const directory = mkdtempSync("/tmp/wt-dotenv-");
  try {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), (values) => {
        const variables = values.map((text, index) => ({ key: `V${index}`, value: text }));
        const file = join(directory, ".env");
        writeFileSync(file, dotenvText(variables));
        expect(
          valuesInShell(
            `. '${file}'`,
            variables.map(({ key }) => key),
          ),
        ).toEqual(values);
      }),
      { numRuns: 25 },
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("plain values stay plain, the shell's own names are left alone", () => {
  expect(shellQuoted("http://127.0.0.1:20001/a,b")).toBe("http://127.0.0.1:20001/a,b");
  expect(shellQuoted("")).toBe("''");
  expect(exportText({ variables: [], unset: ["A", "OLDPWD", "_", "x y"] })).toBe("unset A\n");
});
