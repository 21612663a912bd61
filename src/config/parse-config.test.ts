import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { stringify } from "yaml";
import { parseConfig } from "./parse-config.ts";

const options = { path: "wt.yaml", projectFallback: "My Repo" };
const parse = (text: string, resourceTypes: string[] = []) => parseConfig(text, { ...options, resourceTypes });

function parsed(text: string, resourceTypes: string[] = []) {
  const result = parse(text, resourceTypes);
  expect(result.errors).toEqual([]);
  return result.config!;
}

const sample = `project: fibonacci
runtime: process                 # process | compose | kubernetes
copy: [.env, .env.local]         # ignored files taken from the main worktree; .worktreeinclude is read too
clone: [node_modules]            # directories, copy-on-write where the file system can
setup:
  - { run: npm ci, inputs: [package-lock.json] }      # skipped while the inputs are unchanged
resources:
  db:    { type: postgres, from: fibonacci_template, migrate: npm run migrate, seed: npm run seed }   # or: branch: shared
  cache: { type: redis }
  flows: { type: temporal }
services:
  frontend: { run: npm run dev -- --port $PORT --strictPort, route: / }
  backend:  { run: uvicorn app:app --port $PORT, route: [/api, /graphql], ready: { http: /healthz }, needs: [db] }
  worker:   { run: python -m worker, needs: [flows, backend], metrics: true }
agent: claude
`;

test("the design's sample becomes a config", () => {
  const config = parsed(sample, ["postgres", "redis", "temporal"]);
  expect(config).toEqual({
    project: "fibonacci",
    runtime: "process",
    copy: [".env", ".env.local"],
    clone: ["node_modules"],
    setup: [{ run: "npm ci", inputs: ["package-lock.json"], directory: ".", place: "setup[0]", group: 0 }],
    resources: {
      db: { type: "postgres", options: { from: "fibonacci_template", migrate: "npm run migrate", seed: "npm run seed" } },
      cache: { type: "redis", options: {} },
      flows: { type: "temporal", options: {} },
    },
    services: [
      {
        name: "frontend",
        run: "npm run dev -- --port $PORT --strictPort",
        directory: ".",
        env: {},
        routes: ["/"],
        port: { kind: "leased" },
        ready: { kind: "http", path: "/", status: null },
        readyTimeoutMs: 120_000,
        needs: [],
        restart: "on-failure",
        successCodes: [],
        stop: { signal: "SIGTERM", graceMs: 10_000 },
      },
      expect.objectContaining({
        name: "backend",
        routes: ["/api", "/graphql"],
        ready: { kind: "http", path: "/healthz", status: null },
        needs: ["db"],
      }),
      expect.objectContaining({ name: "worker", port: { kind: "none" }, ready: { kind: "none" }, needs: ["flows", "backend"] }),
    ],
    hooks: {},
    env: {},
    agent: "claude",
    worktrees: null,
    undeleteDays: null,
    compose: null,
    origin: { kind: "file", path: "wt.yaml" },
  });
});

test("short forms", () => {
  const config = parsed(`
copy: .env
setup: [npm ci, { run: make, directory: ./tools/, inputs: Makefile }]
env: { VERSION: 1.10, DEBUG: true, OCTAL: 0777, BIG: 123456789012345678901, URL: "\${{ services.api.url }}" }
services:
  tick: ./tick.sh
  api: { run: ./api, ready: { http: /up, status: 204 }, timeout: 1.5, stop: { signal: SIGINT, grace: 500ms }, success_codes: 3, cwd: api, needs: tick }
  slot: { run: ./slot, port: 8000, ready: { tcp: true } }
  logs: { run: ./logs, ready: { log: "^up (now|soon)" }, port: auto }
  cmd: { run: ./cmd, ready: { command: ./check }, restart: never }
  none: { run: "echo $PORT", port: false }
`);
  expect(config.project).toBe("my-repo");
  expect(config.copy).toEqual([".env"]);
  expect(config.setup).toEqual([
    { run: "npm ci", inputs: [], directory: ".", place: "setup[0]", group: 0 },
    { run: "make", inputs: ["Makefile"], directory: "tools", place: "setup[1]", group: 1 },
  ]);
  expect(config.env).toEqual({
    VERSION: "1.10",
    DEBUG: "true",
    OCTAL: "0777",
    BIG: "123456789012345678901",
    URL: "$" + "{{ services.api.url }}",
  });
  const [tick, api, slot, logs, cmd, none] = config.services;
  expect(tick).toMatchObject({ run: "./tick.sh", port: { kind: "none" }, ready: { kind: "none" } });
  expect(api).toMatchObject({
    ready: { kind: "http", path: "/up", status: 204 },
    readyTimeoutMs: 1500,
    stop: { signal: "SIGINT", graceMs: 500 },
    successCodes: [3],
    directory: "api",
    needs: ["tick"],
    port: { kind: "leased" },
  });
  expect(slot).toMatchObject({ port: { kind: "slot", base: 8000 }, ready: { kind: "tcp" } });
  expect(logs).toMatchObject({ port: { kind: "leased" }, ready: { kind: "log", pattern: "^up (now|soon)" } });
  expect(cmd).toMatchObject({ ready: { kind: "command", run: "./check" }, restart: "never", port: { kind: "none" } });
  expect(none).toMatchObject({ port: { kind: "none" }, ready: { kind: "none" } });
});

const leasedWhen: [string, string, boolean][] = [
  ["a route", "a: { run: x, route: / }", true],
  ["$PORT in its command", 'a: "x $PORT"', true],
  ["${PORT} in its command", 'a: "x ${PORT}"', true],
  ["${PORT:-1} in its command", 'a: "x ${PORT:-1}"', true],
  ["$PORT in a variable", 'a: { run: x, env: { ADDRESS: "127.0.0.1:$PORT" } }', true],
  ["another variable", 'a: "x $PORTAL"', false],
  ["an http probe", "a: { run: x, ready: /up }", true],
  ["a tcp probe", "a: { run: x, ready: { tcp: true } }", true],
  ["a log probe", "a: { run: x, ready: { log: up } }", false],
  ["its url asked for elsewhere", 'a: x\n  b: "y ${{ services.a.url }}"', true],
  ["its port asked for by itself", 'a: "x --port ${{ services.a.port }}"', true],
  ["its host asked for", 'a: x\n  b: "y ${{ services.a.host }}"', false],
  ["nothing", "a: x", false],
];
test.each(leasedWhen)("port with %s", (_name, services, leased) => {
  const result = parse(`services:\n  ${services}`);
  if (_name !== "its host asked for") expect(result.config?.services[0]?.port.kind).toBe(leased ? "leased" : "none");
  else expect(result.errors[0]?.message).toContain("services.a has no port");
});

test("anchors and merge keys, positions included", () => {
  const config = parsed(`
services:
  a: &base { run: x, env: &vars { N: 1.0 }, route: /a }
  b: { <<: *base, run: y, route: /b, env: { <<: *vars, M: 2 } }
`);
  expect(config.services[1]).toMatchObject({ run: "y", routes: ["/b"], env: { N: "1.0", M: "2" } });
  const broken = parse("services:\n  a: &base { run: x, prot: 3 }\n  b: { <<: *base, route: /b }\n");
  expect(broken.errors.map((error) => [error.key, error.line])).toEqual([
    ["services.a.prot", 2],
    ["services.b.prot", 2],
  ]);
});

/** Text, then what each problem says: key, line, column, part of the sentence, part of the hint. */
const bad: [string, string, [string, number | null, number | null, string, string?][]][] = [
  [
    "an unknown key",
    "services:\n  web:\n    run: x\n    rout: /\n",
    [["services.web.rout", 4, 5, "is not a known key", "`services.web.route`"]],
  ],
  [
    "a key of another tool",
    "services:\n  web: { run: x, depends_on: [] }\n",
    [["services.web.depends_on", 2, 18, "not a known key", "`services.web.needs`"]],
  ],
  ["an unknown key without a likeness", "zzzz: 1\n", [["zzzz", 1, 1, "zzzz is not a known key", "Known keys here: project"]]],
  ["a wrong type", "project: [a]\n", [["project", 1, 10, "project must be text, not a list"]]],
  ["a number for text", "project: 12\n", [["project", 1, 10, "not `12`", 'Put it in quotes: "12"']]],
  ["services as a list", "services:\n  - run: x\n", [["services", 2, 3, "services must be a map, not a list"]]],
  ["a service as a list", "services:\n  a: [x]\n", [["services.a", 2, 6, "services.a must be text or a map, not a list"]]],
  ["a service without run", "services:\n  a: { route: / }\n", [["services.a", 2, 3, "services.a has no `run`"]]],
  ["no value", "project:\n", [["project", 1, 9, "project must be text, not empty"]]],
  [
    "a choice that is none",
    "services:\n  a: { run: x, restart: alway }\n",
    [["services.a.restart", 2, 25, "must be `always` or", "Did you mean `always`?"]],
  ],
  ["kubernetes", "runtime: kubernetes\n", [["runtime", 1, 10, "is not in this version of wt", "runtime: compose"]]],
  [
    "a resource",
    "resources:\n  db: { type: postgres }\n",
    [["resources.db", 2, 3, "resources.db is a resource, and this version of wt has none"]],
  ],
  [
    "an unknown service in needs",
    "services:\n  api: x\n  a: { run: x, needs: [apy] }\n",
    [["services.a.needs[0]", 3, 24, "names `apy`", "Did you mean `api`?"]],
  ],
  [
    "an unknown service in a reference",
    'services:\n  api: x\n  a: "y ${{ services.ap.url }}"\n',
    [["services.a", 3, 6, "there is no service `ap`", "`api`"]],
  ],
  ["an unknown reference", 'env: { A: "${{ env.slag }}" }\n', [["env.A", 1, 11, 'env has no "slag"', "It has slug"]]],
  ["an open reference", 'env: { A: "${{ env.slug" }\n', [["env.A", 1, 11, "is not closed"]]],
  ["a reference to a resource", 'env: { A: "${{ resources.db.url }}" }\n', [["env.A", 1, 11, "there is no resource `db`"]]],
  [
    "a reference where none is resolved",
    'services:\n  a: { run: x, route: "/${{ env.slug }}" }\n',
    [
      ["services.a.route", 2, 23, "not resolved there"],
      ["services.a.route", 2, 23, "is not a path prefix"],
    ],
  ],
  [
    "a cycle",
    "services:\n  a: { run: x, needs: [b] }\n  b: { run: x, needs: [c] }\n  c: { run: x, needs: [a] }\n",
    [["services.a.needs", 2, 23, "a → b → c → a"]],
  ],
  ["a service that needs itself", "services:\n  a: { run: x, needs: a }\n", [["services.a.needs", 2, 23, "services.a needs itself"]]],
  [
    "two services on one route",
    "services:\n  a: { run: x, route: /api }\n  b: { run: x, route: [/api/] }\n",
    [["services.b.route[0]", 3, 24, "the route of services.a too"]],
  ],
  ["a route without slash", "services:\n  a: { run: x, route: api }\n", [["services.a.route", 2, 23, "does not begin with `/`"]]],
  ["a pattern as route", "services:\n  a: { run: x, route: /api/* }\n", [["services.a.route", 2, 23, "a route is a prefix"]]],
  [
    "one port base twice",
    "services:\n  a: { run: x, port: 8000 }\n  b: { run: x, port: 8000 }\n",
    [["services.b.port", 3, 22, "are both 8000", "8100"]],
  ],
  ["a port out of range", "services:\n  a: { run: x, port: 80 }\n", [["services.a.port", 2, 22, "whole number from 1024"]]],
  ["a port with fraction", "services:\n  a: { run: x, port: 8000.5 }\n", [["services.a.port", 2, 22, "whole number"]]],
  [
    "a port as text",
    'services:\n  a: { run: x, port: "3000:80" }\n',
    [["services.a.port", 2, 22, "must be a number or true or false or `auto` or `none`"]],
  ],
  ["a path out of the repository", "copy: [../secrets]\n", [["copy[0]", 1, 8, "leads out of the repository"]]],
  [
    "a directory out of the repository",
    "services:\n  a: { run: x, cwd: a/../../b }\n",
    [["services.a.cwd", 2, 21, "leads out of the repository"]],
  ],
  [
    "an absolute directory",
    "setup: [{ run: x, directory: /etc, inputs: ~/x }]\n",
    [
      ["setup[0].directory", 1, 30, "leads out"],
      ["setup[0].inputs", 1, 44, "leads out"],
    ],
  ],
  [
    "a bad regular expression",
    'services:\n  a: { run: x, ready: { log: "(" } }\n',
    [["services.a.ready.log", 2, 30, "is not a regular expression"]],
  ],
  ["two probes at once", "services:\n  a: { run: x, ready: { http: /, tcp: true } }\n", [["services.a.ready", 2, 23, "has http and tcp"]]],
  [
    "a probe without port",
    "services:\n  a: { run: x, port: none, ready: /up }\n",
    [["services.a.ready", 2, 35, "asks a port, but the service has none"]],
  ],
  ["a route without port", "services:\n  a: { run: x, port: none, route: / }\n", [["services.a.route", 2, 35, "has a route but no port"]]],
  [
    "a reference to a portless service",
    'services:\n  w: { run: x, port: none }\nenv: { W: "${{ services.w.url }}" }\n',
    [["env.W", 3, 11, "services.w has no port"]],
  ],
  ["a probe that is a word", "services:\n  a: { run: x, ready: tcp }\n", [["services.a.ready", 2, 23, "neither a path", "{ tcp: true }"]]],
  ["a service name with capitals", "services:\n  Web App: x\n", [["services.Web App", 2, 3, "not a usable name", "`web-app`"]]],
  ["a name of 41 characters", `services:\n  ${"a".repeat(41)}: x\n`, [[`services.${"a".repeat(41)}`, 2, 3, "at most 40"]]],
  [
    "a name with a meaning",
    "services:\n  constructor: x\n  __proto__: y\n",
    [
      ["services.constructor", 2, 3, "cannot be used"],
      ["services.__proto__", 3, 3, "cannot be used"],
    ],
  ],
  [
    "a bad duration",
    "services:\n  a: { run: x, timeout: soon, stop: { grace: -1 } }\n",
    [
      ["services.a.timeout", 2, 25, "is not a duration"],
      ["services.a.stop.grace", 2, 46, "is not a duration"],
    ],
  ],
  [
    "a bad variable",
    "env: { 1A: x, PORT: 3000, WT_X: y }\n",
    [
      ["env.1A", 1, 8, "not a name a variable"],
      ["env.PORT", 1, 15, "set by wt"],
      ["env.WT_X", 1, 27, "set by wt"],
    ],
  ],
  ["a variable without value", "env:\n  A:\n", [["env.A", 2, 5, "must be text or a number or true or false, not empty"]]],
  ["a bad project", "project: My App\n", [["project", 1, 10, "must consist of", "my-app"]]],
  ["an empty command", 'services:\n  a: " "\n', [["services.a", 2, 6, "empty command"]]],
  [
    "an exit code too high",
    "services:\n  a: { run: x, success_codes: [300] }\n",
    [["services.a.success_codes[0]", 2, 32, "from 0 to 255"]],
  ],
  [
    "both words for directory",
    "services:\n  a: { run: x, cwd: a, directory: b }\n",
    [["services.a.cwd", 2, 16, "both `directory` and `cwd`"]],
  ],
  ["a duplicate key", "project: a\nproject: b\n", [["", 2, 1, "`project` is there twice"]]],
  ["a tab", "services:\n\ta: x\n", [["", 2, 1, "A tab is used"]]],
  ["broken YAML", "services: {\n", [["", 2, 1, "This is not YAML"]]],
  ["an unquoted colon", "services:\n  a: echo: b\n", [["", 2, 6, "A value holds `: `", "quotes"]]],
  ["an empty file", "# nothing\n", [["", null, null, "The file is empty"]]],
  ["a list at the top", "- a\n", [["", 1, 1, "must be a map of keys, not a list"]]],
  ["a word at the top", "hello\n", [["", 1, 1, "not a single value"]]],
  ["two documents", "project: a\n---\nproject: b\n", [["", 3, 1, "A second YAML document"]]],
  ["an alias without anchor", "project: *nobody\n", [["", 1, 10, "`*nobody` has no anchor"]]],
  ["an alias in itself", "resources: { a: &a { type: t, b: { c: *a } } }\n", [["", null, null, "inside its own anchor"]]],
  ["a huge file", `# ${"x".repeat(300_000)}`, [["", null, null, "larger than 256 KiB"]]],
  ["deep nesting", "[".repeat(50_000), [["", null, null, "nested too deeply"]]],
  ["deep keys", "? ".repeat(50_000), [["", null, null, "nested too deeply"]]],
  ["NUL", "a\0b", [["", null, null, "NUL"]]],
];
test.each(bad)("%s is refused", (_name, text, expected) => {
  const { config, errors } = parse(text);
  expect(config).toBeNull();
  const seen = errors.map(({ key, line, column }) => [key, line, column]);
  expect(seen).toEqual(expected.map(([key, line, column]) => [key, line, column]));
  for (const [index, [, , , message, hint]] of expected.entries()) {
    expect(errors[index]!.message).toContain(message);
    expect(errors[index]!.message).toMatch(/^[^\n]+\.$/);
    if (hint) expect(errors[index]!.hint).toContain(hint);
  }
});

test("a bomb of aliases is refused", () => {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 9; level += 1)
    lines.push(
      `a${level}: &a${level} [${Array(10)
        .fill(`*a${level - 1}`)
        .join(", ")}]`,
    );
  const started = performance.now();
  expect(parse(lines.join("\n")).errors[0]!.message).toContain("aliases");
  expect(performance.now() - started).toBeLessThan(10_000);
});

test("all problems at once, in the order of the file, and a wrong part does not hide or cause others", () => {
  const { errors } = parse(`projct: a
services:
  web: { run: 3, route: api }
  api: 7
  worker: { run: x, needs: [api, web, nobody], timeout: never }
`);
  expect(errors.map((error) => error.key)).toEqual([
    "projct",
    "services.web.run",
    "services.web.route",
    "services.api",
    "services.worker.needs[2]",
    "services.worker.timeout",
  ]);
});

test("services that call each other in a circle are fine", () => {
  parsed('services:\n  a: { run: x, env: { B: "${{ services.b.url }}" } }\n  b: { run: x, env: { A: "${{ services.a.url }}" } }\n');
});

test("resources that refer to each other in a circle are not", () => {
  const text =
    'resources:\n  a: { type: t, from: "${{ resources.b.url }}" }\n  b: { type: t, from: "${{ resources.a.url }}" }\nservices: { s: x }\n';
  expect(parse(text, ["t"]).errors.map((error) => error.message)).toEqual(["resources.a refers to itself: a → b → a."]);
});

test("names that become one variable", () => {
  expect(parse("services:\n  a-b: x\n  a--b: y\n").errors).toEqual([]);
  expect(parse("resources:\n  db: { type: t }\nservices:\n  db: x\n", ["t"]).errors[0]!.message).toContain("the name of a service");
});

test("warnings do not refuse", () => {
  const near = parse("services:\n  a: { run: x, port: 3000, metrics: true }\n  b: { run: x, port: 3001 }\n  c: { run: x, port: 6000 }\n");
  expect(near.config).not.toBeNull();
  expect(near.warnings.map((warning) => warning.key)).toEqual(["services.a.metrics", "services.b.port", "services.c.port"]);
});

test("never throws, and has a config exactly when there are no errors", () => {
  const check = (text: string) => {
    const result = parse(text, ["postgres"]);
    expect(result.config === null).toBe(result.errors.length > 0);
    for (const problem of [...result.errors, ...result.warnings]) expect(problem.message).toMatch(/\.$/);
  };
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), check), { numRuns: 300 });
  const yamlish = fc.array(
    fc.constantFrom(
      "a",
      ":",
      " ",
      "\n",
      "\n  ",
      "- ",
      "{",
      "}",
      "[",
      "]",
      "&a ",
      "*a",
      "<<",
      "? ",
      "|",
      ">",
      "'",
      '"',
      "#",
      "---\n",
      "services",
      "run",
      "env",
      "!!str ",
      "%",
      "\t",
      "${{ env.slug }}",
    ),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(yamlish, (parts) => check(parts.join(""))),
    { numRuns: 600 },
  );
}, 30_000);

test("never throws on values of every shape under the known keys", () => {
  const leaf = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom("/", "a", "none", "${{ services.a.url }}", "../x", "2m", "__proto__"),
  );
  const value = fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.dictionary(fc.string({ maxLength: 6 }), leaf, { maxKeys: 3 }));
  const keysOf = (...names: string[]) => fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] });
  const service = fc.oneof(
    value,
    keysOf("run", "cwd", "directory", "env", "route", "port", "ready", "timeout", "needs", "restart", "success_codes", "stop", "metrics"),
  );
  const file = fc.record(
    {
      project: value,
      runtime: value,
      copy: value,
      clone: value,
      env: value,
      agent: value,
      worktrees: value,
      setup: fc.oneof(value, fc.array(keysOf("run", "inputs", "cwd"), { maxLength: 2 })),
      resources: fc.oneof(value, fc.dictionary(fc.constantFrom("a", "db"), keysOf("type", "x"))),
      services: fc.oneof(value, fc.dictionary(fc.constantFrom("a", "b", "c"), service)),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(file, (written) => {
      const result = parse(stringify(written), ["postgres"]);
      expect(result.config === null).toBe(result.errors.length > 0);
    }),
    { numRuns: 300 },
  );
}, 30_000);

test("problems that a resource's driver finds, at their key", () => {
  const resourceProblems = () => [
    { key: "migrat", message: "migrat is not an option of this kind of resource.", hint: "There are: migrate." },
    { key: "path", message: "path is missing.", hint: null },
  ];
  const text = "resources:\n  db:\n    type: sqlite\n    migrat: x\n  other: { type: redis }\n";
  const { errors } = parseConfig(text, {
    ...options,
    resourceTypes: ["sqlite", "redis"],
    resourceProblems: (one) => (one.type === "sqlite" ? resourceProblems() : []),
  });
  expect(errors.map(({ key, line, message }) => [key, line, message])).toEqual([
    ["resources.db", 2, "resources.db.path is missing."],
    ["resources.db.migrat", 4, "resources.db.migrat is not an option of this kind of resource."],
  ]);
});

test("undelete_days is a number of days", () => {
  expect(parse("project: a\nundelete_days: 14\n").config?.undeleteDays).toBe(14);
  for (const days of ["-1", "366", ".inf"]) {
    expect(parse(`project: a\nundelete_days: ${days}\n`).errors[0]?.message).toContain(
      "undelete_days must be a number of days from 0 to 365",
    );
  }
});
