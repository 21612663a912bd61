import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testWorld } from "../../test/support/daemon-world.ts";
import { createEnvironment } from "./create-environment.ts";
import { setupFindings } from "./doctor-environment.ts";
import { leasedPorts } from "./port-leases.ts";
import { upEnvironment } from "./up-environment.ts";

const yaml = `project: shop
resources: { db: { type: postgres } }
services: { web: { run: work, port: auto, ready: none, directory: app } }
`;

async function made(files: Record<string, string> = {}) {
  const one = await testWorld({ "wt.yaml": yaml, "app/x": "", ".gitignore": ".env*\n", ...files }, { postgres: {} });
  const create = (branch: string) => createEnvironment(one.world, { cwd: one.repository.root, branch, up: true, env: {} }, one.call());
  const [a, b] = [await create("a"), await create("b")];
  const port = (slug: string) => leasedPorts(one.world, one.world.ledger.environments().find((each) => each.slug === slug)!.id).web;
  const findings = async () => (await Promise.all(one.world.ledger.environments().map((each) => setupFindings(one.world, each)))).flat();
  const up = async (cwd: string) => {
    const call = one.call();
    await upEnvironment(one.world, { target: { cwd }, services: [], env: {}, anew: true }, call);
    return call.events.flatMap((event) => (event.type === "note" ? [event.message] : []));
  };
  const write = (name: string, text: string) => {
    mkdirSync(join(a.environment.path, name, ".."), { recursive: true });
    writeFileSync(join(a.environment.path, name), text);
  };
  return Object.assign(one, { a: a.environment, b: b.environment, port, findings, up, write });
}

test("a copied .env that leads to another environment is found, with file and line; what leads to its own is not", async () => {
  await using one = await made();
  expect(await one.findings()).toEqual([]);
  one.write(".env", `# copied\nAPI=http://localhost:${one.port("b")}\nOWN=http://localhost:${one.port("a")}\n`);
  one.write("app/.env.local", `FILES=${one.b.path}/uploads\nDATABASE_URL=postgres://localhost:${one.port("b")}/x\n`);
  const found = await one.findings();
  expect(found.map(({ message }) => message)).toEqual([
    `API in ${one.a.path}/.env, line 2, leads to b, not to a. Apps that read the file reach that one.`,
    `FILES in ${one.a.path}/app/.env.local, line 1, leads to b, not to a. Apps that read the file reach that one.`,
    expect.stringContaining("Commands that wt starts get this environment's own; others do not."),
  ]);
  expect(found.at(-1)).toMatchObject({ level: "warning", fix: "wt env -e a --explain DATABASE_URL" });
});

test("subfloor#569: a copied .env with the main worktree's database is named: a bare `npm run migrate` would reach that one", async () => {
  await using one = await made();
  const database = "postgres://localhost:5432/shop\n";
  one.repository.write(".env", `DATABASE_URL=${database}`);
  one.write(".env", `DATABASE_URL=${database}WEB_URL=http://localhost:3000\nOTHER=x\nWEB_PORT=${one.port("a")}\n`);
  expect(await one.findings()).toEqual([
    {
      code: "env_file_other",
      level: "warning",
      message: `DATABASE_URL in ${one.a.path}/.env, line 1, is not what a has. Commands that wt starts get its own; others do not.`,
      fix: "wt env -e a --explain DATABASE_URL",
    },
    expect.objectContaining({ message: expect.stringContaining("WEB_URL in "), code: "env_file_other" }),
  ]);
});

test.each([
  ["app/load.js", 'require("dotenv").config({ override: true });\n'],
  ["app/config.rb", "Dotenv.overload\n"],
  ["app/settings.py", "load_dotenv(path, override=True)\n"],
])("where the app loads .env over what it is given (%s), that is said when it is started", async (file, text) => {
  await using one = await made({ [file]: text });
  expect(await one.up(one.a.path)).toEqual([]);
  one.write(".env", "OTHER=1\nDATABASE_URL=postgres://prod.example.com/shop\n");
  const said = (await one.up(one.a.path)).join(" ");
  expect(said).toContain(`${file} loads .env files over the variables it is given, so DATABASE_URL of .env, line 2, may win`);
});

test("where it does not, the environment's own value wins and nothing is said", async () => {
  await using one = await made({ "app/load.js": 'require("dotenv").config();\n', "README.md": "dotenv with override: true\n" });
  one.write(".env", "DATABASE_URL=postgres://prod.example.com/shop\n");
  expect(await one.up(one.a.path)).toEqual([]);
});
