import { expect, test } from "bun:test";
import { parseConfig } from "../parse-config.ts";
import { collectTrustCommands } from "../trust-commands.ts";

const parse = (text: string) => parseConfig(text, { path: "wt.yaml", projectFallback: "shop" });
const problems = (text: string) => parse(text).errors.map(({ key, message, hint }) => [key, message, hint]);

test("a hook is a command, a map or a list of them", () => {
  const { config } = parse("hooks:\n  after_up: ./a.sh\n  before_up:\n    - one\n    - { run: two, directory: web/, timeout: 2m }\n");
  expect(config?.hooks).toEqual({
    after_up: [{ run: "./a.sh", directory: ".", timeoutMs: 300_000, place: "hooks.after_up" }],
    before_up: [
      { run: "one", directory: ".", timeoutMs: 300_000, place: "hooks.before_up[0]" },
      { run: "two", directory: "web", timeoutMs: 120_000, place: "hooks.before_up[1]" },
    ],
  });
});

test("the wrong shape is an error that says so: hooks of another tool once did nothing, and nobody was told", () => {
  expect(problems("hooks: [./a.sh]\n")).toEqual([["hooks", "hooks must be a map, not a list.", null]]);
  expect(problems("hooks: { post_create: ./a.sh }\n")).toEqual([
    ["hooks.post_create", "hooks.post_create is not a known key.", "Did you mean `hooks.after_create`?"],
  ]);
  expect(problems("hooks: { pre-remove: ./a.sh }\n")[0]?.[2]).toBe("Did you mean `hooks.before_delete`?");
  expect(problems("post_create: ./a.sh\n")[0]?.[1]).toBe("post_create is not a known key.");
  expect(problems("hooks: { after_up: { command: a } }\n").map(([key]) => key)).toEqual(["hooks.after_up", "hooks.after_up.command"]);
  expect(problems("hooks: { after_up: ' ' }\n")[0]?.[1]).toBe("hooks.after_up is an empty command.");
  expect(problems("hooks: { after_up: { run: a, timeout: never } }\n")[0]?.[1]).toBe(
    "hooks.after_up.timeout `never` is not a duration between 1ms and 24h.",
  );
  expect(problems("hooks: { after_up: { run: a, directory: ../b } }\n")[0]?.[1]).toContain("leads out of the repository");
});

test("where the environment has no ports, references to them are refused", () => {
  const services = "services: { web: 'serve $PORT' }\n";
  const web = "$" + "{{ services.web.url }}";
  const slug = "$" + "{{ env.slug }}";
  expect(problems(`${services}hooks: { before_create: "echo ${slug}", after_up: "open ${web}" }\n`)).toEqual([]);
  const [found] = problems(`${services}hooks: { after_delete: ["echo ${web}"] }\n`);
  expect(found?.[1]).toBe(
    `hooks.after_delete[0] refers to ${web}, but after_delete runs while the environment has neither ports nor resources.`,
  );
});

test("steps in a list inside of the list run at once", () => {
  const { config } = parse("setup:\n  - [a, { run: b, inputs: x, directory: sub }]\n  - c\n");
  expect(config?.setup).toEqual([
    { run: "a", inputs: [], directory: ".", place: "setup[0][0]", group: 0 },
    { run: "b", inputs: ["x"], directory: "sub", place: "setup[0][1]", group: 0 },
    { run: "c", inputs: [], directory: ".", place: "setup[1]", group: 1 },
  ]);
  expect(problems("setup: [[[a]]]\n")).toHaveLength(1);
  expect(problems("setup: [[' ']]\n")[0]?.[1]).toBe("setup[0][0] is an empty command.");
  expect(problems("setup: [[{ run: a, inputs: ../x }]]\n")[0]?.[0]).toBe("setup[0][0].inputs");
});

test("what a step makes can only be taken over with inputs that tell whose is the right one", () => {
  const { config } = parse("setup: [{ run: npm ci, inputs: package-lock.json, makes: ./node_modules/ }]\n");
  expect(config?.setup[0]?.makes).toEqual(["node_modules"]);
  expect(problems("setup: [{ run: npm ci, makes: node_modules }]\n")[0]?.[1]).toContain("setup[0].makes needs `inputs`");
  expect(problems("setup: [{ run: npm ci, inputs: a, makes: ../node_modules }]\n")[0]?.[0]).toBe("setup[0].makes");
});

test("a person is asked about hooks, steps that run at once, and the scripts they call", async () => {
  const { config } = parse("setup: [[./a.sh, echo]]\nhooks: { before_delete: sh b.sh }\n");
  const files = {
    read: async (path: string) => (/^[ab]\.sh$/.test(path) ? `# ${path}` : null),
    list: async () => [],
    tracked: async () => true,
  };
  if (!config) throw new Error("no config");
  expect((await collectTrustCommands(config, files)).map(({ source }) => source)).toEqual([
    "setup[0][0]",
    "file a.sh",
    "setup[0][1]",
    "hooks.before_delete",
    "file b.sh",
  ]);
});
