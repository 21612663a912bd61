// examples/fibonacci, the app that people see first: its schema and rows are its branch's, also on the page.
import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { startChromium } from "../support/chromium.ts";
import { frameworkDeadlineMs, missing, readApp, writePackageSettings } from "../support/framework-world.ts";
import { eventually, type HermeticWorld, hermeticWorld } from "../support/hermetic-world.ts";

const example = resolve(import.meta.dir, "../../examples/fibonacci");

async function exampleWorld(branches: Record<string, Record<string, string>>): Promise<HermeticWorld> {
  const world = await hermeticWorld();
  try {
    writePackageSettings(world.directory);
    await world.write(readApp(example));
    await world.commit("first");
    for (const [name, files] of Object.entries(branches)) {
      await world.git(["checkout", "--quiet", "-b", name]);
      await world.write(files);
      await world.commit(name);
      await world.git(["checkout", "--quiet", "main"]);
    }
    await world.ok(["trust", "--yes"]);
    return world;
  } catch (error) {
    await world[Symbol.asyncDispose]();
    throw error;
  }
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  listener.stop(true);
  return listener.port;
}

/** Rows of a query, as text. */
async function rows(world: HermeticWorld, name: string, sql: string): Promise<string[][]> {
  const answer = await world.ok(["db", "psql", "-e", name, "--json", "-c", sql]);
  return JSON.parse(answer.trim().split("\n").at(-1) ?? "").rows;
}

test.skipIf(missing("npm", "chromium") !== null)(
  "the page of each branch shows its own schema and its own rows",
  async () => {
    await using world = await exampleWorld({
      plain: {},
      prime: {
        "db/migrations/0003_prime.sql": "ALTER TABLE numbers ADD COLUMN prime boolean;\nUPDATE numbers SET prime = n IN (2, 3, 5);\n",
      },
    });
    await Promise.all(["plain", "prime"].map((name) => world.ok(["create", name])));
    await using browser = await startChromium();
    const schema = "document.querySelector('[data-testid=schema]').textContent";
    const header = "[...document.querySelectorAll('th')].map((cell) => cell.textContent).join(' ')";
    const columns = "n value algorithm computed_at requests";
    for (const [name, version, titles] of [
      ["plain", "0002_requests", columns],
      ["prime", "0003_prime", `${columns} prime`],
    ] as const) {
      const page = await browser.open((await world.status(name)).url ?? "");
      expect(await page.waitFor(schema, version)).toBe(version);
      expect(await page.evaluate<string>(header)).toBe(titles);
      // The page itself asked for the number it starts with, and that is what this branch now has beside its seed.
      const first = "document.querySelector('[data-testid=numbers] td').textContent";
      expect(await page.waitFor(first, "42")).toBe("42");
      expect(page.errors).toEqual([]);
      expect(await rows(world, name, "SELECT count(*), max(n) FROM numbers")).toEqual([["12", "42"]]);
    }
    for (const n of [50, 51]) expect((await world.fetch("plain.localhost", `/api/fibonacci/${n}`)).status).toBe(200);
    expect(await rows(world, "plain", "SELECT count(*), max(n) FROM numbers")).toEqual([["14", "51"]]);
    expect(await rows(world, "prime", "SELECT count(*), max(n) FROM numbers")).toEqual([["12", "42"]]);
    for (const name of ["plain", "prime"]) await world.ok(["delete", name, "--force"]);
  },
  frameworkDeadlineMs,
);

test.skipIf(missing("npm") !== null)(
  "migrations: each once, also when two run at once; a wrong one changes nothing and is named; the app needs no more than DATABASE_URL and PORT",
  async () => {
    await using world = await exampleWorld({
      wrong: { "db/migrations/0003_wrong.sql": "CREATE TABLE half ();\nCREATE TABLE numbers ();\n" },
    });
    const failed = await world.wt(["create", "wrong"]);
    expect(failed.code).not.toBe(0);
    expect(failed.stderr).toContain('0003_wrong.sql: relation "numbers" already exists');

    const { path } = JSON.parse(await world.ok(["create", "right", "--json"])).environment;
    await world.write({ "db/migrations/0003_once.sql": "CREATE TABLE once ();\n" }, path);
    const both = await world.ok(["run", "-e", "right", "--", "sh", "-c", "npm run --silent migrate & npm run --silent migrate; wait"]);
    expect(both.match(/applied/g)).toEqual(["applied"]);
    expect(await rows(world, "right", "SELECT name FROM migrations ORDER BY name")).toEqual([
      ["0001_numbers.sql"],
      ["0002_requests.sql"],
      ["0003_once.sql"],
    ]);
    await world.write({ "db/migrations/0004_wrong.sql": "CREATE TABLE half ();\nCREATE TABLE once ();\n" }, path);
    const wrong = await world.wt(["run", "-e", "right", "--", "npm", "run", "--silent", "migrate"]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('0004_wrong.sql: relation "once" already exists');
    expect(await rows(world, "right", "SELECT to_regclass('half') IS NULL")).toEqual([["t"]]);

    const { variables } = JSON.parse(await world.ok(["db", "url", "-e", "right", "--json"]));
    const port = freePort();
    const env = { PATH: process.env.PATH ?? "", DATABASE_URL: variables.DATABASE_URL, PORT: String(port) };
    const backend = Bun.spawn(["node", "backend/server.mjs"], { cwd: path, env, stdio: ["ignore", "ignore", "inherit"] });
    try {
      const ask = () =>
        fetch(`http://127.0.0.1:${port}/api/fibonacci/12`).then(
          (answer) => answer.json(),
          () => null,
        );
      expect(await eventually(ask, (answer) => answer !== null)).toMatchObject({ value: "144", requests: 1 });
    } finally {
      backend.kill("SIGTERM");
      expect(await backend.exited).toBe(0);
    }
    await world.ok(["delete", "right", "--force"]);
  },
  frameworkDeadlineMs,
);
