import { expect, test } from "bun:test";
import fc from "fast-check";
import { instructionsBlock, skillText, withHooks, withInstructions, withoutHooks, withoutInstructions } from "./agent-texts.ts";

const text = fc.oneof(
  fc.string(),
  fc.array(fc.constantFrom("a", "\n", "# T", "é")).map((parts) => parts.join("")),
);

test("the block goes into any text and exactly out of it again (rc files wiped by an uninstall: worktrunk#3589)", () => {
  fc.assert(
    fc.property(text, (before) => {
      const after = withInstructions(before);
      expect(withInstructions(after)).toBe(after);
      expect(after.startsWith(before)).toBe(true);
      expect(withoutInstructions(after)).toBe(before === "" ? null : before);
    }),
  );
  expect(withoutInstructions(withInstructions(null))).toBeNull();
  expect(withoutInstructions("nothing of ours\n")).toBe("nothing of ours\n");
});

test("it is calm: at most eight lines", () => {
  expect(instructionsBlock.split("\n").length).toBeLessThanOrEqual(8);
  expect(skillText.startsWith("---\nname: worktree-environments\ndescription: ")).toBe(true);
});

test("an older block is brought up to date where it stands", () => {
  const old = withInstructions("# Mine\n").replace("Each git worktree", "Every worktree");
  expect(withInstructions(`${old}\nafter it\n`)).toBe(`${withInstructions("# Mine\n")}\nafter it\n`);
});

test("a block that has lost its end is not guessed at", () => {
  const cut = withInstructions("# Mine\n").replace("<!-- wt: end -->", "");
  for (const change of [withInstructions, withoutInstructions]) expect(() => change(cut)).toThrow("but not the line");
});

test("hooks go in beside others and exactly out again", () => {
  const settings = fc.record(
    {
      permissions: fc.record({ allow: fc.array(fc.string()) }),
      hooks: fc.dictionary(
        fc.constantFrom("Stop", "PreToolUse", "SessionEnd"),
        fc.array(fc.record({ matcher: fc.string(), hooks: fc.array(fc.record({ type: fc.constant("command"), command: fc.string() })) }), {
          minLength: 1,
        }),
        { minKeys: 1 },
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(settings, fc.constantFrom("  ", "\t", "    "), fc.constantFrom("", "\n"), (value, indent, end) => {
      fc.pre(Object.keys(value).length > 0);
      const before = JSON.stringify(value, null, indent) + end;
      const after = withHooks(before);
      expect(withHooks(after)).toBe(after);
      expect(JSON.parse(after)).toMatchObject({ ...(value.permissions ? { permissions: value.permissions } : {}) });
      expect(withoutHooks(after)).toBe(before);
    }),
  );
  expect(withoutHooks(withHooks(null))).toBeNull();
});

test("settings that are no JSON object are left alone", () => {
  for (const broken of ["[]", "{ // a comment\n}", '{"hooks": []}'])
    expect(() => withHooks(broken)).toThrow(".claude/settings.json is not a JSON object");
});
