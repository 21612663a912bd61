// Dumps, loads, marks of content and templates, on real servers of MariaDB or MySQL.
import { afterAll, afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { DumpWish, ResourceContent, ResourceSpec, ResourceTemplates, SealedTemplate } from "../resource-driver.ts";
import { eventually } from "../resource-harness.conformance.ts";
import { createMysqlHarness, keepTemplates, type MysqlHarness, whyNoServer } from "./mysql-harness.conformance.ts";

setDefaultTimeout(180_000);
const never = new AbortController().signal;
const kept = keepTemplates();
afterAll(() => kept.remove());

let world: MysqlHarness;
beforeEach(async () => {
  if (whyNoServer === null) world = await createMysqlHarness({ kept });
});
afterEach(async () => {
  if (whyNoServer === null) await world.dispose();
});

const failureOf = (work: Promise<unknown> | undefined) =>
  Promise.resolve(work).then(
    () => new WtError({ kind: "internal", code: "none", message: "nothing was thrown" }),
    (error: unknown) => error as WtError,
  );
const urlOf = async (spec: ResourceSpec) => (await world.driver.connection(spec))?.values.url ?? "";
const ask = async (spec: ResourceSpec, sql: string) => world.query(await urlOf(spec), sql);
const made = async (name: string, options: Parameters<MysqlHarness["spec"]>[1] = {}) => {
  const spec = await world.spec(name, options);
  await world.driver.ensure(spec, world.call());
  return spec;
};
const wish = (over: Partial<DumpWish> = {}): DumpWish => ({
  path: join(world.directory, "out.sql"),
  format: null,
  schema: true,
  data: true,
  ...over,
});
const contentOf = async (spec: ResourceSpec) =>
  (await world.driver.inspect?.(spec, { rows: true, wake: true, abort: never })) as ResourceContent;
const writeSql = (name: string, text: string) => {
  mkdirSync(join(world.worktree, name, ".."), { recursive: true });
  writeFileSync(join(world.worktree, name), text);
};
const templates = () => world.driver.templates as ResourceTemplates;
const build = async (spec: ResourceSpec, anew = false): Promise<SealedTemplate> =>
  (await templates().build(spec, world.call(), { anew })).template;

const fill = [
  "CREATE TABLE apple (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(60), picture BLOB)",
  "INSERT INTO apple (name, picture) VALUES ('Größe 😀', X'00ff270a5c')",
  "CREATE VIEW apples AS SELECT name FROM apple",
  "CREATE TRIGGER named BEFORE INSERT ON apple FOR EACH ROW SET NEW.name = CONCAT(NEW.name, '!')",
  "CREATE FUNCTION one() RETURNS INT DETERMINISTIC RETURN (SELECT COUNT(*) FROM apple)",
];

async function roundTrip(source: ResourceSpec, target: ResourceSpec): Promise<void> {
  for (const sql of fill) await ask(source, sql);
  expect(await world.driver.dump?.(source, wish(), world.call())).toBe("plain");
  expect(statSync(wish().path).mode & 0o777).toBe(0o600);
  await ask(target, "CREATE TABLE gone (i INT)");
  await world.driver.load?.(target, wish().path, world.call());
  const [from, to] = [await contentOf(source), await contentOf(target)];
  expect(to.objects).toEqual(from.objects);
  expect(to.rows).toEqual([{ table: "apple", rows: 1, exact: true }]);
  await ask(target, "INSERT INTO apple (name) VALUES ('b')");
  expect(await ask(target, "SELECT name, one() AS n FROM apples ORDER BY name")).toEqual([
    { name: "b!", n: 2 },
    { name: "Größe 😀", n: 2 },
  ]);
}

async function failedLoad(spec: ResourceSpec): Promise<void> {
  await ask(spec, "CREATE TABLE mine (i INT)");
  await ask(spec, "INSERT INTO mine VALUES (7)");
  writeSql("bad.sql", "CREATE TABLE half (i INT);\n\nCREATE TABEL x;\n");
  const error = await failureOf(world.driver.load?.(spec, join(world.worktree, "bad.sql"), world.call()));
  expect(error.message).toMatch(/^bad\.sql line 3 failed: .*\(error 1064\)\.$/);
  const missing = await failureOf(world.driver.load?.(spec, join(world.worktree, "no.sql"), world.call()));
  expect([missing.kind, missing.message]).toEqual(["usage", expect.stringMatching(/^The file .*no\.sql does not exist\.$/)]);
  const abort = new AbortController();
  const report = () => abort.abort(new Error("no longer wanted"));
  writeSql("good.sql", "CREATE TABLE half (i INT);\n");
  const stopped = await failureOf(world.driver.load?.(spec, join(world.worktree, "good.sql"), world.call({ abort: abort.signal, report })));
  expect(stopped.message).toBe("no longer wanted");
  expect(await ask(spec, "SELECT i FROM mine")).toEqual([{ i: 7 }]);
  expect((await contentOf(spec)).objects.map(({ name }) => name)).toEqual(["mine"]);
}

describe.skipIf(whyNoServer !== null)("of a server of its own", () => {
  test("a dump is what another one is loaded with, also of one that sleeps", async () => {
    const [source, target] = [await made("source"), await made("target")];
    await roundTrip(source, target);
    await world.driver.sleep(source);
    rmSync(wish().path);
    await world.driver.dump?.(source, wish({ data: false }), world.call());
    expect(readFileSync(wish().path, "utf8")).not.toContain("INSERT INTO `apple`");
    await world.driver.dump?.(source, wish({ schema: false }), world.call());
    const data = readFileSync(wish().path, "utf8");
    expect([data.includes("INSERT INTO `apple`"), /CREATE (TABLE|VIEW)|FUNCTION|TRIGGER/.test(data)]).toEqual([true, false]);
    expect((await world.driver.observe(source)).state).toBe("asleep");
  });

  test("a load that fails or is stopped leaves what was there", async () => {
    await failedLoad(await made("one"));
  });

  test("a dump that cannot be made leaves nothing and says why", async () => {
    const spec = await made("one");
    const nowhere = join(world.directory, "absent", "out.sql");
    expect((await failureOf(world.driver.dump?.(spec, wish({ path: nowhere }), world.call()))).code).toBe("dump_failed");
    const format = await failureOf(world.driver.dump?.(spec, wish({ format: "custom" }), world.call()));
    expect([format.kind, format.message]).toEqual(["usage", "A database of MySQL or MariaDB cannot be dumped in the format custom."]);
    await world.driver.close();
    const error = await failureOf(world.next({ path: "/nonexistent" }).dump?.(spec, wish(), world.call()));
    expect(error.message).toBe(
      "A database of MySQL or MariaDB can only be dumped with the program mariadb-dump (or mysqldump), which was not found.",
    );
    expect(existsSync(wish().path)).toBe(false);
  });

  test("the mark stays while nothing changes, moves with every change, and asking is no use", async () => {
    const spec = await made("one", { sleep: "1s" });
    const mark = () => world.driver.contentMark?.(spec);
    const seen = new Set<string>();
    for (const sql of ["SELECT 1", ...fill, "CREATE TABLE old (i INT) ENGINE=MyISAM", "INSERT INTO old VALUES (1)", "DROP VIEW apples"]) {
      if (sql !== "SELECT 1") await ask(spec, sql);
      const now = String(await mark());
      expect(seen.has(now)).toBe(false);
      seen.add(now);
      await contentOf(spec);
      await ask(spec, "SELECT COUNT(*) FROM information_schema.tables");
      expect(await mark()).toBe(now);
    }
    await eventually(async () => {
      await mark();
      expect((await world.driver.observe(spec)).state).toBe("asleep");
    });
    expect(await mark()).toBeNull();
    expect(await world.driver.inspect?.(spec, { rows: false, wake: false, abort: never })).toBeNull();
  });

  test("changed inputs are told", async () => {
    writeSql("m/1.sql", "CREATE TABLE t1 (i INT)");
    const spec = await made("one", { migrate: "true", inputs: "m" });
    expect(await world.driver.inputsChanged?.(spec)).toBe(false);
    writeSql("m/1.sql", "CREATE TABLE t2 (i INT)");
    expect(await world.driver.inputsChanged?.(spec)).toBe(true);
    expect(await world.driver.inputsChanged?.(await made("two"))).toBeNull();
  });
});

describe.skipIf(whyNoServer !== null)("on a server that is there", () => {
  test("a dump is what another one is loaded with; a load that fails leaves what was there", async () => {
    const host = await made("host");
    const { port } = (await world.driver.connection(host))?.values ?? {};
    const { asRoot } = await import("./mysql-session.ts");
    const { serverHome } = await import("./server-home.ts");
    await asRoot(serverHome(host.directory), async (session) => {
      await session.query("CREATE USER boss@'%' IDENTIFIED BY 'secret'");
      await session.query("GRANT ALL PRIVILEGES ON *.* TO boss@'%' WITH GRANT OPTION");
    });
    const server = `mysql://boss:secret@127.0.0.1:${port}`;
    const [source, target, third] = [await made("source", { server }), await made("target", { server }), await made("third", { server })];
    await roundTrip(source, target);
    await failedLoad(third);
    const left = await ask(host, "SHOW DATABASES LIKE 'wt%'");
    expect(left.map((row) => Object.values(row)[0])).toEqual([source.label, target.label, third.label].sort());
    for (const spec of [source, target, third]) await world.driver.remove(spec);
  });
});

describe.skipIf(whyNoServer !== null)("templates", () => {
  const migrate =
    'for f in m/*.sql; do mariadb -u "$MYSQL_USER" -h "$MYSQL_HOST" "$MYSQL_DATABASE" -Ne "CREATE TABLE IF NOT EXISTS done (f varchar(40) PRIMARY KEY); INSERT INTO done VALUES (\'$f\')" 2>/dev/null && echo "$f" >> ran && mariadb -u "$MYSQL_USER" -h "$MYSQL_HOST" "$MYSQL_DATABASE" < "$f" || true; done';
  let before = new Set<string>();
  beforeEach(async () => {
    before = new Set((await templates().list()).map(({ key }) => key));
  });
  const stages = async () =>
    (await templates().list())
      .filter(({ key, stage }) => !before.has(key) && stage !== "empty")
      .map(({ stage }) => stage)
      .sort();
  const ran = () => {
    const text = existsSync(join(world.worktree, "ran")) ? readFileSync(join(world.worktree, "ran"), "utf8").trim().split("\n") : [];
    rmSync(join(world.worktree, "ran"), { force: true });
    return text;
  };

  test("only what was added runs; a seed is a stage of its own; they are listed, built anew and removed", async () => {
    writeSql("m/1.sql", "CREATE TABLE t1 (i INT)");
    writeSql("seed.sql", "INSERT INTO t1 VALUES (1)");
    const seed = 'mariadb -u "$MYSQL_USER" -h "$MYSQL_HOST" "$MYSQL_DATABASE" < seed.sql';
    const options = { migrate, seed, inputs: { migrate: ["m/*.sql"], seed: ["seed.sql"] } };
    const one = await world.spec("one", options);
    expect(await templates().need(one)).toMatchObject({ key: null });
    const first = await build(one);
    expect([ran(), first.stage, first.madeFrom.length, first.migrations]).toEqual([["m/1.sql"], "seeded", 2, { before: 0, all: 1 }]);
    expect(first.version).toMatch(/^(MariaDB|MySQL) \d/);
    writeSql("m/2.sql", "CREATE TABLE t2 (i INT)");
    const two = await made("two", options);
    expect(ran()).toEqual(["m/2.sql"]);
    expect(await ask(two, "SELECT (SELECT COUNT(*) FROM t1) AS one, (SELECT COUNT(*) FROM t2) AS two")).toEqual([{ one: 1, two: 0 }]);
    expect(await templates().references()).toEqual([]);
    expect(await stages()).toEqual(["migrated", "migrated", "seeded", "seeded"]);
    const anew = await build(two, true);
    expect(ran()).toEqual(["m/1.sql", "m/2.sql"]);
    expect(anew.key).toMatch(/\.2$/);
    expect(await templates().damage(anew.key)).toBeNull();
    await templates().remove(anew.key);
    expect((await templates().list()).some(({ key }) => key === anew.key)).toBe(false);
    expect([await templates().leftovers(), readdirSync(join(world.state, "mysql/trash"))]).toEqual([[], []]);
    expect((await world.driver.describeStorage?.(two))?.method).toBeDefined();
  });

  test("with a mask hold nothing of what was masked, in no file", async () => {
    writeSql(
      "dump.sql",
      "CREATE TABLE people (id INT PRIMARY KEY, mail VARCHAR(200));\nINSERT INTO people VALUES (1, 'verysecretaddress@example.com');\nCREATE VIEW mails AS SELECT mail FROM people;\n",
    );
    writeSql("mask.sql", "UPDATE people SET mail = CONCAT('p', id, '@example.com');\n");
    const spec = await made("masked", { from: "dump.sql", mask: "mask.sql" });
    expect(await ask(spec, "SELECT mail FROM mails")).toEqual([{ mail: "p1@example.com" }]);
    expect(await stages()).toEqual(["masked"]);
    const found = Bun.spawnSync(["grep", "-rl", "verysecretaddress", join(world.state, "mysql"), spec.directory]);
    expect(found.stdout.toString()).toBe("");
    writeSql("mask.sql", "UPDATE poeple SET mail = '';\n");
    const error = await failureOf(world.driver.ensure(await world.spec("bad", { from: "dump.sql", mask: "mask.sql" }), world.call()));
    expect(error.message).toMatch(/^resources\.db\.mask: mask\.sql line 1 failed: /);
    expect(readdirSync(join(world.state, "mysql/building"))).toEqual([]);
  });
});
