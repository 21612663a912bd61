import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import type { WtError } from "../../errors/wt-error.ts";
import { dumpFile, loadFile } from "./dump-file.ts";
import { fileMark, inspectFile, tableDefinition } from "./inspect-file.ts";
import { createStatementCutter, plainSql, sqlTokens } from "./sql-tokens.ts";

const never = new AbortController().signal;
const shell = Bun.which("sqlite3");

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wt-sqlite-dump-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const at = (name: string) => join(directory, name);
function database(name: string, sql: string): string {
  const made = new Database(at(name), { create: true });
  made.run(sql);
  made.close();
  return at(name);
}
const rowsOf = (path: string, sql: string) => {
  const opened = new Database(path, { readonly: true, safeIntegers: true });
  const rows = opened.prepare(sql).values();
  opened.close();
  return rows;
};
const dumped = async (path: string, over: { format?: "plain" | "file"; schema?: boolean; data?: boolean } = {}) => {
  const to = at(`dump-${crypto.randomUUID()}`);
  await dumpFile(path, { path: to, format: null, schema: true, data: true, ...over }, never);
  return to;
};
const shellDump = (path: string) => Bun.spawnSync([shell ?? "", path, ".dump"]).stdout.toString();

const everything = `
  PRAGMA user_version = 7;
  CREATE TABLE [odd "name"] (id INTEGER PRIMARY KEY AUTOINCREMENT, "a b" TEXT DEFAULT 'x;y', r REAL, b BLOB, twice INT GENERATED ALWAYS AS (id * 2));
  INSERT INTO [odd "name"] ("a b", r, b) VALUES ('it''s' || char(10) || 'two lines', 0.1, x'00ff'), (NULL, 1.0, NULL), ('é😀', 9e999, zeroblob(3)), ('n' || char(0) || 'l', -9e999, 5);
  CREATE TABLE plain (x, y, PRIMARY KEY (x, y)) WITHOUT ROWID;
  INSERT INTO plain VALUES (9007199254740993, 'text'), (-1, 2.5e-300);
  CREATE INDEX by_y ON plain (y) WHERE x > 0;
  CREATE VIEW v AS SELECT * FROM plain;
  CREATE TRIGGER t AFTER INSERT ON plain BEGIN UPDATE [odd "name"] SET r = CASE WHEN new.x THEN 1 ELSE 2 END; DELETE FROM plain WHERE x IS NULL; END;
  CREATE VIRTUAL TABLE words USING fts5(body);
  INSERT INTO words VALUES ('hello world');
`;

describe("a dump", () => {
  test.skipIf(shell === null).each(["plain", "file"] as const)("as %s makes an equal database, for its owner alone", async (format) => {
    const path = database("a.db", everything);
    const to = await dumped(path, { format });
    expect([statSync(to).mode & 0o777, readdirSync(directory).filter((name) => name.startsWith("dump-")).length]).toEqual([0o600, 1]);
    await loadFile(to, at("b.db"), never);
    expect(inspectFile(at("b.db"), { abort: never, rows: true })).toEqual(inspectFile(path, { abort: never, rows: true }));
    for (const sql of [
      'SELECT *, typeof(r), typeof(b), hex("a b") FROM "odd ""name"""',
      "SELECT *, typeof(x), typeof(y) FROM plain",
      "SELECT * FROM words WHERE words MATCH 'hello'",
      "SELECT * FROM sqlite_sequence",
      "PRAGMA user_version",
    ]) {
      expect(rowsOf(at("b.db"), sql)).toEqual(rowsOf(path, sql));
    }
  });

  test.skipIf(shell === null)("is what the shell's .dump makes: each reads the other's", async () => {
    const path = database(
      "a.db",
      everything.replace("CREATE VIRTUAL TABLE words USING fts5(body);", "").replace(/INSERT INTO words.*/, ""),
    );
    const ours = await dumped(path);
    Bun.spawnSync([shell ?? "", "-bail", at("by-shell.db")], { stdin: Bun.file(ours) });
    expect(shellDump(at("by-shell.db"))).toBe(shellDump(path));
    writeFileSync(at("theirs.sql"), shellDump(path));
    await loadFile(at("theirs.sql"), at("by-us.db"), never);
    expect(shellDump(at("by-us.db"))).toBe(shellDump(path));
  });

  test("of the schema alone, or the data alone", async () => {
    const path = database("a.db", "CREATE TABLE t (x); INSERT INTO t VALUES (1); CREATE INDEX i ON t (x)");
    expect(await Bun.file(await dumped(path, { data: false })).text()).toBe(
      "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (x);\nCREATE INDEX i ON t (x);\nCOMMIT;\n",
    );
    expect(await Bun.file(await dumped(path, { schema: false })).text()).toBe(
      'PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nINSERT INTO "t" VALUES(1);\nCOMMIT;\n',
    );
  });

  test("that is interrupted or impossible leaves nothing", async () => {
    const path = database("a.db", "CREATE TABLE t (x)");
    const to = at("dump");
    const wish = { path: to, format: null, schema: true, data: true };
    await expect(dumpFile(path, wish, AbortSignal.abort())).rejects.toThrow();
    const error = (await dumpFile(path, { ...wish, format: "tar" }, never).catch((thrown) => thrown)) as WtError;
    expect([error.code, existsSync(to)]).toEqual(["dump_format", false]);
  });
});

test("a script that fails names its line", async () => {
  writeFileSync(at("bad.sql"), "CREATE TABLE t (x);\n\n-- here\nINSERT INTO\n  nowhere VALUES (1);\n");
  const error = (await loadFile(at("bad.sql"), at("b.db"), never).catch((thrown) => thrown)) as WtError;
  expect([error.code, error.message]).toEqual(["dump_unreadable", `${at("bad.sql")} line 3: no such table: nowhere.`]);
  writeFileSync(at("half.sql"), "BEGIN;\nCREATE TABLE t (x);\n");
  await expect(loadFile(at("half.sql"), at("c.db"), never)).rejects.toThrow("it ends in the middle of a transaction.");
});

describe("a schema as text", () => {
  test.each([
    [
      "CREATE TABLE t (b text,\n a INTEGER  primary key -- the key\n, check(a>0))",
      'CREATE TABLE "t" (a INTEGER primary key, check (a > 0), b text)',
    ],
    ["CREATE TABLE t (a numeric ( 10 , 2 )) strict", "CREATE TABLE t(a numeric(10,2))STRICT"],
  ])("%#", (one, other) => {
    expect(tableDefinition(one)).toBe(tableDefinition(other));
  });

  test("what sqlite and virtual tables keep for themselves is left out", () => {
    const { objects, rows } = inspectFile(database("a.db", everything), { abort: never, rows: true });
    expect(objects.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "index by_y ON plain",
      'table odd "name"',
      "table plain",
      "table words",
      "trigger t ON plain",
      "view v",
    ]);
    expect(rows).toEqual([
      { table: 'odd "name"', rows: 4, exact: true },
      { table: "plain", rows: 2, exact: true },
    ]);
  });

  test("many rows are estimated; the mark changes with a write", () => {
    const path = database(
      "a.db",
      "CREATE TABLE t (x); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 200001) INSERT INTO t SELECT x FROM n",
    );
    expect(inspectFile(path, { abort: never, rows: true }).rows).toEqual([{ table: "t", rows: 200_001, exact: false }]);
    const before = fileMark(path);
    const opened = new Database(path);
    opened.run("PRAGMA journal_mode = WAL");
    const logged = fileMark(path);
    opened.run("INSERT INTO t VALUES (1)");
    expect(new Set([before, logged, fileMark(path)]).size).toBe(3);
    opened.close();
    expect(fileMark(at("absent"))).toBeNull();
  });

  test("a file that is no database", () => {
    writeFileSync(at("no.db"), "this is text and not a database at all, not even a little bit");
    expect(() => inspectFile(at("no.db"), { abort: never, rows: false })).toThrow("cannot be read");
    writeFileSync(at("empty.db"), "");
    expect(inspectFile(at("empty.db"), { abort: never, rows: true }).objects).toEqual([]);
  });
});

const piece = fc.constantFrom(
  "select 1",
  ";",
  "'a;''b'",
  '"x;"',
  "-- c;\n",
  "/*;*/",
  "create trigger t begin",
  "case",
  "end",
  " ",
  "\n",
  "x'00'",
  "<=",
  "-",
  "1.5",
  "`;`",
  "[;]",
);

test("property: tokens lose nothing, and a script in pieces is cut as the whole is", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 15 }), fc.nat(), (parts, cut) => {
      const text = parts.join(" ");
      expect([...sqlTokens(text)].map((token) => token.text).join("")).toBe(text);
      expect(plainSql(sqlTokens(plainSql(sqlTokens(text))))).toBe(plainSql(sqlTokens(text)));
      const whole = createStatementCutter();
      const statements = whole.add(text);
      expect(statements.join("") + whole.end()).toBe(text);
      const cutter = createStatementCutter();
      const place = text === "" ? 0 : cut % text.length;
      const pieces = [...cutter.add(text.slice(0, place)), ...cutter.add(text.slice(place))];
      expect(pieces.join("") + cutter.end()).toBe(text);
    }),
    { numRuns: 400 },
  );
});
