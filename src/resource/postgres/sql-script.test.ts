import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createScriptCutter, type ScriptPart } from "./sql-script.ts";

function cut(text: string): ScriptPart[] {
  const cutter = createScriptCutter();
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  return [...lines.flatMap((line) => cutter.line(line)), ...cutter.end()];
}

const texts = (text: string) => cut(text).map((part) => ("text" in part ? part.text : part.kind));

test("statements end at semicolons that mean it", () => {
  expect(texts("SELECT 1; SELECT 2;\nSELECT\n 3")).toEqual(["SELECT 1;", "SELECT 2;", "SELECT\n 3"]);
  expect(texts("SELECT ';', \";\" , $$;$$, $a$ $$;$$ $a$;")).toHaveLength(1);
  expect(texts("SELECT 'it''s;', E'\\';', 'back\\';")).toEqual(["SELECT 'it''s;', E'\\';', 'back\\';"]);
  expect(texts("-- a;b\nSELECT 1 /* ; /* ; */ ; */;")).toHaveLength(1);
  expect(texts("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);")).toHaveLength(1);
  expect(texts(";;\n-- nothing\n;")).toEqual([]);
});

test("bodies of standard SQL functions hold semicolons", () => {
  const text = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;";
  expect(texts(`${text}\nBEGIN;\nSELECT 1;\nEND;`)).toEqual([text, "BEGIN;", "SELECT 1;", "END;"]);
});

test("COPY data is passed on untouched until its end", () => {
  const parts = cut("COPY public.t (a) FROM stdin;\n1;'\n\\N\n\\.\nSELECT 1;\n");
  expect(parts).toEqual([
    { kind: "copy", text: "COPY public.t (a) FROM stdin;", line: 1 },
    { kind: "data", text: "1;'\n" },
    { kind: "data", text: "\\N\n" },
    { kind: "dataEnd" },
    { kind: "statement", text: "SELECT 1;", line: 5 },
  ]);
  expect(cut("COPY t TO stdout;")[0]?.kind).toBe("statement");
  expect(cut("COPY t FROM stdin;\n1\n").at(-1)).toEqual({ kind: "dataEnd" });
});

test("commands to psql stand between statements only", () => {
  expect(cut("\\connect app\nSELECT '\n\\not a command';")).toEqual([
    { kind: "command", text: "\\connect app", line: 1 },
    { kind: "statement", text: "SELECT '\n\\not a command';", line: 2 },
  ]);
});

describe("properties", () => {
  const atom = fc.oneof(
    fc.string({ maxLength: 8 }).map((text) => `'${text.replaceAll("'", "''")}'`),
    fc.string({ maxLength: 8 }).map((text) => `"${text.replaceAll('"', '""')}"`),
    fc.string({ maxLength: 8 }).map((text) => `$q$${text.replaceAll("$", "")}$q$`),
    fc.string({ maxLength: 8 }).map((text) => `/*${text.replaceAll(/[*/]/g, "")}*/`),
    fc.string({ maxLength: 8 }).map((text) => `--${text.replaceAll(/[\n\r]/g, "")}\n`),
    fc.constantFrom("a", "1", "+", "(", ")", "\n", "$1", "e"),
  );
  const statement = fc.array(atom, { maxLength: 6 }).map((atoms) => {
    const open = atoms.filter((each) => each === "(").length;
    // Only balanced parentheses make a statement.
    const body = atoms.filter((each) => each !== ")").join(" ");
    return `SELECT ${body}${" ) ".repeat(open)};`;
  });

  test("statements come back as they were written, whatever is quoted in them", () => {
    fc.assert(
      fc.property(fc.array(statement, { maxLength: 5 }), (statements) => {
        expect(texts(statements.join("\n"))).toEqual(statements);
      }),
    );
  });

  test("any text is taken without an exception and nothing but space and comments is lost", () => {
    fc.assert(fc.property(fc.string(), (text) => void cut(text)));
  });
});
