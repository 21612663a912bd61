import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WtError } from "../../errors/wt-error.ts";
import { createPaint } from "../paint.ts";
import { placeLines } from "../render/sql-text.ts";
import type { Terminal } from "../terminal.ts";
import { parseMeta } from "./sql-describe.ts";
import { runSqlStatements, runSqlText } from "./sql-prompt.ts";
import { dialectOf, openSqlSession, type SqlSession, sqlitePath } from "./sql-session.ts";

let directory: string;
let session: SqlSession;
let printed: { out: string; err: string };
let terminal: Terminal;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "wt-sql-"));
  const path = join(directory, "a%b.db");
  new Database(path, { create: true }).close();
  session = await openSqlSession(`file:${path.replace("%", "%25")}`, "sqlite");
  printed = { out: "", err: "" };
  const paint = createPaint(false);
  terminal = {
    out: async (text) => {
      printed.out += text;
    },
    err: async (text) => {
      printed.err += text;
    },
    stdinIsTty: false,
    stdoutIsTty: false,
    stderrIsTty: false,
    size: () => ({ columns: 80, rows: 24 }),
    paint,
    errPaint: paint,
    unicode: true,
  };
});
afterEach(async () => {
  await session.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Arrives in pieces, as from a pipe. */
function piped(...pieces: string[]): ReadableStream<Uint8Array> {
  return new Blob(["", ...pieces]).stream();
}

describe("statements from a pipe", () => {
  test("tables, NULL, control characters, long and binary values", async () => {
    const text = `create table t (a, b); insert into t values (1, 'x'), (9007199254740993, null);
      select a, b from t; select '${"y".repeat(300)}' as long; select x'00ff' as bytes, 'a' || char(10, 27) || 'b' as control`;
    expect(await runSqlText(session, piped(text), { terminal, json: false })).toBe(0);
    expect(printed.out.split("\n")).toEqual([
      "Done",
      "2 rows changed",
      "a                 b",
      "1                 x",
      "9007199254740993  NULL",
      "(2 rows)",
      "long",
      `${"y".repeat(200)}…`,
      "(1 row)",
      "bytes    control",
      "X'00ff'  a\\nb",
      "(1 row)",
      "",
    ]);
  });

  test("the first that fails ends it with 1", async () => {
    expect(await runSqlText(session, piped("select 1 as n;\nselec;\nselect 2;"), { terminal, json: false })).toBe(1);
    expect(printed.out).toBe("n\n1\n(1 row)\n");
    expect(printed.err).toContain('error: near "selec": syntax error');
  });

  test("\\q leaves", async () => {
    expect(await runSqlText(session, piped("select 1 as n;\n\\q\nselect 2;"), { terminal, json: false })).toBe(0);
    expect(printed.out).toBe("n\n1\n(1 row)\n");
    expect(await runSqlText(session, piped("-- nothing\n"), { terminal, json: false })).toBe(0);
  });

  test("the prompt's own commands work in a pipe and between statements", async () => {
    const text = "create table t (x);\n\\dt\nselect 1 as n;\n\\dt";
    const tables = "name  type\nt     table\n(1 row)\n";
    expect(await runSqlText(session, piped(text), { terminal, json: false })).toBe(0);
    expect(printed.out.replace(/ +$/gm, "").slice(printed.out.indexOf("name"))).toBe(`${tables}n\n1\n(1 row)\n${tables}`);
    printed.out = "";
    expect(await runSqlStatements(session, "select 1 as n; \\dt", { terminal, json: false })).toBe(0);
    expect(printed.out).toContain(tables);
    expect(await runSqlText(session, piped("\\what\nselect 1;"), { terminal, json: false })).toBe(1);
    expect(printed.err).toContain("There is no command \\what");
  });

  test("as JSON: a line a statement, then the error", async () => {
    expect(await runSqlStatements(session, "select 1 as a, null as b; oops", { terminal, json: true })).toBe(1);
    const [first, second] = printed.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(first).toEqual({ schema: 1, columns: ["a", "b"], rows: [["1", null]], done: "1 row" });
    expect(second.error).toMatchObject({ code: "sql_failed", message: 'near "oops": syntax error' });
    expect(printed.err).toBe("");
  });
});

describe("what a statement gave", () => {
  test("as CSV: NULL is empty, an empty text is quoted", async () => {
    const text = `select 1 as "a,b", null as n, '' as e, 'say "hi"' as q, 'two' || char(10) || 'lines' as l; create table t (x)`;
    expect(await runSqlStatements(session, text, { terminal, json: false, csv: true })).toBe(0);
    expect(printed.out).toBe('"a,b",n,e,q,l\n1,,"","say ""hi""","two\nlines"\n');
  });

  test("an error shows the place, also far to the right and after wide characters", () => {
    expect(placeLines("select\n '😀', nope", 13)).toEqual(["LINE 2:  '😀', nope", "               ^"]);
    const [line, mark] = placeLines(`select ${"x".repeat(100)} nope`, 108);
    expect(line?.indexOf("nope")).toBe(mark?.indexOf("^") as number);
  });

  test("wider than the terminal: a line for each value", async () => {
    const wide = { ...terminal, stdoutIsTty: true, size: () => ({ columns: 20, rows: 9 }) };
    await runSqlStatements(session, "select 'aaaaaaaaaaaaaaa' as one, null as other; select 1 as n", { terminal: wide, json: false });
    expect(printed.out).toBe("-- row 1\none    aaaaaaaaaaaaaaa\nother  NULL\n(1 row)\nn\n1\n(1 row)\n");
  });

  test("tables, and what one is made of", async () => {
    const run = (text: string) => runSqlStatements(session, text, { terminal, json: false });
    await run("create table t (id integer primary key, x text not null default 'a'); create index i on t (x)");
    printed.out = "";
    expect([await run("\\d"), await run("\\d t"), await run("\\d nope"), await run("\\what")]).toEqual([0, 0, 1, 1]);
    expect(
      printed.out
        .split("\n")
        .slice(0, 8)
        .map((line) => line.trimEnd()),
    ).toEqual([
      "name  type",
      "t     table",
      "(1 row)",
      "column  type     nullable  default  key",
      "id      INTEGER            NULL     primary key",
      "x       TEXT     not null  'a'",
      "(2 rows)",
      "index or trigger  sql",
    ]);
    expect(printed.err).toBe("error: There is no table nope.\nerror: There is no command \\what; \\? shows those there are.\n");
  });
});

test.each([
  ["\\q", "leave"],
  [" \\? ", "help"],
  ["\\dt;", "show"],
  ["\\d public.t", "show"],
  ["\\x", "unknown"],
])("%s is a command of the prompt", (line, kind) => {
  for (const dialect of ["postgres", "mysql", "sqlite"] as const) expect(parseMeta(line, dialect)?.kind).toBe(kind as never);
  expect(parseMeta(`select '${line}'`, "postgres")).toBeNull();
});

test("a table's name never becomes SQL", () => {
  for (const dialect of ["postgres", "mysql", "sqlite"] as const) {
    const meta = parseMeta("\\d x' ` \" or 1", dialect);
    const [statement = ""] = meta?.kind === "show" ? meta.statements : [];
    expect(statement).toContain(dialect === "mysql" ? "`x' `` \" or 1`" : "'x'' ` \" or 1'");
  }
});

test("a database that does not answer", async () => {
  const failure = async (url: string, dialect: "sqlite" | "postgres") =>
    (await openSqlSession(url, dialect).catch((error) => error)) as WtError;
  expect((await failure(join(directory, "absent.db"), "sqlite")).code).toBe("database_unreachable");
  const error = await failure("postgres://app:secret@127.0.0.1:1/app", "postgres");
  expect([error.code, JSON.stringify(error.toWire()).includes("secret")]).toEqual(["database_unreachable", false]);
});

test.each([
  ["postgres://a@b/c", "postgres"],
  ["postgresql://a@b/c", "postgres"],
  ["mysql://a@b/c", "mysql"],
  ["file:/a", "sqlite"],
  ["sqlite:///a", "sqlite"],
  ["/a/b.db", "sqlite"],
  ["redis://a", null],
  ["memory://x", null],
])("%s is %s", (url, dialect) => {
  expect(dialectOf(url)).toBe(dialect as never);
});

test.each([
  ["/a/b.db", "/a/b.db"],
  ["file:/a/b%3F.db", "/a/b?.db"],
  ["file:///a/b.db?mode=ro", "/a/b.db"],
  ["sqlite:////a/b.db", "/a/b.db"],
  ["sqlite:///a/b.db", "/a/b.db"],
])("%s is the file %s", (url, path) => {
  expect(sqlitePath(url)).toBe(path);
});
