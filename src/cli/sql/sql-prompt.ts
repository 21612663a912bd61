// The built-in SQL prompt, for where the database's own client is not installed: statements up to `;`, tables, `\q`. Also for a pipe.
import type { Context } from "../command.ts";
import { sqlErrorJson, sqlJson } from "../render/sql-json.ts";
import { sqlLines } from "../render/sql-text.ts";
import { symbolsFor } from "../symbols.ts";
import { SqlFailure, type SqlSession } from "./sql-session.ts";
import { type Dialect, isBlankSql, splitSql } from "./sql-statements.ts";

export type PromptContext = Pick<Context, "terminal" | "json">;

const helpText = `Statements end with ; and may have many lines.
  \\q    leave (also: exit, quit, Ctrl-D)
  \\dt   tables
  \\?    this help
`;

const tablesOf: Readonly<Record<Dialect, string>> = {
  postgres: `SELECT table_schema AS schema, table_name AS name, table_type AS type FROM information_schema.tables
    WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2`,
  mysql: "SHOW TABLES",
  sqlite: "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1",
};

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
      if (!(await runner.run(statement))) return 1;
    }
    open = rest;
  }
  const rest = open + decoder.decode();
  if (isBlankSql(rest, session.dialect) || isLeave(rest)) return 0;
  return (await runner.run(rest.trim())) ? 0 : 1;
}

/** Statements given as an argument; stops at the first that fails. Resolves with the exit code. */
export async function runSqlStatements(session: SqlSession, text: string, context: PromptContext): Promise<number> {
  const runner = createRunner(session, context);
  using _ = onInterrupt(runner.interrupt);
  const { statements, rest } = splitSql(text, session.dialect);
  for (const statement of [...statements, ...(isBlankSql(rest, session.dialect) ? [] : [rest.trim()])]) {
    if (!(await runner.run(statement))) return 1;
  }
  return 0;
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
    if (/^\s*\\q\s*$/.test(line)) break;
    const rest = await runTyped(runner, { text: `${open}${line}\n`, dialect: session.dialect }, context);
    if (rest === null) break;
    open = rest;
    ask();
  }
  lines.close();
  return 0;
}

/** What was typed so far, run as far as it is whole. Gives what is left over; null to leave. */
async function runTyped(runner: Runner, typed: { text: string; dialect: Dialect }, context: PromptContext): Promise<string | null> {
  const { text, dialect } = typed;
  if (isLeave(text)) return null;
  const command = text.trim();
  if (command === "\\?") {
    await context.terminal.out(helpText);
    return "";
  }
  if (command === "\\dt") {
    await runner.run(tablesOf[dialect]);
    return "";
  }
  const { statements, rest } = splitSql(text, dialect);
  for (const statement of statements) await runner.run(statement);
  return isBlankSql(rest, dialect) ? "" : rest;
}

function isLeave(text: string): boolean {
  return /^\s*(?:\\q|exit|quit)\s*;?\s*$/i.test(text);
}

interface Runner {
  /** Runs one statement and shows what it gave; false when the database refused it. */
  run(statement: string): Promise<boolean>;
  /** Cancels the statement that runs; false when none does. */
  interrupt(): boolean;
}

function createRunner(session: SqlSession, { terminal, json }: PromptContext): Runner {
  const { ellipsis } = symbolsFor(terminal.unicode);
  let running: AbortController | null = null;
  return {
    async run(statement) {
      running = new AbortController();
      try {
        const result = await session.run(statement, running.signal);
        await terminal.out(json ? sqlJson(result) : `${sqlLines(result, { paint: terminal.paint, ellipsis }).join("\n")}\n`);
        return true;
      } catch (error) {
        if (!(error instanceof SqlFailure)) throw error;
        if (json) {
          await terminal.out(sqlErrorJson(error));
          return false;
        }
        const hint = error.hint ? `  hint: ${error.hint}\n` : "";
        await terminal.err(`${terminal.errPaint.bad("error:")} ${error.message}\n${hint}`);
        return false;
      } finally {
        running = null;
      }
    },
    interrupt() {
      running?.abort();
      return running !== null;
    },
  };
}

function onInterrupt(act: () => void): Disposable {
  process.on("SIGINT", act);
  return {
    [Symbol.dispose]() {
      process.off("SIGINT", act);
    },
  };
}
