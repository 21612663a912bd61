import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { memoryFiles } from "../../test/support/repository-files.ts";
import { parseConfig } from "./parse-config.ts";
import { collectTrustCommands, leavesNeighbourhood, trustHash } from "./trust-commands.ts";

const sha256 = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");

async function collect(written: string, contents: Record<string, string> = {}) {
  const { config, errors } = parseConfig(written, { path: "wt.yaml", projectFallback: "x" });
  expect(errors).toEqual([]);
  return await collectTrustCommands(config!, memoryFiles(contents));
}
const sources = async (written: string, contents: Record<string, string>) =>
  (await collect(written, contents)).map((command) => command.source);
const scripts = (entries: Record<string, string>) => JSON.stringify({ scripts: entries });

test("commands, probes and variables of the file itself", async () => {
  const commands = await collect(`
setup: [npm ci, { run: make, directory: tools }]
env: { NODE_OPTIONS: "--require ./x.js", URL: "\${{ services.web.url }}" }
services:
  web: { run: x --port $PORT, directory: app, ready: { command: ./probe }, env: { A: b } }
  quiet: { run: y, ready: { log: "^up" } }
`);
  expect(commands).toEqual([
    { source: "setup[0]", text: "npm ci" },
    { source: "setup[1] (in tools)", text: "make" },
    { source: "env.NODE_OPTIONS", text: "--require ./x.js" },
    { source: "env.URL", text: "${{ services.web.url }}" },
    { source: "services.web.run (in app)", text: "x --port $PORT" },
    { source: "services.web.env.A", text: "b" },
    { source: "services.web.ready.command (in app)", text: "./probe" },
    { source: "services.quiet.run", text: "y" },
  ]);
});

const packageJson = scripts({
  dev: "vite",
  predev: "node gen.mjs",
  postdev: "true",
  start: "node server.js",
  test: "vitest",
  build: "tsc",
  seed: "node scripts/seed",
  postinstall: "node scripts/patch.mjs",
  prepare: "husky",
  "dev:a": "node a.js",
  "dev:b": "sh b.sh",
  all: "concurrently 'npm:dev:*' \"npm run build\"",
});
const everything = {
  "package.json": packageJson,
  "server.js": "app",
  "gen.mjs": "gen",
  "a.js": "a",
  "b.sh": "./c.sh x",
  "c.sh": "echo c",
  "scripts/seed.js": "seed",
  "scripts/patch.mjs": "patch",
  "web/package.json": scripts({ dev: "next dev", seed: "ts-node seed.ts" }),
  "web/seed.ts": "s",
  "apps/api/package.json": scripts({ dev: "tsx api.ts" }),
  Makefile: "all: deps\n\t@node tools/gen.js\n",
  "tools/gen.js": "g",
  "tools/x.py": "x",
  "tools/y/__main__.py": "y",
  Procfile: "web: ./bin/web\nrelease: sh b.sh\n",
  "bin/web": "#!/bin/sh\nexec node server.js\n",
  "bin/setup": "#!/usr/bin/env ruby\n",
  ".npmrc": "script-shell=./evil",
  "node_modules/x/run.js": "n",
  ".venv/bin/pip": "p",
  "requirements.txt": "django",
  "app.py": "app",
};
const reached: [string, string[]][] = [
  [
    "npm run dev",
    [
      "file .npmrc",
      "script package.json#scripts.dev",
      "script package.json#scripts.predev",
      "script package.json#scripts.postdev",
      "file gen.mjs",
    ],
  ],
  ["npm start -- --port 1", ["file .npmrc", "script package.json#scripts.start", "file server.js"]],
  ["npm t", ["file .npmrc", "script package.json#scripts.test"]],
  ["pnpm seed", ["file .npmrc", "script package.json#scripts.seed", "file scripts/seed.js"]],
  ["yarn", ["file .npmrc", "script package.json#scripts.postinstall", "script package.json#scripts.prepare", "file scripts/patch.mjs"]],
  [
    "npm ci && npm run build",
    [
      "file .npmrc",
      "script package.json#scripts.postinstall",
      "script package.json#scripts.prepare",
      "file scripts/patch.mjs",
      "script package.json#scripts.build",
    ],
  ],
  [
    "npm run all",
    [
      "file .npmrc",
      "script package.json#scripts.all",
      "script package.json#scripts.dev:a",
      "script package.json#scripts.dev:b",
      "file a.js",
      "file b.sh",
      "file c.sh",
      "script package.json#scripts.build",
    ],
  ],
  ["cd web && npm run seed", ["script web/package.json#scripts.seed", "file web/seed.ts"]],
  [
    "npm --prefix web run dev",
    [
      "script web/package.json#scripts.dev",
      "file .npmrc",
      "script package.json#scripts.dev",
      "script package.json#scripts.predev",
      "script package.json#scripts.postdev",
      "file gen.mjs",
    ],
  ],
  [
    "pnpm --filter @x/api dev",
    [
      "script apps/api/package.json#scripts.dev",
      "file .npmrc",
      "script package.json#scripts.dev",
      "script package.json#scripts.predev",
      "script package.json#scripts.postdev",
      "file gen.mjs",
    ],
  ],
  ["make all", ["file Makefile", "file tools/gen.js"]],
  ["foreman start", ["file Procfile", "file bin/web", "file b.sh", "file c.sh", "file server.js"]],
  ["./bin/setup", ["file bin/setup"]],
  ["bin/setup --x", ["file bin/setup"]],
  ["sh -e b.sh", ["file b.sh", "file c.sh"]],
  ["sh -c 'node a.js'", ["file a.js"]],
  ["A=1 env B=2 node --require=./gen.mjs scripts/seed", ["file gen.mjs", "file scripts/seed.js"]],
  ["python tools/x.py; python -m tools.y", ["file tools/x.py", "file tools/y/__main__.py"]],
  ["echo $(node a.js)", ["file a.js"]],
  ["node node_modules/x/run.js && .venv/bin/pip install -r requirements.txt", []],
  ["cat ../../etc/passwd /etc/passwd ~/x.js", []],
  ["npm run nothing", ["file .npmrc"]],
];
test.each(reached)("setup `%s` reaches", async (run, expected) => {
  const found = await sources(`setup: [${JSON.stringify(run)}]\nservices: { s: "true" }\n`, everything);
  expect(found.filter((source) => source !== "setup[0]" && source !== "services.s.run").toSorted()).toEqual(expected.toSorted());
});

const ofServices: [string, string[]][] = [
  ["node server.js", []],
  [
    "npm run dev",
    ["file .npmrc", "script package.json#scripts.dev", "script package.json#scripts.postdev", "script package.json#scripts.predev"],
  ],
  ["python app.py", []],
  ["./bin/web", ["file bin/web", "file server.js"]],
  ["sh b.sh", ["file b.sh", "file c.sh"]],
  ["exec bash ./b.sh", ["file b.sh", "file c.sh"]],
];
test.each(ofServices)("service `%s` reaches", async (run, expected) => {
  const found = await sources(`services: { s: ${JSON.stringify(run)} }\n`, everything);
  expect(found.filter((source) => source !== "services.s.run").toSorted()).toEqual(expected.toSorted());
});

test("the hash is stable over order, and changes with content and source", async () => {
  const commands = await collect("setup: [npm ci]\nservices: { s: npm run dev }\n", everything);
  const hash = trustHash(commands, sha256);
  expect(trustHash(commands.toReversed(), sha256)).toBe(hash);
  const changed = await collect("setup: [npm ci]\nservices: { s: npm run dev }\n", { ...everything, "scripts/patch.mjs": "patch2" });
  expect(trustHash(changed, sha256)).not.toBe(hash);
  const app = await collect("setup: [npm ci]\nservices: { s: npm run dev }\n", { ...everything, "server.js": "edited" });
  expect(trustHash(app, sha256)).toBe(hash);
  expect(trustHash([{ source: "a", text: "b" }], sha256)).not.toBe(trustHash([{ source: "ab", text: "" }], sha256));
});

test("scripts that call each other in a circle end", async () => {
  const found = await sources("setup: [npm run a]\nservices: { s: x }\n", { "package.json": scripts({ a: "npm run b", b: "npm run a" }) });
  expect(found).toContain("script package.json#scripts.b");
});

test("no command line makes it throw", async () => {
  const word = fc.constantFrom(
    "npm",
    "run",
    "dev",
    "'",
    '"',
    "\\",
    "&&",
    "$(",
    ")",
    "{",
    "}",
    "#",
    "\n",
    "cd",
    "..",
    "./bin/web",
    "|",
    "make",
    "-C",
    "__proto__",
    "constructor",
    " ",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 12 }), async (words) => {
      const text = `x ${words.join(" ")}`;
      await sources(`setup: [${JSON.stringify(text)}]\nservices: { s: ${JSON.stringify(text)} }\n`, everything);
    }),
  );
}, 30_000);

test("commands of resources, with the scripts they call; a dump is never read", async () => {
  const written = `
resources:
  db: { type: postgres, from: db/dump.sql, migrate: ./migrate.sh, seed: npm run seed, inputs: [db] }
`;
  const { config } = parseConfig(written, { path: "wt.yaml", projectFallback: "x", resourceTypes: ["postgres"] });
  const read: string[] = [];
  const contents: Record<string, string> = {
    "migrate.sh": "echo hi",
    "package.json": packageJson,
    "db/dump.sql": "drop",
    "scripts/seed.js": "s",
  };
  const files = memoryFiles(contents);
  const found = await collectTrustCommands(config!, {
    ...files,
    read: (path) => {
      read.push(path);
      return files.read(path);
    },
  });
  expect(found.map((one) => one.source)).toEqual([
    "resources.db.from",
    "resources.db.migrate",
    "file migrate.sh",
    "resources.db.seed",
    "script package.json#scripts.seed",
    "file scripts/seed.js",
    "resources.db.inputs",
  ]);
  expect(read).not.toContain("db/dump.sql");
});

test("a place for worktrees counts where it is neither beside nor below the main worktree", () => {
  for (const path of ["../repo.worktrees", "../trees/x", ".trees", "trees", "./a/../b"])
    expect({ path, leaves: leavesNeighbourhood(path) }).toEqual({ path, leaves: false });
  for (const path of ["/srv", "~/trees", "..", "../", "../../trees", "../.config", "a/../../..", "../x/../.ssh"]) {
    expect({ path, leaves: leavesNeighbourhood(path) }).toEqual({ path, leaves: true });
  }
});

test("a long Makefile does not hide the scripts that come after it", async () => {
  const makefile = Array.from({ length: 900 }, (_, line) => `t${line}:\n\techo ${line}`).join("\n");
  const found = await sources("setup: [make]\nservices: { web: ./run.sh }\n", { Makefile: makefile, "run.sh": "serve" });
  expect(found).toContain("file run.sh");
});

test("more than can be looked at is refused, never left out", async () => {
  const makefile = Array.from({ length: 20_001 }, (_, line) => `\techo ${line}`).join("\n");
  await expect(collect("setup: [make]\n", { Makefile: makefile })).rejects.toThrow("too many to be approved");
});

test("shell scripts in folders that builds write to are files of the repository", async () => {
  const found = await sources("setup: [sh build/setup.sh, node build/made.js]\n", { "build/setup.sh": "x", "build/made.js": "y" });
  expect(found).toEqual(["setup[0]", "file build/setup.sh", "setup[1]"]);
});
