import { describe, expect, test } from "bun:test";
import { parseUserHooks } from "./user-hooks.ts";

describe("hooks of the user's config.yaml", () => {
  test("are none unless they are there", () => {
    for (const text of ["", "agent: claude\n", "hooks:\n", "hooks: { after_up: }\n", "[1]"]) {
      expect(parseUserHooks(text)).toEqual({ hooks: {}, problem: null });
    }
  });

  test("are commands, maps, or lists of them", () => {
    const { hooks } = parseUserHooks("hooks:\n  after_create: notify\n  before_delete:\n    - { run: check, timeout: 30s }\n    - save\n");
    const own = { directory: ".", own: true } as const;
    expect(hooks).toEqual({
      after_create: [{ ...own, run: "notify", timeoutMs: 300_000, place: "your hooks.after_create" }],
      before_delete: [
        { ...own, run: "check", timeoutMs: 30_000, place: "your hooks.before_delete[0]" },
        { ...own, run: "save", timeoutMs: 300_000, place: "your hooks.before_delete[1]" },
      ],
    });
  });

  test.each([
    ["hooks: [", "It is not valid YAML."],
    ["hooks: notify", "hooks must have keys of its own, such as before_create and after_create."],
    [
      "hooks: { on_create: x }",
      "hooks has no key on_create; there are before_create, after_create, before_up, after_up, before_down, after_down, before_delete, after_delete.",
    ],
    ["hooks: { after_up: 7 }", "hooks.after_up must be a command, a map with run and timeout, or a list of them."],
    ["hooks: { after_up: [{ timeout: 1s }] }", "hooks.after_up[0] must be a command, a map with run and timeout, or a list of them."],
    ["hooks: { after_up: { run: x, directory: y } }", "hooks.after_up has no key directory; there are run and timeout."],
    ["hooks: { after_up: { run: x, timeout: soon } }", "hooks.after_up.timeout must be a span such as 30s or 2m."],
    ["hooks: { after_up: { run: x, timeout: [1] } }", "hooks.after_up.timeout must be a span such as 30s or 2m."],
    [
      "hooks: { after_up: 'curl ${{ services.web.url }}' }",
      "hooks.after_up holds a reference such as ${{ … }}, but it runs for every project: take what it needs from its variables or its input.",
    ],
  ])("%s is not understood", (text, problem) => expect(parseUserHooks(text)).toEqual({ hooks: {}, problem }));
});
