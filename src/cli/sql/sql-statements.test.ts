import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type Dialect, isBlankSql, splitSql } from "./sql-statements.ts";

const whole = (text: string, dialect: Dialect = "postgres") => {
  const { statements, rest, inside } = splitSql(text, dialect);
  return { statements, rest: rest.trim(), inside };
};

describe("a semicolon ends a statement", () => {
  test.each<[string, string, string[]]>([
    ["two", "select 1; select 2;", ["select 1", "select 2"]],
    ["one begun", "select 1; select", ["select 1", "…select"]],
    ["empty ones", ";;  ; select 1;", ["select 1"]],
    ["in a string", "select 'a;b', 'it''s;';", ["select 'a;b', 'it''s;'"]],
    ["in a quoted name", 'select "a;""b;";', ['select "a;""b;"']],
    ["in comments", "select 1 -- a;b\n, 2 /* ; /* ; */ ; */;", ["select 1 -- a;b\n, 2 /* ; /* ; */ ; */"]],
    ["in dollars", "do $x$ begin; $$ ; end $x$;", ["do $x$ begin; $$ ; end $x$"]],
    ["parameters are no dollars", "select $1; select 2;", ["select $1", "select 2"]],
    ["a backslash is one", "select 'a\\'; select 2;", ["select 'a\\'", "select 2"]],
    ["but not in E''", "select E'a\\';b';", ["select E'a\\';b'"]],
    ["a name that ends in e", "select e'a;b', type'c;d';", ["select e'a;b', type'c;d'"]],
    [
      "a function with a body",
      "create or replace function f() returns int language sql begin atomic select case when true then 1 end; select 2; end; select 3;",
      ["create or replace function f() returns int language sql begin atomic select case when true then 1 end; select 2; end", "select 3"],
    ],
    ["a transaction is no body", "begin; select 1; end;", ["begin", "select 1", "end"]],
    ["a table called function", "create table t (trigger int); select 1;", ["create table t (trigger int)", "select 1"]],
  ])("%s", (_, text, expected) => {
    const { statements, rest, inside } = whole(text);
    expect([...statements, ...(rest ? [`…${rest}`] : [])]).toEqual(expected);
    expect(inside).toBeNull();
  });

  test("as each database writes it", () => {
    expect(whole("select `a;`, [b;]; select 'x\\';", "sqlite").statements).toEqual(["select `a;`, [b;]", "select 'x\\'"]);
    expect(whole("select 'a\\';b'; # c;\nselect 2;", "mysql").statements).toEqual(["select 'a\\';b'", "# c;\nselect 2"]);
    const trigger = "create temp trigger t after insert on a begin update a set x = case when 1 then 2 end; delete from b; end";
    expect(whole(`${trigger}; select 1;`, "sqlite").statements).toEqual([trigger, "select 1"]);
  });

  test.each<[string, "string" | "comment" | "body"]>([
    ["select 'a;", "string"],
    ["select $$ a;", "string"],
    ["select /* a;", "comment"],
    ["create function f() begin atomic select 1;", "body"],
  ])("%s is not whole", (text, inside) => {
    expect(whole(text)).toEqual({ statements: [], rest: text, inside });
  });
});

test("blank is what holds nothing to run", () => {
  for (const text of ["", " \n;", "-- a", "/* a */ -- b\n", "/* open"]) expect(isBlankSql(text, "postgres")).toBe(true);
  for (const text of ["a", "-- a\nb", "''"]) expect(isBlankSql(text, "postgres")).toBe(false);
});

const piece = fc.oneof(
  fc.constantFrom("select 1", "'a;''b'", '"x;"', "$$;$$", "$t$;'$t$", "-- c;\n", "/*;*/", "\n", "E'\\';'", "f(x)", "$1", "'"),
  fc.string({ maxLength: 4 }),
);

test("property: nothing is lost and pieces of a pipe split as the whole does", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.constant(";")), { maxLength: 20 }), fc.nat(), (parts, cut) => {
      const text = parts.join(" ");
      for (const dialect of ["postgres", "mysql", "sqlite"] as const) {
        const once = splitSql(text, dialect);
        const bare = (given: string) => given.replace(/[\s;]/g, "");
        expect(bare(once.statements.join("") + once.rest)).toBe(bare(text));
        // As from a pipe: whatever the first piece ends with, the second decides nothing anew about what was already whole.
        const at = text === "" ? 0 : cut % text.length;
        const first = splitSql(text.slice(0, at), dialect);
        const second = splitSql(first.rest + text.slice(at), dialect);
        expect([...first.statements, ...second.statements]).toEqual(once.statements);
      }
    }),
    { numRuns: 300 },
  );
});
