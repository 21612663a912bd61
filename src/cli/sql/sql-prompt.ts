// The built-in SQL prompt, for where the database's own client is not installed: statements up to `;`, tables, `\q`. Also for a pipe.
import type { Context } from "../command.ts";
import { sqlErrorJson, sqlJson } from "../render/sql-json.ts";
import { placeLines, sqlCsv, sqlLines } from "../render/sql-text.ts";
import { symbolsFor } from "../symbols.ts";
import { type MetaCommand, parseMeta } from "./sql-describe.ts";
import { SqlFailure, type SqlResult, type SqlSession } from "./sql-session.ts";
import { type Dialect, isBlankSql, splitSql } from "./sql-statements.ts";

export type PromptContext = Pick<Context, "terminal" | "json"> & { csv?: boolean };

const helpText = `Statements end with ; and may have many lines.
  \\q         leave (also: exit, quit, Ctrl-D)
  \\d, \\dt    tables and views
  \\d <name>  columns, indexes and constraints of one
  \\?         this help
  Ctrl-C     cancels what runs, or forgets what is written
`;

/** Runs everything from a pipe; stops at the first statement that fails. Resolves with the exit code. */
export async function runSqlText(session: SqlSession, source: ReadableStream<Uint8Array>, context: PromptContext): Promise<number> {
  const runner = createRunner(session, context);
  using _ = onInterrupt(runner.interrupt);
  const decoder = new TextDecoder();
  let open = "";
  for await (const chunk of source) {
    open += decoder.decode(chunk, { stream: true });
    // A statement ends with a semicolon, so without one there is nothing to look for yet.
    if (!open.includes(";")) continue;
    const { statements, rest } = splitSql(open, session.dialect);
    for (const statement of statements) {
      if (/^(?:\\q|exit|quit)(?:\s|$)/i.test(statement)) return 0;
      const outcome = await runPiece(runner, statement, { dialect: session.dialect, context });
      if (outcome !== "done") return outcome === "leave" ? 0 : runner.failureCode();
    }
    open = rest;
  }
  const rest = open + decoder.decode();
  if (isLeave(rest)) return 0;
  return (await runPiece(runner, rest, { dialect: session.dialect, context })) === "failed" ? runner.failureCode() : 0;
}

/** Statements given as an argument; stops at the first that fails. Resolves with the exit code. */
export async function runSqlStatements(session: SqlSession, text: string, context: PromptContext): Promise<number> {
  const runner = createRunner(session, context);
  using _ = onInterrupt(runner.interrupt);
  const { statements, rest } = splitSql(text, session.dialect);
  for (const statement of [...statements, rest]) {
    const outcome = await runPiece(runner, statement, { dialect: session.dialect, context });
    if (outcome !== "done") return outcome === "leave" ? 0 : runner.failureCode();
  }
  return 0;
}

/** A statement, and the lines with commands of the prompt that stand before it. */
async function runPiece(
  runner: Runner,
  text: string,
  { dialect, context }: { dialect: Dialect; context: PromptContext },
): Promise<"leave" | "failed" | "done"> {
  let rest = text.trim();
  for (;;) {
    const [line = ""] = rest.split("\n", 1);
    const meta = parseMeta(line, dialect);
    if (!meta) break;
    const outcome = await runMeta(runner, meta, context);
    if (outcome !== "done") return outcome;
    rest = rest.slice(line.length).trim();
  }
  return isBlankSql(rest, dialect) || (await runner.run(rest)) === true ? "done" : "failed";
}

/** Asks at a terminal until the person leaves; a failed statement is only told. */
export async function askForSql(session: SqlSession, name: string, context: PromptContext): Promise<number> {
  const { createInterface } = await import("node:readline");
  const runner = createRunner(session, context);
  const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: true, historySize: 500 });
  let open = "";
  const ask = () => {
    lines.setPrompt(open === "" ? `${name}=> ` : `${name}-> `);
    lines.prompt();
  };
  // Ctrl-C ends the statement that runs, or forgets the one that is being written.
  lines.on("SIGINT", () => {
    process.stdout.write("^C\n");
    if (runner.interrupt()) return;
    open = "";
    for (const name of ["e", "u"]) lines.write(null, { ctrl: true, name });
    ask();
  });
  await context.terminal.out(context.terminal.paint.dim("The built-in prompt: statements end with ; and \\q leaves, \\? helps.\n"));
  ask();
  for await (const line of lines) {
    const meta = parseMeta(line, session.dialect);
    if (meta ? (await runMeta(runner, meta, context)) === "leave" : isLeave(`${open}${line}`)) break;
    if (!meta) open = await runTyped(runner, `${open}${line}\n`, session.dialect);
    ask();
  }
  lines.close();
  return 0;
}

/** What was typed so far, run as far as it is whole. Gives what is left over. */
async function runTyped(runner: Runner, text: string, dialect: Dialect): Promise<string> {
  const { statements, rest } = splitSql(text, dialect);
  for (const statement of statements) await runner.run(statement);
  return isBlankSql(rest, dialect) ? "" : rest;
}

/** A statement that is being written stays as it is. */
async function runMeta(runner: Runner, meta: MetaCommand, context: PromptContext): Promise<"leave" | "failed" | "done"> {
  const { terminal } = context;
  const refuse = async (message: string) => {
    await terminal.err(`${terminal.errPaint.bad("error:")} ${message}\n`);
    return "failed" as const;
  };
  if (meta.kind === "leave") return "leave";
  if (meta.kind === "unknown") return await refuse(`There is no command ${meta.name}; \\? shows those there are.`);
  if (meta.kind === "help") await terminal.out(helpText);
  else {
    for (const [index, statement] of meta.statements.entries()) {
      const outcome = await runner.run(statement, { unlessEmpty: true });
      if (outcome === false) return "failed";
      if (outcome === "empty" && index === 0) return await refuse(meta.absent);
    }
  }
  return "done";
}

function isLeave(text: string): boolean {
  return /^\s*(?:\\q|exit|quit)\s*;?\s*$/i.test(text);
}

interface Runner {
  /** Runs one statement and shows what it gave (with `unlessEmpty` only rows); false when the database refused it. */
  run(statement: string, how?: { unlessEmpty: boolean }): Promise<boolean | "empty">;
  /** Cancels the statement that runs; false when none does. */
  interrupt(): boolean;
  /** What a program ends with after the last one failed: 130 when that was wished. */
  failureCode(): number;
}

function createRunner(session: SqlSession, context: PromptContext): Runner {
  const { terminal, json } = context;
  let running: AbortController | null = null;
  let interrupted = false;
  return {
    failureCode: () => (interrupted ? 130 : 1),
    async run(statement, how) {
      running = new AbortController();
      try {
        const result = await session.run(statement, running.signal);
        if (how?.unlessEmpty && result.rows.length === 0) return "empty";
        await terminal.out(resultText(result, context));
        return true;
      } catch (error) {
        if (!(error instanceof SqlFailure)) throw error;
        if (json) {
          await terminal.out(sqlErrorJson(error));
          return false;
        }
        const place = error.position === null ? [] : placeLines(statement, error.position);
        const hint = error.hint ? [`  hint: ${error.hint}`] : [];
        await terminal.err(`${[`${terminal.errPaint.bad("error:")} ${error.message}`, ...place, ...hint].join("\n")}\n`);
        return false;
      } finally {
        running = null;
      }
    },
    interrupt() {
      interrupted = running !== null;
      running?.abort();
      return interrupted;
    },
  };
}

function resultText(result: SqlResult, { terminal, json, csv }: PromptContext): string {
  if (json) return sqlJson(result);
  if (csv) return sqlCsv(result);
  const { ellipsis } = symbolsFor(terminal.unicode);
  const width = terminal.stdoutIsTty ? (terminal.size()?.columns ?? null) : null;
  return `${sqlLines(result, { paint: terminal.paint, ellipsis, width }).join("\n")}\n`;
}

function onInterrupt(act: () => void): Disposable {
  process.on("SIGINT", act);
  return {
    [Symbol.dispose]() {
      process.off("SIGINT", act);
    },
  };
}
